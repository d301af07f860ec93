"""`eectl workflow`: what the commands that look at files write, where, and with which exit code."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from ee_core.cli.exits import Exit
from ee_core.cli.files import is_file_name, write_file
from ee_core.cli.main import run_command
from ee_core.definitions.source import read
from ee_core.errors import InputError

NATIVE = """\
# a comment
ee: 1
name: w
inputs: {n: {type: integer, default: 1}}
start: a
nodes:
  a: {activity: noop, with: {output: {total: "${inputs.n}"}}, next: b}
  b: {activity: log, with: {text: "${nodes.a.output.total}"}, next: z}
  z: {end: succeeded}
"""


@pytest.fixture
def file(tmp_path, monkeypatch) -> Path:
    """A workflow file in the working folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "w.ee.yaml"
    path.write_text(NATIVE)
    return path


def test_a_file_has_one_hash_whatever_is_known_of_its_bots(file, capsys):
    file.write_text(NATIVE.replace("activity: noop", "activity: price"))
    Path("clerk.py").write_text(
        "from ee_core import Bot\n\nbot = Bot('clerk')\n\n\n"
        "@bot.activity('price', stateless=True, idempotent=True)\ndef price(output: dict) -> dict:\n    return output\n"
    )

    codes = [run_command(["workflow", "check", "w.ee.yaml", *more]) for more in ([], ["--bot", "clerk.py"])]

    plain, known = capsys.readouterr().out.splitlines()
    assert codes == [Exit.OK, Exit.OK]
    assert plain == known


def test_a_python_file_in_the_place_of_a_workflow_is_told_where_a_bots_file_belongs(file, capsys):
    Path("clerk.py").write_text("from ee_core import Bot\n")

    assert run_command(["workflow", "check", "clerk.py"]) == Exit.INVALID_INPUT
    err = capsys.readouterr().err
    assert "clerk.py is a Python file, no workflow" in err
    assert "name a bot's file with --bot" in err


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    target, link = tmp_path / "a.txt", tmp_path / "link"
    write_file(str(target), "one\n")
    target.chmod(0o640)
    link.symlink_to(target)

    write_file(str(link), "two\n")

    assert target.read_bytes() == b"two\n"
    assert (link.is_symlink(), target.stat().st_mode & 0o777) == (True, 0o640)
    assert {path.name for path in tmp_path.iterdir()} == {"a.txt", "link"}
    with pytest.raises(InputError, match="cannot be written"):
        write_file(str(tmp_path / "no" / "folder"), "three")
    with pytest.raises(InputError, match="cannot be written"):
        write_file(str(tmp_path), "three")
    assert {path.name for path in tmp_path.iterdir()} == {"a.txt", "link"}


def test_a_new_file_may_be_read_by_whom_the_umask_lets(tmp_path):
    before = os.umask(0o027)
    try:
        write_file(str(tmp_path / "a"), "x")
        assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)


def test_the_schema_is_printed_or_written(file, capsys):
    assert run_command(["workflow", "schema"]) == Exit.OK
    printed = json.loads(capsys.readouterr().out)
    assert run_command(["workflow", "schema", "--into", "s.json"]) == Exit.OK

    written = json.loads(Path("s.json").read_text())
    assert printed == written
    Draft202012Validator(written).validate(read(file.read_bytes(), "w").plain())


def test_a_workflow_goes_to_the_export_form_and_back(file, capsys):
    assert run_command(["workflow", "convert", "w.ee.yaml", "--to", "export", "--into", "w.json"]) == Exit.OK
    said = capsys.readouterr()
    assert run_command(["workflow", "convert", "w.json", "--to", "native"]) == Exit.OK

    assert said.out == ""
    assert "note: 2 activity types and their inputs go into a bindings file: --bindings-into FILE" in said.err
    assert "note: the types and defaults of the inputs are left out: n" in said.err
    back = capsys.readouterr().out
    assert read(back.encode(), "b.yaml").plain() == read(file.read_bytes(), "w.yaml").plain()


