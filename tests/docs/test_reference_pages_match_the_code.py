"""The reference says what the code says: compared here with the code itself, not with what makes the pages."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
import typing

import click
import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker

from ee_core import errors, hookspecs
from ee_core.cli.exits import Exit, exit_of
from ee_core.cli.root import cli
from ee_core.config import list_settings, load_settings
from ee_core.local.env import SystemEnv
from ee_core.messages import activity, bots, jobs, wire
from ee_core.messages.subjects import PATTERNS
from ee_core.model import events, waits
from ee_core.registry import Registry
from ee_core.testing.conformance import clauses_in

HOOKS = {name: value for name, value in vars(hookspecs).items() if hasattr(value, "ee_spec")}
ERRORS = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, Exception)]
CONTRACTS = ("activity", "broker", "catalogue", "env", "expression", "journal", "lock", "secrets")
MESSAGES = {
    name: value
    for module in (jobs, activity, bots, wire)
    for name, value in vars(module).items()
    if inspect.isclass(value) and issubclass(value, wire.BaseModel) and value.__module__ == module.__name__
}
del MESSAGES["Message"]  # the base of all
KINDS = [*typing.get_args(events.AnyEvent), events.Record, *typing.get_args(waits.Wait)]
SOURCES = ("ee_core", "plugins")


def rows_of(text: str) -> list[list[str]]:
    """The rows of all tables in a text, without their heads."""
    rows = []
    for table in re.findall(r"(?:^\|.*\|\n?)+", text, re.MULTILINE):
        lines = [re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()]
        rows += [[cell.strip().strip("`") for cell in line] for line in lines[2:]]
    return rows


def commands(command=cli, path="eectl"):
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), f"{path} {name}")


def sources(repository):
    return [
        path
        for folder in SOURCES
        for path in (repository / folder).rglob("*.py")
        if "tests" not in path.relative_to(repository).parts
    ]


def test_the_pages_are_as_they_are_made(repository):
    command = [sys.executable, "docs/_generate", "--check"]

    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("", ""), "run `poe docs` and commit docs/reference"


def test_every_page_is_in_the_navigation(repository, docs):
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)
    config = yaml.load((repository / "mkdocs.yml").read_text(encoding="utf-8"), Loader)
    named = re.findall(r"[\w/-]+\.md", json.dumps(config["nav"]))
    pages = {str(page.relative_to(docs)) for page in docs.rglob("*.md")}
    codes = {page for page in pages if page.startswith("reference/codes/")}

    assert sorted(named) == sorted(pages - codes)
    tables = (docs / "reference/errors.md").read_text() + (docs / "reference/diagnostics.md").read_text()
    incidents = {f"reference/codes/incident-{kind.value.lower()}.md" for kind in events.IncidentKind}
    assert {f"reference/{link}" for link in re.findall(r"codes/[\w-]+\.md", tables)} | incidents == codes


def test_every_hook_has_a_heading_with_exactly_its_arguments(docs):
    headings = re.findall(r"^### (ee_\w+\(.*\))$", (docs / "reference/hooks.md").read_text(), re.MULTILINE)

    assert headings == [
        f"{name}({', '.join(inspect.signature(hook).parameters)})" for name, hook in HOOKS.items()
    ]


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_has_a_sentence_for_each_argument_and_an_example(name, section_of):
    parameters = inspect.signature(HOOKS[name]).parameters

    text = section_of("reference/hooks.md", f"### {name}({', '.join(parameters)})")

    described = {row[0]: row[2] for row in rows_of(text)}
    assert list(described) == list(parameters)
    assert all(len(words) > 5 for words in described.values())
    assert f"def {name}(" in text
    assert "xception" in text


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_clause_is_there_with_its_words(name, docs):
    module = importlib.import_module(f"ee_core.contracts.{name}")
    page = (docs / "reference/contracts.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^- \*\*(\w+)\*\* (.*)$", page, re.MULTILINE))
    source = " ".join(inspect.getsource(module).replace("``", "`").split())

    assert set(clauses_in(module)) <= set(shown)
    for number in clauses_in(module):
        written = source.partition(f"[{number}] ")[2]
        # the page leaves out the numbers of rules
        assert re.sub(r"\s*\(R\d+a?\)", "", written).startswith(shown[number])


def test_no_clause_is_there_that_no_contract_has(docs):
    page = (docs / "reference/contracts.md").read_text(encoding="utf-8")
    modules = [importlib.import_module(f"ee_core.contracts.{name}") for name in CONTRACTS]

    shown = re.findall(r"^- \*\*(\w+)\*\*", page, re.MULTILINE)

    assert sorted(shown) == sorted(number for module in modules for number in clauses_in(module))


def test_the_kits_that_are_named_exist(docs):
    page = (docs / "reference/contracts.md").read_text(encoding="utf-8")

    named = re.findall(r"kit `(ee_core\.testing\.\w+)\.(\w+)`", page)

    assert len(named) >= 5
    assert all(hasattr(importlib.import_module(module), name) for module, name in named)


def test_every_subject_is_there_with_its_kind(section_of):
    rows = rows_of(section_of("reference/messages.md", "## Subjects").partition("A namespace")[0])
    shown = {re.sub(r"<type>$", ">", re.sub(r"<(?!type)\w+>", "*", row[0])): row[1] for row in rows}

    assert shown == {pattern: kind for kind, patterns in PATTERNS.items() for pattern in patterns}
    assert all(re.match(r"\[(\w+)\]", row[2])[1] in MESSAGES for row in rows)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_has_a_sentence_for_each_field_and_an_example_that_it_reads(name, section_of):
    model = MESSAGES[name]

    text = section_of("reference/messages.md", f"### {name}")

    described = {row[0]: row[-1] for row in rows_of(text)}
    assert set(described) == set(model.model_fields) - {"v"}
    assert all(described.values())
    example = re.search(r"```json\n(.*?)```", text, re.DOTALL)[1]
    read = model.model_validate_json(example)
    assert set(json.loads(example)) <= set(model.model_fields), (
        "an unknown field would be passed over in silence"
    )
    assert json.loads(read.model_dump_json(exclude_unset=True, exclude_none=True)) == json.loads(example)


def test_the_schema_has_every_message_and_field(docs):
    schema = json.loads((docs / "reference/messages.schema.json").read_text(encoding="utf-8"))

    for name, model in MESSAGES.items():
        assert set(schema["$defs"][name]["properties"]) == set(model.model_fields)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_as_it_is_written_fits_its_schema(name, docs, section_of):
    schema = json.loads((docs / "reference/messages.schema.json").read_text(encoding="utf-8"))
    example = re.search(r"```json\n(.*?)```", section_of("reference/messages.md", f"### {name}"), re.DOTALL)[
        1
    ]

    validator = Draft202012Validator(schema | {"$ref": f"#/$defs/{name}"}, format_checker=FormatChecker())

    validator.validate(json.loads(example))


def test_instants_are_told_as_the_text_that_travels(section_of):
    kinds = {
        (name, row[0]): row[1]
        for name in ("QueryJobs", "JobEvent")
        for row in rows_of(section_of("reference/messages.md", f"### {name}"))
    }

    assert kinds["QueryJobs", "at"] == kinds["JobEvent", "time"] == "instant"


def test_every_setting_is_there_with_variable_default_and_meaning(docs):
    rows = {row[0]: row[1:] for row in rows_of((docs / "reference/settings.md").read_text(encoding="utf-8"))}

    for doc in list_settings():
        assert rows[doc.key] == [doc.variable, doc.default, doc.description]
        assert doc.description.endswith(".")


def test_the_example_of_the_core_sets_every_setting(blocks_of, tmp_path):
    file = tmp_path / "ee.toml"
    file.write_text(blocks_of("reference/settings.md")[0].text)

    settings = load_settings(file=file, environ={})

    for doc in list_settings():
        if not doc.key.endswith(">"):
            *sections, key = doc.key.split(".")
            place = settings
            for section in sections:
                place = getattr(place, section)
            assert key in place.model_fields_set, doc.key


# the settings of plugins: what a plugin says about an unknown key names those it has
PLUGINS = {
    "The broker `nats` and the lock `nats`": ("broker", "nats"),
    "The broker `memory`": ("broker", "memory"),
    "The lock `memory`": ("lock", "memory"),
    "The journal `sqlite`": ("journal", "sqlite"),
    "The journal `memory`": ("journal", "memory"),
    "The catalogue `folder`": ("catalogue", "folder"),
    "The provider of secrets `env`": ("secrets", "env"),
    "The provider of secrets `file`": ("secrets", "file"),
    "The provider of secrets `keyring`": ("secrets", "keyring"),
    "The activity type `http`": ("activities", "http"),
    "The activity type `python`": ("activities", "python"),
    "The activity type `shell`": ("activities", "shell"),
}


@pytest.mark.parametrize("title", PLUGINS)
def test_the_settings_of_a_plugin_are_those_it_has(title, section_of):
    section, name = PLUGINS[title]

    rows = rows_of(section_of("reference/settings.md", f"## {title}"))

    with pytest.raises(errors.ConfigError) as caught:
        open_plugin(section, name, {"nope": 1})
    known = set(re.findall(r"\w+", re.split(r"it has|known are|knows", str(caught.value))[1]))
    own = (
        known if section == "secrets" else known - {"prefix"}
    )  # that of NATS is the namespace's, set by the core
    assert {row[0] for row in rows} == own
    assert all(row[2] for row in rows)


def open_plugin(section, name, settings):
    own = {f"{section}.{name}.{key}": value for key, value in settings.items()}
    is_by_name = section in ("activities", "secrets")
    registry = Registry(load_settings(own if is_by_name else {}, environ={}), SystemEnv())
    match section:
        case "secrets":
            return registry.open_secrets(name)
        case "activities":
            return registry.open_activity(name)
        case "catalogue":
            return registry.open_catalogue(name, settings)
        case _:
            return getattr(registry, f"open_{section}")(name, settings, SystemEnv())


def test_every_example_of_settings_is_accepted_by_its_plugins(blocks_of, tmp_path):
    blocks = [block for block in blocks_of("reference/settings.md") if block.language == "toml"]
    assert len(blocks) == len(PLUGINS) + 2

    for block in blocks[1:]:
        file = tmp_path / "ee.toml"
        file.write_text(block.text)
        settings = load_settings(file=file, environ={})
        registry = Registry(settings, SystemEnv())
        for section in {"broker", "lock", "journal", "catalogue"} & settings.model_fields_set:
            driver = getattr(settings, section)
            open_plugin(section, driver.name or settings.broker.name, driver.settings)
        for name in settings.activities:
            registry.open_activity(name)
        for name in settings.secrets.providers:
            registry.open_secrets(name)


def test_every_error_is_there_with_code_and_exit_code(section_of):
    rows = {row[0]: row[1:] for row in rows_of(section_of("reference/errors.md", "## The classes"))}

    assert list(rows) == [kind.__name__ for kind in ERRORS]
    for kind in ERRORS:
        code, retryable, meaning, ends = rows[kind.__name__]
        assert code == f"[`{kind.code}`](codes/{kind.code}.md)"
        assert (retryable == "yes") == kind.retryable
        assert meaning
        assert int(ends.split()[0]) == exit_of(kind.__new__(kind))


def test_the_tree_of_errors_is_the_tree_of_classes(section_of):
    lines = re.findall(
        r"^([│├└─ ]*)(\w+Error)", section_of("reference/errors.md", "## The tree"), re.MULTILINE
    )
    above: list[str] = []
    drawn = []
    for marks, name in lines:
        above = [*above[: len(marks) // 3], name]
        drawn.append(above[-2:])

    assert drawn[0] == ["EngineError"]
    assert sorted(drawn[1:]) == sorted([kind.__bases__[0].__name__, kind.__name__] for kind in ERRORS[1:])


COMMANDS = dict(commands())


@pytest.mark.parametrize("path", COMMANDS)
def test_a_command_is_there_with_its_words_arguments_and_options(path, section_of):
    command = COMMANDS[path]

    text = section_of("reference/commands.md", f"## {path}")

    assert " ".join(inspect.cleandoc(command.help).partition("\n\n")[0].split()) in " ".join(text.split())
    context = click.Context(command)
    usage = re.search(r"```text\n(.*?)\n```", text)[1]
    options = {row[0].split()[0].rstrip(","): row for row in rows_of(text) if row[0].startswith("-")}
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            assert parameter.make_metavar(context) in usage
        else:
            row = options.pop(parameter.opts[0])
            assert row[1].startswith(parameter.help)
    assert options == {}


def test_every_exit_code_is_there(section_of):
    rows = rows_of(section_of("reference/commands.md", "## Exit codes"))

    assert [int(row[0]) for row in rows] == [int(code) for code in Exit]
    assert all(row[1] for row in rows)


def test_every_diagnostic_of_the_code_is_there_once(repository, docs):
    page = (docs / "reference/diagnostics.md").read_text(encoding="utf-8")
    codes = {
        node.value
        for path in sources(repository)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and re.fullmatch(r"EE-W\d{3}", str(node.value))
    }

    shown = [re.search(r"EE-W\d{3}", row[0])[0] for row in rows_of(page)]

    assert sorted(shown) == sorted(codes)
    assert all(row[1] in {"error", "warning"} and row[2] for row in rows_of(page))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_event_and_wait_is_there_with_its_fields(kind, section_of):
    text = section_of("reference/events.md", f"{'##' if kind is events.Record else '###'} {kind.__name__}")

    described = {row[0]: row[-1] for row in rows_of(text)}

    assert list(described) == [name for name in kind.__annotations__ if not name.startswith("_")]
    if not kind.__name__.endswith("Wait"):
        assert all(described.values())


def test_every_action_that_is_logged_is_there(repository, docs):
    rows = rows_of((docs / "reference/logging.md").read_text(encoding="utf-8"))
    texts = [path.read_text(encoding="utf-8") for path in sources(repository)]
    actions = {action for text in texts for action in re.findall(r'extra=\{\s*"action": "(\w+)"', text)}

    assert {row[0] for row in rows} == actions
