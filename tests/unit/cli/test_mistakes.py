"""What somebody who is new to it does wrong: the message names the thing, the place, and what to do."""

import sys
from pathlib import Path

import pytest

from ee_core.bot.ledger import open_ledger
from ee_core.cli.exits import Exit
from ee_core.cli.main import run_command
from ee_core.local.env import SystemEnv

HELLO = "ee: 1\nname: hello\ninputs:\n  who: {type: string}\nstart: done\nnodes:\n  done: {end: succeeded}\n"
BOT = "from ee_core import Bot\n"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hello.ee.yaml").write_text(HELLO)


def told(capsys, *arguments):
    code = run_command(arguments)
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "cure"),
    [
        ("helo.ee.yaml", "did you mean 'hello.ee.yaml'?"),
        ("zzz", "has no such file"),
        ("nowhere/zzz", "there is no folder nowhere in "),
        (".", "name a file in it"),
    ],
)
def test_a_file_that_is_not_there(capsys, file, cure):
    code, err = told(capsys, "workflow", "check", file)

    assert code == Exit.NOT_FOUND
    assert f"{file} cannot be read" in err
    assert cure in err


def test_an_input_that_is_missing(capsys):
    code, err = told(capsys, "run", "hello.ee.yaml")

    assert code == Exit.INVALID_INPUT
    assert "input 'who' is missing\nhint: expected string, as in -i who=...\n" in err


def test_an_input_without_a_value(capsys):
    code, err = told(capsys, "run", "hello.ee.yaml", "-i", "who")

    assert code == Exit.INVALID_INPUT
    assert "input 'who' is not of the form name=value\nhint: write it as in -i who=...\n" in err


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"{\n  who: Ada}", "in.json:2:3 is no JSON"),
        (b"[1]", "in.json holds no JSON object"),
        (b'{"who": "\xff"}', "in.json is no JSON"),
    ],
)
def test_inputs_that_are_no_json_object(capsys, tmp_path, content, fault):
    (tmp_path / "in.json").write_bytes(content)

    code, err = told(capsys, "run", "hello.ee.yaml", "-I", "in.json")

    assert code == Exit.INVALID_INPUT
    assert fault in err
    assert "hint: " in err


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("x = 1\ndef f(:\n", "bot.py:2 cannot be imported: SyntaxError: invalid syntax\nhint: mend it there"),
        ("x = 1\n\n1 / 0\n", "bot.py:3 cannot be imported: ZeroDivisionError: division by zero\nhint: mend it there"),
        ("import nowhere_at_all\n", f"bot.py:1 cannot be imported: ModuleNotFoundError: No module named 'nowhere_at_all'\nhint: mend the name, or install its package where eectl is: `uv pip install --python {sys.executable} PACKAGE`, or with pip `{sys.executable} -m pip install PACKAGE`"),
        (BOT + 'bot = Bot("b")\n', "bot.py defines a bot without functions\nhint: decorate some with @bot.activity"),
        ("x = 1\n", "bot.py defines no bot\nhint: write "),
    ],
)  # fmt: skip
def test_a_file_that_is_no_bot(capsys, tmp_path, source, fault):
    (tmp_path / "bot.py").write_text(source)

    code, err = told(capsys, "run", "hello.ee.yaml", "-i", "who=Ada", "--bot", "bot.py")

    assert code in {Exit.INVALID_INPUT, Exit.NOT_FOUND}
    assert fault in err


def test_a_bot_says_that_it_serves_only_when_the_broker_is_reached(capsys, tmp_path):
    (tmp_path / "bot.py").write_text(f'{BOT}bot = Bot("b")\n\n\n@bot.activity("a.b")\ndef f() -> None: ...\n')

    code, err = told(capsys, "bot", "run", "bot.py", "--server", "nats://127.0.0.1:1")

    assert code == Exit.UNREACHABLE
    assert "lets us in at nats://127.0.0.1:1" in err
    assert "name another with --server" in err
    assert "serves" not in err


def test_a_command_without_its_group(capsys):
    assert told(capsys, "submit", "hello.ee.yaml") == (
        Exit.USAGE,
        "error: no such command 'submit'\nhint: did you mean `eectl job submit`?\n",
    )


@pytest.mark.parametrize(("typed", "meant"), [("jobs", "job"), ("stauts", "status"), ("wrkflow", "workflow")])
def test_a_misspelt_command_at_the_top(capsys, typed, meant):
    assert (
        told(capsys, typed)[1] == f"error: no such command '{typed}'\nhint: did you mean `eectl {meant}`?\n"
    )


def test_a_misspelt_option_and_a_misspelt_command(capsys):
    assert "hint: did you mean one of: '--input'" in told(capsys, "run", "hello.ee.yaml", "--inptu", "a=b")[1]
    assert "hint: did you mean 'submit'?" in told(capsys, "job", "sumbit")[1]


def test_a_folder_for_data_that_cannot_be_made(capsys):
    code, err = told(capsys, "up", "--data", "hello.ee.yaml/data", "--port", "-1")

    assert code == Exit.INVALID_INPUT
    assert "the folder hello.ee.yaml/data cannot be made: Not a directory\nhint: name another one\n" in err