def test_bindings_go_into_their_own_file_and_the_export_file_loads_with_them(file, capsys):
    command = [
        "workflow",
        "convert",
        "w.ee.yaml",
        "--to",
        "export",
        "--into",
        "w.json",
        "--bindings-into",
        "b.yaml",
    ]
    assert run_command(command) == Exit.OK

    assert run_command(["workflow", "check", "w.json", "--bindings", "b.yaml", "--strict"]) == Exit.OK
    assert "$" + "{total}" in Path("b.yaml").read_text()
    assert "with key" not in capsys.readouterr().err


@pytest.mark.parametrize("notation", ["json", "yaml"])
def test_the_notation_changes_and_the_content_does_not(file, capsys, notation):
    assert run_command(["workflow", "convert", "w.ee.yaml", "--format", notation]) == Exit.OK

    printed = capsys.readouterr().out
    assert printed.startswith({"json": "{\n", "yaml": "ee: 1\n"}[notation])
    assert read(printed.encode(), f"w.{notation}").plain() == read(file.read_bytes(), "w.yaml").plain()


def test_a_wrong_file_is_not_converted(file, capsys):
    file.write_text(NATIVE.replace("next: b", "next: c"))

    assert (
        run_command(["workflow", "convert", "w.ee.yaml", "--to", "export", "--into", "w.json"])
        == Exit.INVALID_INPUT
    )
    assert "EE-W105" in capsys.readouterr().err
    assert not Path("w.json").exists()


def test_a_workflow_is_shown_in_words(file, capsys):
    assert run_command(["workflow", "show", "w.ee.yaml"]) == Exit.OK

    assert capsys.readouterr().out.partition("\n")[2] == (
        "\ninputs:\n  n: integer, without it 1\n"
        '\na: noop, needs no bot, the start\n  output = {"total": "${inputs.n}"}\n  -> b\n'
        "\nb: log, needs no bot\n  text = ${nodes.a.output.total}\n  -> z\n"
        "\nz: end, succeeded\n"
    )


def test_a_workflow_is_drawn(file, capsys):
    assert run_command(["workflow", "graph", "w.ee.yaml"]) == Exit.OK

    assert capsys.readouterr().out.splitlines() == [
        "flowchart TD",
        '  n0["a<br/>noop"]',
        '  n1["b<br/>log"]',
        '  n2(["z<br/>succeeded"])',
        "  begin(( )) --> n0",
        "  n0 --> n1",
        "  n1 --> n2",
    ]


def test_files_are_formatted_and_the_check_says_which_would_change(file, capsys):
    Path("usual.ee.yaml").write_text("ee: 1\nname: w\nstart: z\nnodes:\n  z: {end: succeeded}\n")
    Path("other.ee.yaml").write_text("name: w\nee: 1\nstart: z # here\nnodes:\n  z: {end: succeeded}\n")
    files = ["usual.ee.yaml", "other.ee.yaml"]

    assert run_command(["workflow", "fmt", "--check", *files]) == Exit.FOUND_SOMETHING
    assert capsys.readouterr().err == "other.ee.yaml would change\n"
    assert run_command(["workflow", "fmt", *files]) == Exit.OK
    assert capsys.readouterr().err == "other.ee.yaml is written anew\n"
    assert run_command(["workflow", "fmt", "--check", *files]) == Exit.OK

    assert (
        Path("other.ee.yaml").read_text()
        == "ee: 1\nname: w\nstart: z # here\nnodes:\n  z: {end: succeeded}\n"
    )


def test_a_file_that_cannot_be_formatted_is_left_and_the_others_are_not(file, capsys):
    Path("export.json").write_text("[]")

    assert run_command(["workflow", "fmt", "export.json", "w.ee.yaml"]) == Exit.INVALID_INPUT
    assert Path("export.json").read_text() == "[]"
    assert "w.ee.yaml is written anew" in capsys.readouterr().err


