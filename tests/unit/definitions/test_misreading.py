"""A file that is no YAML is told at the line that does not fit, with what mends it."""

from __future__ import annotations

import pytest
import yaml

from ee_core.definitions.indentation import find_line_fault
from ee_core.definitions.rows import iter_rows
from ee_core.definitions.source import read
from ee_core.errors import WorkflowError

GOOD = """\
ee: 1
name: w
inputs:
  folder: {type: string}
start: scan
nodes:
  scan:
    activity: files.scan
    with: {folder: "${inputs.folder}"}
    bot: {app: files}
    next: pick
  pick:
    exclusive:
      - when: nodes.scan.output.n > 3
        next: a
      - otherwise: true
        next: b
  a: {end: succeeded}
  b:
    activity: log
    with:
      text: |
        hello
        you
    next: a
"""


def tell(text):
    with pytest.raises(WorkflowError) as caught:
        read(text.encode(), "w.yaml")
    [found] = caught.value.diagnostics
    return found


@pytest.mark.parametrize(
    ("line", "indent", "message", "hint"),
    [
        (9, 3, "this line is indented by 3, its neighbours by 4", "indent it by 4"),
        (9, 5, "this line is indented by 5, its neighbours by 4", "indent it by 4"),
        (9, 2, "this line is indented by 2, its neighbours by 4", "indent it by 4"),
        (11, 3, "this line is indented by 3, its neighbours by 4 and 2", "indent it by 4 or 2"),
        (8, 5, "this line is indented by 5, its neighbours by 4", "indent it by 4"),
        (8, 3, "this line is indented by 3, its neighbours by 4", "indent it by 4"),
        (8, 2, "this line is indented by 2, its neighbours by 4", "indent it by 4"),
        (12, 1, "this line is indented by 1, its neighbours by 2", "indent it by 2"),
        (12, 3, "this line is indented by 3, its neighbours by 2", "indent it by 2"),
        (12, 0, "this line is indented by 0, its neighbours by 2", "indent it by 2"),
        (15, 7, "this line is indented by 7, its neighbours by 8", "indent it by 8"),
        (
            15,
            9,
            "this line is indented by 9, its neighbours by 8",
            "indent it by 8, or quote the text before it if it goes on here",
        ),
        (16, 5, "this line is indented by 5, its neighbours by 6", "indent it by 6"),
        (16, 7, "this line is indented by 7, its neighbours by 6", "indent it by 6"),
        (24, 5, "this line is indented by 5, the text above it by 8", "indent it by 8"),
        (24, 4, "this line is indented by 4, the text above it by 8", "indent it by 8"),
    ],
)
def test_a_line_with_another_indentation_is_told_with_that_of_its_neighbours(line, indent, message, hint):
    lines = GOOD.split("\n")
    lines[line - 1] = " " * indent + lines[line - 1].lstrip()

    found = tell("\n".join(lines))

    assert (found.code, found.line, found.column) == ("EE-W003", line, indent + 1)
    assert (found.message, found.hint) == (f"this is no YAML: {message}", hint)


