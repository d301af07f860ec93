"""Whatever a page shows as code works: workflows load, what is said about wrong ones is said, Python runs, commands exist.

The tutorial's commands are carried out elsewhere; those of other pages are only held against the commands there are.
"""

from __future__ import annotations

import importlib
import json
import re
import shlex
import sys
import textwrap

import click
import pytest
import yaml
from jsonschema import Draft202012Validator

from ee_core.cli.root import cli
from ee_core.config import Settings, load_settings
from ee_core.contracts.expression import Fault, Names
from ee_core.definitions import expand_with, load, render
from ee_core.definitions.source import read
from ee_core.errors import ExpressionError, WorkflowError
from ee_core.local.env import SystemEnv
from ee_core.registry import Registry

SERVED_BY_BOTS = "EE-W401"  # the plugins here do not serve what a page's bots do


@pytest.fixture(scope="module")
def registry():
    return Registry(Settings(), SystemEnv())


@pytest.fixture
def check(registry):
    """What loads a workflow, and returns what is said about it."""

    def check(text: str, place: str) -> str:
        try:
            found = load(
                text.encode(),
                place=place,
                activities=registry.installed_activities(),
                language=registry.open_expressions,
                expand=expand_with(registry.hooks),
            ).diagnostics
        except WorkflowError as error:
            found = error.diagnostics
        return render([one for one in found if one.code != SERVED_BY_BOTS])

    return check


def test_the_traps_of_expressions_are_as_the_table_says(registry, section_of):
    language = registry.open_expressions("cel")
    types = {"inputs.n": "int", "inputs.x": "dyn", "inputs.tags": "list", "nodes.read.output": "dyn"}
    values = {"inputs.n": 3, "inputs.x": 3, "inputs.tags": ["urgent"], "nodes.read.output": {"total": 12.5}}
    rows = re.findall(r"^\| `(.*)` \| (.*) \|$", section_of("workflows.md", "### Traps"), re.MULTILINE)

    for source, said in rows:
        program = language.compile(source, Names({**types, "nodes.read.error": "dyn"}))
        if isinstance(program, Fault):
            found = f"does not load: {program.message}"
        else:
            try:
                found = f"`{json.dumps(program.evaluate(values))}`"
            except ExpressionError as error:
                found = f"fails: {error}".removesuffix(f", in {source!r}")
        assert (source, found) == (source, said)
    assert len(rows) > 10


def make_whole(nodes: str) -> str:
    """Make a workflow of a part of ``nodes:``: targets that are missing become ends, inputs that are read are declared."""
    parsed = yaml.safe_load(nodes)
    named = re.findall(r"\b(?:next|on_error|parallel): (\[[^\]]*\]|\w+)", nodes)
    named += re.findall(r"^ *- (\w+)$", nodes, re.MULTILINE)
    targets = {word for text in named for word in re.findall(r"\w+", text)} - parsed.keys()
    inputs = sorted(set(re.findall(r"\binputs\.(\w+)", nodes)))
    lines = ["ee: 1", "name: part", f"start: {next(iter(parsed))}"]
    lines += ["inputs:", *(f"  {name}: {{}}" for name in inputs)] if inputs else []
    lines += ["nodes:", textwrap.indent(nodes, "  ")]
    return "\n".join([*lines, *(f"  {name}: {{end: succeeded}}" for name in sorted(targets))]) + "\n"


def test_a_part_of_a_file_is_as_it_stands_there(part_block, repository):
    written = (repository / part_block.title).read_text(encoding="utf-8")

    assert any(textwrap.indent(part_block.text, " " * depth) in written for depth in (0, 4))


def test_a_workflow_loads_or_says_what_the_page_says(workflow_block, check):
    is_whole = workflow_block.text.startswith("ee: 1")
    text = workflow_block.text if is_whole else make_whole(workflow_block.text)

    assert check(text, workflow_block.title or "workflow.ee.yaml") == workflow_block.said.rstrip("\n")


def test_a_workflow_that_loads_fits_the_published_schema(workflow_block, docs):
    is_whole = workflow_block.text.startswith("ee: 1")
    text = workflow_block.text if is_whole else make_whole(workflow_block.text)
    schema = json.loads((docs / "reference" / "workflow.schema.json").read_text(encoding="utf-8"))

    faults = [*Draft202012Validator(schema).iter_errors(read(text.encode(), "workflow.ee.yaml").plain())]

    assert bool(faults) == bool(re.search(r"^error\[EE-W(20|41)", workflow_block.said, re.MULTILINE))


def test_the_python_of_a_page_runs(page, tmp_path, monkeypatch, blocks_of, docs):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    namespace: dict[str, object] = {"__name__": "page"}
    before = set(sys.modules)

    for block in blocks_of(str(page.relative_to(docs))):
        if block.kind == "python" and block.title:
            (tmp_path / block.title).write_text(block.text)
            name = block.title.removesuffix(".py")
            namespace |= vars(importlib.import_module(name))
        elif block.kind == "python":
            exec(compile("\n" * block.line + block.text, str(page), "exec", dont_inherit=True), namespace)

    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def test_settings_are_settings(settings_block, tmp_path):
    file = tmp_path / "ee.toml"
    file.write_text(settings_block.text)

    load_settings(file=file, environ={})


def test_every_command_exists_with_its_options(console_block):
    lines = console_block.text.replace("\\\n", " ").splitlines()
    commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    assert commands or console_block.text.startswith("^"), "a command begins with a dollar sign"

    for command in commands:
        for words in split(command):
            own = words[2:] if words[:2] == ["uv", "run"] else words
            if own[:1] == ["env"]:
                own = [word for word in own[1:] if not re.match(r"[A-Z][A-Z0-9_]*=", word)]
            if own[:1] == ["eectl"]:
                parse(own[1:])


def split(line: str) -> list[list[str]]:
    """Return the words of each command of a line, as the shell reads it."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    commands: list[list[str]] = [[]]
    for word in lexer:
        if word in {">", ">&"}:
            next(lexer)  # the file, or the descriptor
            if commands[-1][-1:] == ["2"]:
                commands[-1].pop()  # of stderr
        elif set(word) <= set(";&|"):
            commands.append([])
        else:
            commands[-1].append(word)
    return commands


def parse(words: list[str]) -> None:
    """Read a command line as `eectl` does, and carry nothing out."""
    context = cli.make_context("eectl", list(words))
    command: click.Command = cli
    while isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        if not rest:
            return
        name, found, rest = command.resolve_command(context, rest)
        context, command = found.make_context(name, rest, parent=context), found
