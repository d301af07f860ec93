"""Every code with which code of this repository lets an attempt or a node fail is explained, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ee_core.cli.exits import Exit
from ee_core.cli.explanations import explanations
from ee_core.cli.main import run_command

# where attempts are carried out and nodes fail; what a command is answered with is told by the classes of errors
WHERE = (
    "ee_core/bot/*.py",
    "ee_core/contracts/inputs.py",
    "ee_core/local/activities.py",
    "ee_core/model/events.py",
    "ee_core/model/decide/*.py",
    "ee_core/errors.py",
    "plugins/ee-activity-*/src/**/*.py",
)
STANDS_FOR = {"exit_": "exit_NUMBER", "signal_": "signal_NUMBER", "http_": "http_STATUS"}
BY_TYPE = {"NAME_error"}  # the type of an exception of somebody's function: no code has it as a text


def find_codes(trees: list[ast.Module]) -> set[str]:
    """Return the texts that are given as a code: by that name, in its place, as a default, or in the table of incidents."""
    shared = {name: place for tree in trees for name, place in find_places(tree) if not name.startswith("_")}
    return {
        text
        for tree in trees
        for places in [shared | dict(find_places(tree))]
        for node in ast.walk(tree)
        for value in find_values(node, places)
        for text in find_texts(value)
    }


def find_places(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield in which place functions and plain classes take a code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            names = [argument.arg for argument in node.args.args if argument.arg != "self"]
        elif isinstance(node, ast.ClassDef):
            fields = [each.target for each in node.body if isinstance(each, ast.AnnAssign)]
            names = [target.id for target in fields if isinstance(target, ast.Name)]
        else:
            continue
        if "code" in names:
            yield node.name, names.index("code")


def find_values(node: ast.AST, places: dict[str, int]) -> Iterator[ast.expr]:
    if isinstance(node, ast.Call):
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        yield from (keyword.value for keyword in node.keywords if keyword.arg == "code")
        if name in places:
            yield from node.args[places[name] :][:1]
    elif isinstance(node, ast.FunctionDef):
        for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
            if argument.arg == "code" and default is not None:
                yield default
        for inner in ast.walk(node):
            if isinstance(inner, ast.Assign) and "code" in map(ast.unparse, inner.targets):
                yield inner.value
    elif isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "_CODES":
        assert isinstance(node.value, ast.Dict)
        yield from node.value.values


def find_texts(value: ast.expr) -> Iterator[str]:
    match value:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from find_texts(body)
            yield from find_texts(orelse)
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), _]):
            yield STANDS_FOR[text]


def test_every_code_of_a_failure_is_explained_and_no_other(repository: Path):
    trees = [ast.parse(path.read_text()) for pattern in WHERE for path in repository.glob(pattern)]

    assert find_codes(trees) | BY_TYPE == set(explanations("failures"))


def test_codes_that_documents_name_are_explained(repository: Path):
    known = set(explanations("failures"))
    told = {
        code
        for readme in repository.glob("plugins/ee-activity-*/README.md")
        for row in re.findall(
            r"^\|.*\| (?:\*\*Lost|failed|stopped).*\| (.*) \|$", readme.read_text(), re.MULTILINE
        )
        for code in re.findall(r"`([a-z_]+)`", row)
    }

    assert told - {"value_error", "http_error"} <= known
    assert len(told) > 15


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("secret_missing", "eectl secret check NAME"),
        ("http_503", "408, 425, 429 and 503"),
        ("exit_2", "`exit_codes`"),
        ("value_error", "activity type `python`"),
        ("import_error", "could not be imported"),
        ("not_found", "no such program"),
        ("not_found", "Exit code 4"),
        ("run_timeout", "timeout.run"),
    ],
)
def test_a_code_of_a_failure_is_explained(capsys, tmp_path, monkeypatch, word, said):
    monkeypatch.chdir(tmp_path)

    assert run_command(["explain", word]) == Exit.OK
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        (
            "files.seal",
            "if a bot serves it, `eectl bot list` shows which, and its own file says what it takes",
        ),
        ("retry.atempts", "did you mean 'retry.attempts'"),
        ("secret_mising", "did you mean 'secret_missing'"),
        ("http_5o3", "did you mean "),
    ],
)
def test_a_word_that_means_nothing_is_told_what_it_looks_like(capsys, tmp_path, monkeypatch, word, hint):
    monkeypatch.chdir(tmp_path)

    assert run_command(["explain", word]) == Exit.NOT_FOUND
    said = capsys.readouterr().err
    assert f"hint: {hint}" in said
    assert ("no installed plugin has the activity type 'files.seal'" in said) == (word == "files.seal")
