"""`eectl engine check`, `backup` and `restore` on a journal that real jobs were recorded in."""

import json
import shutil
import sqlite3
from contextlib import closing

import pytest

from ee_core.cli.exits import Exit
from ee_core.cli.main import run_command

FLOW = "ee: 1\nname: two\nstart: a\nnodes:\n  a: {activity: noop, next: b}\n  b: {activity: noop, next: done}\n  done: {end: succeeded}\n"


@pytest.fixture
def eectl(tmp_path, monkeypatch, capsys):
    """Run a command in a folder of its own; returns its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EE_JOURNAL_PATH", "j.db")

    def run(*arguments):
        code = run_command(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A folder with a workflow, and a journal with three finished jobs of it; tests get a copy."""
    folder = tmp_path_factory.mktemp("recorded")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        (folder / "two.ee.yaml").write_text(FLOW)
        for number in range(3):
            assert (
                run_command(("run", "two.ee.yaml", "--journal", "j.db", "--id", f"job-{number}")) == Exit.OK
            )
    return folder


@pytest.fixture
def journal(recorded, tmp_path):
    """The file of a journal with three finished jobs."""
    shutil.copytree(recorded, tmp_path, dirs_exist_ok=True)
    return tmp_path / "j.db"


def change(path, statement):
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement)


def test_a_whole_journal_is_counted_and_said_to_be_whole(eectl, journal):
    code, out, err = eectl("engine", "check")

    assert (code, err) == (Exit.OK, "")
    *counts, verdict = out.splitlines()
    assert " ".join(counts).split() == [
        "commits",
        "9",
        "records",
        "9",
        "jobs",
        "3",
        "open",
        "0",
        "stubs",
        "0",
    ]
    assert verdict == "j.db is whole: its pages, the chain, the records and the index"


def test_a_damaged_index_is_named_left_alone_and_made_anew_when_that_is_said(eectl, journal):
    change(journal, "UPDATE job SET outcome = 'failed' WHERE id = 'job-1'")
    change(journal, "DELETE FROM job WHERE id = 'job-2'")

    for _ in range(2):
        code, out, err = eectl("engine", "check")
        assert code == Exit.FOUND_SOMETHING
        assert "row of job 'job-1' is damaged" in out
        assert "does not show job 'job-2'" in out
        assert "`eectl engine check --rebuild` makes the index anew" in err
        assert "is whole" not in out
    code, _, err = eectl("engine", "check", "--rebuild")
    assert (code, "made anew: 3 jobs, 0 stubs" in err) == (Exit.FOUND_SOMETHING, True)
    code, out, _ = eectl("engine", "check", "-o", "json")
    assert (code, json.loads(out)["damage"]) == (Exit.OK, [])


def test_damaged_records_are_named_with_place_and_job_and_not_rebuilt_over(eectl, journal):
    change(
        journal,
        "UPDATE record SET frame = CAST(substr(frame, 1, length(frame) - 1) || x'00' AS BLOB) WHERE id = 5",
    )

    code, out, err = eectl("engine", "check", "-o", "json")

    found = json.loads(out)["damage"]
    assert code == Exit.FOUND_SOMETHING
    assert (found[0]["position"], found[0]["job"]) == (5, "")
    assert [damage["job"] for damage in found[1:]] == ["job-1"]
    assert "`eectl engine restore` puts a backup" in err
    code, _, err = eectl("engine", "check", "--rebuild")
    assert (code, "nothing was changed" in err) == (Exit.UNEXPECTED, True)


def test_a_backup_is_put_back_and_the_engine_goes_on(eectl, journal):
    code, _, err = eectl("engine", "backup", "copy.db")
    assert (code, "up to commit 9, 3 jobs; looked through" in err) == (Exit.OK, True)
    assert eectl("engine", "backup", "copy.db")[0] == Exit.CONFLICT
    change(journal, "DELETE FROM record WHERE id > 4")
    assert eectl("engine", "check")[0] == Exit.FOUND_SOMETHING
    assert eectl("engine", "restore", "copy.db")[0] == Exit.CONFLICT

    code, _, err = eectl("engine", "restore", "copy.db", "--force")

    assert (code, "j.db.replaced: the journal that was there" in err) == (Exit.OK, True)
    assert eectl("engine", "check")[0] == Exit.OK
    assert eectl("run", "two.ee.yaml", "--journal", "j.db", "--id", "job-9")[0] == Exit.OK
    assert json.loads(eectl("engine", "check", "-o", "json")[1])["jobs"] == 4


def test_a_journal_in_use_is_not_rebuilt(eectl, journal):
    with closing(sqlite3.connect(journal, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("SELECT count(*) FROM job").fetchone()
        code, _, err = eectl("engine", "check", "--rebuild")
        assert (code, "is open in another process\nhint: stop the engine" in err) == (Exit.CONFLICT, True)
        assert eectl("engine", "check")[0] == Exit.OK
        assert eectl("engine", "backup", "copy.db")[0] == Exit.OK


@pytest.mark.parametrize(("flags", "then"), [((), " with --force"), (("--force",), "")])
def test_a_journal_in_use_is_not_restored_and_the_engine_is_to_be_stopped_first(eectl, journal, flags, then):
    assert eectl("engine", "backup", "copy.db")[0] == Exit.OK
    with closing(sqlite3.connect(journal, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("SELECT count(*) FROM job").fetchone()
        code, _, err = eectl("engine", "restore", "copy.db", *flags)

        assert code == Exit.CONFLICT
        assert "j.db' is open in another process\n" in err
        assert err.endswith(
            f"hint: stop the engine that runs on it, as `eectl down` does, and restore then{then}\n"
        )
    assert "hint: say --force" in eectl("engine", "restore", "copy.db")[2]
    assert eectl("engine", "check")[0] == Exit.OK


@pytest.mark.parametrize("command", [("check",), ("check", "--rebuild"), ("backup", "copy.db")])
def test_a_journal_that_is_not_there_is_named_and_not_made(eectl, tmp_path, command):
    code, _, err = eectl("engine", *command)

    assert (code, "there is no such file" in err) == (Exit.INVALID_INPUT, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "command",
    [
        ("check", "--journal", "jj.db"),
        ("check", "--rebuild", "--journal", "jj.db"),
        ("backup", "copy.db", "--journal", "jj.db"),
        ("restore", "jj.db", "--journal", "new.db"),
    ],
)
def test_a_misspelt_journal_is_told_the_one_that_is_there(eectl, journal, command):
    code, _, err = eectl("engine", *command)

    assert code == Exit.INVALID_INPUT
    assert "there is no" in err
    assert "\nhint: did you mean 'j.db'?\n" in err


def test_a_journal_that_is_no_file_is_named(eectl, tmp_path):
    (tmp_path / "ee.toml").write_text('[journal]\nname = "memory"\n')
    code, _, err = eectl("engine", "check")

    assert code == Exit.INVALID_INPUT
    assert "journal 'memory' is no file" in err


def test_a_restore_says_that_open_jobs_may_do_again_what_they_did_since_the_copy(eectl, journal):
    code, _, err = eectl("engine", "backup", "closed.db")
    assert code == Exit.OK
    assert "may be done again" not in eectl("engine", "restore", "closed.db", "--force")[2]
    change(journal, "UPDATE job SET open = 1 WHERE id = 'job-1'")
    assert eectl("engine", "backup", "open.db")[0] == Exit.OK

    code, _, err = eectl("engine", "restore", "open.db", "--force")

    assert (code, "1 jobs are open in it and go on from there" in err) == (Exit.OK, True)