def test_bindings_are_begun_and_continued(file, capsys):
    nodes = [
        {"id": "s", "pointers": [{"pointsTo": "a"}]},
        {"id": "a", "type": "Activity", "activityId": "one", "pointers": [{"pointsTo": "e"}]},
        {"id": "e", "type": "End"},
    ]
    Path("w.json").write_text(json.dumps(nodes))

    assert run_command(["workflow", "bind", "w.json", "--into", "b.yaml"]) == Exit.OK
    first = Path("b.yaml").read_text().replace("CHANGE.ME", "noop")
    Path("b.yaml").write_text(first)
    nodes[1] |= {"pointers": [{"pointsTo": "b"}]}
    nodes.append({"id": "b", "type": "Activity", "activityId": "two", "pointers": [{"pointsTo": "e"}]})
    Path("w.json").write_text(json.dumps(nodes))
    assert run_command(["workflow", "bind", "w.json", "--into", "b.yaml"]) == Exit.OK

    assert Path("b.yaml").read_text().startswith(first)
    assert "two:" in Path("b.yaml").read_text()
    assert run_command(["workflow", "bind", "w.json", "--into", "b.yaml"]) == Exit.OK
    assert capsys.readouterr().err.splitlines() == [
        "1 activity id to bind",
        "1 activity id to bind",
        "nothing is left to bind",
    ]
    assert run_command(["workflow", "bind", "w.ee.yaml"]) == Exit.INVALID_INPUT


def test_what_a_node_selects_is_held_against_the_bot_of_a_given_file(file, capsys):
    bot = 'from ee_core import Bot\n\nbot = Bot("b", labels={"app": "files"}, pool="t")\n\n\n@bot.activity("files.scan")\ndef scan() -> None: ...\n'
    file.with_name("b.py").write_text(bot)
    nodes = (
        "  a: {activity: files.scan, bot: {labels: {app: fils}, pool: tt}, next: z}\n  z: {end: succeeded}\n"
    )
    file.write_text(f"ee: 1\nname: w\nstart: a\nnodes:\n{nodes}")

    code = run_command(["workflow", "check", str(file), "--bot", "b.py", "--strict"])

    said = capsys.readouterr().err
    assert code == Exit.FOUND_SOMETHING
    assert "no given bot that serves 'files.scan' has app=fils: 'b' has app=files, pool=t" in said
    assert "did you mean 'files'?" in said
    assert "no given bot that serves 'files.scan' has pool=tt" in said


def test_a_bot_without_a_pool_is_in_that_of_eectl_run(file):
    file.with_name("b.py").write_text(
        'from ee_core import Bot\n\nbot = Bot("b")\n\n\n@bot.activity("files.scan")\ndef scan() -> None: ...\n'
    )
    nodes = "  a: {activity: files.scan, bot: {pool: local}, next: z}\n  z: {end: succeeded}\n"
    file.write_text(f"ee: 1\nname: w\nstart: a\nnodes:\n{nodes}")

    assert run_command(["workflow", "check", str(file), "--bot", "b.py", "--strict"]) == Exit.OK


def test_a_member_that_a_given_bots_function_does_not_give_is_told(file, capsys):
    bot = 'from dataclasses import dataclass\n\nfrom ee_core import Bot\n\nbot = Bot("b")\n\n\n@dataclass\nclass R:\n    bytes: int\n    words: int\n\n\n@bot.activity("scan")\ndef scan() -> R: ...\n'
    file.with_name("b.py").write_text(bot)
    nodes = "  a: {activity: scan, next: b}\n  b:\n    exclusive:\n      - when: nodes.a.output.byte > 3\n        next: z\n      - otherwise: true\n        next: z\n  z: {end: succeeded}\n"
    file.write_text(f"ee: 1\nname: w\nstart: a\nnodes:\n{nodes}")

    run_command(["workflow", "check", str(file), "--bot", "b.py"])

    said = capsys.readouterr().err
    assert (
        "warning[EE-W306]: nodes.a.output has no 'byte', says the activity type: there are bytes, words"
        in said
    )
    assert "did you mean 'bytes'?" in said


def test_a_name_with_blanks_and_a_slash_is_no_file_until_there_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert is_file_name("flows/post")
    assert not is_file_name("Invoices / SAP")
    assert is_file_name("my flows/post.json")