def test_a_type_that_only_a_bot_serves_is_known_from_its_file(capsys, tmp_path):
    (tmp_path / "bot.py").write_text(
        f'{BOT}bot = Bot("b")\n\n\n@bot.activity("a.b")\ndef f(n: int) -> None: ...\n'
    )
    own = "ee: 1\nname: own\nstart: a\nnodes:\n  a: {activity: a.b, with: {n: 1}, next: done}\n  done: {end: succeeded}\n"
    (tmp_path / "own.ee.yaml").write_text(own)
    (tmp_path / "wrong.ee.yaml").write_text(own.replace("n: 1", "m: 1"))

    without = told(capsys, "workflow", "check", "own.ee.yaml", "--strict")
    knowing = told(capsys, "workflow", "check", "own.ee.yaml", "--strict", "--bot", "bot.py")
    wrong = told(capsys, "workflow", "check", "wrong.ee.yaml", "--bot", "bot.py")

    assert without[0] == Exit.FOUND_SOMETHING
    assert "= help: name the file of a bot that serves it with --bot FILE" in without[1]
    assert knowing == (Exit.OK, "")
    assert "'m'" in wrong[1]


@pytest.mark.parametrize(
    "command",
    [
        ["job", "show", "a b"],
        ["job", "watch", "a b"],
        ["job", "cancel", "a b"],
        ["job", "resolve", "a b", "i1", "retry"],
        ["job", "submit", "hello.ee.yaml", "--id", "a b"],
        ["bot", "release", "a b", "--reason", "x"],
    ],
)
def test_an_id_that_can_be_none(capsys, command):
    code, err = told(capsys, *command)

    assert code == Exit.USAGE
    assert "'a b' is no id\nhint: write up to 64 letters, digits, _ and -\n" in err


def test_a_bot_file_that_is_not_there(capsys, tmp_path):
    (tmp_path / "sorter.py").touch()

    assert (
        told(capsys, "bot", "run", "sortr.py")[1]
        == "error: sortr.py is not there\nhint: did you mean 'sorter.py'?\n"
    )


@pytest.mark.parametrize(
    ("file", "cure"),
    [("helo.ee.yaml", "did you mean 'hello.ee.yaml'?"), ("nowhere/zzz", "there is no folder nowhere in ")],
)
def test_a_file_to_submit_that_is_not_there_is_no_name_that_an_engine_is_asked_for(capsys, file, cure):
    code, err = told(capsys, "job", "submit", file, "--server", "nats://127.0.0.1:1")

    assert code == Exit.NOT_FOUND
    assert f"{file} cannot be read" in err
    assert cure in err


@pytest.mark.parametrize(
    ("path", "meant"),
    [("order.tst.yaml", "order.test.yaml"), ("tets", "tests"), ("test_ordr.py", "test_order.py")],
)
def test_a_file_of_tests_that_is_not_there(capsys, tmp_path, path, meant):
    (tmp_path / "tests").mkdir()
    for name in ("order.test.yaml", "test_order.py", "order.tst.yml"):
        (tmp_path / name).touch()

    code, err = told(capsys, "test", path)

    assert (code, err) == (Exit.NOT_FOUND, f"error: {path} is not there\nhint: did you mean {meant!r}?\n")


def test_a_place_of_a_rehearsal_that_is_not_there(capsys, tmp_path):
    (tmp_path / "one.ee.yaml").write_text(
        "ee: 1\nname: one\nstart: a\nnodes:\n  a: {activity: noop, next: done}\n  done: {end: succeeded}\n"
    )
    assert run_command(["workflow", "rehearse", "one.ee.yaml", "--list", "-o", "name"]) == Exit.OK
    place = capsys.readouterr().out.splitlines()[0]

    code, err = told(capsys, "workflow", "rehearse", "one.ee.yaml", "--only", place[:-1] + "x")

    assert code == Exit.NOT_FOUND
    assert "hint: did you mean '" in err


def test_a_bot_that_runs_already_is_a_conflict_with_the_option_that_ends_it(capsys, tmp_path):
    (tmp_path / "bot.py").write_text(f'{BOT}bot = Bot("b")\n\n\n@bot.activity("a.b")\ndef f() -> None: ...\n')
    with open_ledger(tmp_path / "b.ledger", bot="b", env=SystemEnv()):
        code, err = told(capsys, "bot", "run", "bot.py", "--ledgers", ".")

    assert code == Exit.CONFLICT
    assert "bot 'b' runs already: another process has its ledger 'b.ledger' open\n" in err
    assert "hint: stop that one, or start this one under another id: `eectl bot run FILE --id ID`\n" in err


def test_a_folder_of_workflows_that_is_not_there(capsys, tmp_path):
    (tmp_path / "workflows").mkdir()

    for folder, cure in (("workflws", "did you mean 'workflows'?"), ("zzz", "make it, or name the one with")):
        code, err = told(capsys, "up", "--workflows", folder, "--port", "-1", "--bots", "0")
        assert code == Exit.INVALID_INPUT
        assert f"catalogue.folder: {folder} is no folder\nhint: {cure}" in err


def test_a_folder_of_an_up_that_is_not_there(capsys, tmp_path):
    (tmp_path / "plant").mkdir()

    assert told(capsys, "status", "--data", "plnt") == (
        Exit.NOT_FOUND,
        "error: there is no folder plnt\nhint: did you mean 'plant'?\n",
    )
    assert "hint: name the one that `eectl up` was given" in told(capsys, "status", "--data", "zzz")[1]
    assert told(capsys, "down", "--data", "plnt") == (
        Exit.OK,
        "nothing runs on plnt; did you mean 'plant'?\n",
    )
    assert told(capsys, "down", "--data", "plant") == (Exit.OK, "nothing runs on plant\n")
    assert told(capsys, "down", "--data", "zzz") == (Exit.OK, "nothing runs on zzz\n")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("status", "--data", "zzz"), "there is no folder zzz\nhint: name the one that"),
        (("engine", "check", "--journal", "zzz"), "there is no such file"),
        (("down", "--data", "zzz"), "nothing runs on zzz\n"),
    ],
)
def test_a_folder_that_cannot_be_listed_hides_no_mistake(capsys, monkeypatch, command, said):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)

    assert said in told(capsys, *command)[1]