@pytest.mark.parametrize(
    ("good", "bad", "shown", "message", "hint"),
    [
        (
            "activity: files",
            "activity:files",
            ":f",
            "a blank is missing behind the colon",
            "write activity: files.scan",
        ),
        ("next: pick", "next:pick", ":p", "a blank is missing behind the colon", "write next: pick"),
        ("activity: files", "activity files", " files", "a colon is missing", "write activity: files.scan"),
        ("  pick:", "  pick", "", "a colon is missing", "write pick:"),
        ("nodes:", "nodes", "", "a colon is missing", "write nodes:"),
        ("exclusive:", "exclusive", "", "a colon is missing", "write exclusive:"),
        ("start:", "start\uff1a", "\uff1a", "'\uff1a' is no colon", "write : and a blank"),
        ("- otherwise", "-otherwise", "-o", "a blank is missing behind the dash", "write - otherwise: ..."),
        (
            "    bot",
            "\u00a0\u00a0  bot",
            "\u00a0",
            "the indentation holds the character U+00A0",
            "use blanks",
        ),
        ("start", "<<<<<<< HEAD\nstart", "<<<", "this line is no part of a workflow", "remove it"),
        ("ee: 1", "```yaml\nee: 1", "```", "this line is no part of a workflow", "remove it"),
        ('folder}"}', 'folder}"', "{f", "the bracket { is not closed", "write } behind what belongs to it"),
        ('folder}"}', "folder}}", '"$', 'the quote " is not closed', 'write " behind the text'),
        ('folder}"}', 'folder}"}}', "}", "there is one } too many", "remove it"),
        (
            "{app: files}",
            "{app: files pool: x}",
            ": x",
            "inside { } a comma is missing before this",
            "put a comma, or quote the whole text if it is one",
        ),
        (
            "bot: {app: files}",
            "bot: secret: KEY",
            "secret: KEY",
            "a reference to a secret has no blank in it",
            "write secret:KEY, if a secret is meant",
        ),
        (
            "${inputs.folder}",
            "C:\\\\new\\queue",
            "\\queue",
            "between double quotes \\ begins an escape, and this is none",
            "use single quotes, or write \\\\",
        ),
        (
            "activity: files.scan\n",
            "activity:\n    files.scan\n",
            "files.scan",
            "this line belongs to 'activity', and stands as far left",
            "write activity: files.scan",
        ),
        (
            "name: w",
            "name: w\ndescription: all of them\n  but not: these",
            "but",
            "this line is indented by 2, its neighbours by 0",
            "indent it by 0, or quote the text before it if it goes on here",
        ),
    ],
)
def test_what_is_missing_in_a_line_is_told_at_its_place(good, bad, shown, message, hint):
    assert good in GOOD
    found = tell(GOOD.replace(good, bad, 1))

    assert (found.code, found.message, found.hint) == ("EE-W003", f"this is no YAML: {message}", hint)
    assert found.shown[found.column - 1 :].startswith(shown)


def test_only_what_stands_outside_of_quotes_is_told_to_be_quoted():
    bare = tell(GOOD.replace('"${inputs.folder}"', "${inputs.folder}"))
    quoted = tell(GOOD.replace("bot: {app: files}", 'bot: "${inputs.folder}".x'))

    assert bare.hint == "quote the text that holds ${ }"
    assert quoted.hint == "quote the text, if it is one"


def test_nothing_is_found_in_a_file_that_can_be_read(repository):
    files = [
        each
        for folder in ("docs", "ee_core", "tests", "plugins")
        for each in (repository / folder).rglob("*.y*ml")
    ]

    for file in files:
        lines = file.read_text(encoding="utf-8").split("\n")
        if _is_yaml("\n".join(lines)):
            assert find_line_fault(lines, len(lines)) is None, file
    assert len(files) > 20


@pytest.mark.parametrize(
    "line",
    ["a" + " " * 500_000 + "b", "- " * 250_000, '"' + '\\"' * 250_000, "a: " + "# " * 250_000, "'" * 500_001],
    ids=["blanks", "dashes", "escapes", "comments", "quotes"],
)
def test_a_file_that_is_made_to_be_slow_to_look_at_is_not_looked_at_for_long(line):
    assert tell(f"{GOOD}{line}\n x: [\n")


@pytest.mark.parametrize("line", ["a" + " " * 300_000 + "b", "a" + " " * 300_000 + "b:"])
def test_a_row_is_read_once_however_many_blanks_are_in_it(line):
    [row] = iter_rows([line])

    assert (row.key or row.text) == line.removesuffix(":")


def test_many_lines_take_no_longer_than_they_are_many():
    lines = "".join(f"  b{number}:\n    c\n" for number in range(40_000))

    assert tell(f"a:\n{lines} x: [\n").line == 80_002


def test_of_lines_that_were_moved_most_are_told_with_where_they_stood(repository):
    told = []
    for file in (repository / "ee_core" / "cli" / "templates").rglob("*.ee.yaml"):
        lines = file.read_text(encoding="utf-8").split("\n")
        told += [each for place, line in enumerate(lines) if line for each in _tell_moved(lines, place)]

    assert sum(told) > 0.7 * len(told)
    assert len(told) > 100


def _tell_moved(lines, place):
    line = lines[place].lstrip()
    indent = len(lines[place]) - len(line)
    for moved in (indent - 2, indent - 1, indent + 1, indent + 2):
        text = "\n".join([*lines[:place], " " * moved + line, *lines[place + 1 :]])
        if moved >= 0 and not _is_yaml(text):
            found = tell(text)
            yield found.line == place + 1 and str(indent) in found.hint.split()


def _is_yaml(text):
    try:
        list(yaml.parse(text, Loader=yaml.CSafeLoader))
    except yaml.YAMLError:
        return False
    return True
