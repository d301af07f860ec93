"""What `eectl run` says of a job, from its start to its end."""

import pytest

from ee_core.cli.exits import Exit
from ee_core.cli.main import run_command

REFUSES = """
ee: 1
name: order
start: small
nodes:
  small:
    exclusive:
      - when: 1 > 2
        next: taken
      - otherwise: true
        next: refused
  taken: {end: succeeded}
  refused: {end: failed}
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a workflow; returns the exit code and what was said on stdout."""
    monkeypatch.chdir(tmp_path)

    def run(workflow, *flags):
        (tmp_path / "a.ee.yaml").write_text(workflow)
        code = run_command(["run", "a.ee.yaml", *flags])
        return code, capsys.readouterr().out

    return run


def test_a_job_that_an_end_lets_fail_says_which(run):
    code, said = run(REFUSES)

    assert code == Exit.JOB_FAILED
    assert said.splitlines()[-1].endswith("job failed: it came to end 'refused'")


WAITS = """
ee: 1
name: ask
inputs: {folder: {type: string, default: out}}
start: way
nodes:
  way: {exclusive: [{when: inputs.folder == '', next: done}]}
  done: {end: succeeded}
"""
KEPT = ("--journal", "j.sqlite", "--bots", "1")


@pytest.fixture
def kept(tmp_path, monkeypatch, capsys):
    """Run a workflow with a journal; returns the exit code and all that was said."""
    monkeypatch.chdir(tmp_path)

    def kept(workflow, *flags, before=()):
        (tmp_path / "a.ee.yaml").write_text(workflow)
        code = run_command([*before, "run", "a.ee.yaml", *KEPT, *flags])
        return code, "".join(capsys.readouterr())

    return kept


def test_the_same_command_goes_on_with_the_open_job(kept):
    assert kept(WAITS, "--id", "r1")[0] == Exit.INCIDENT

    for flags in (("--id", "r1"), ("--id", "r1", "-i", "folder=out"), ()):
        code, said = kept(WAITS, *flags)
        assert code == Exit.INCIDENT
        assert "resumed: job r1 at way#1; no new job is started" in said


def test_the_command_that_starts_an_engine_to_answer_names_the_journal(kept, tmp_path):
    (tmp_path / "my ee.toml").touch()
    for before, after in (((), ""), (("-C", "my ee.toml"), " -C 'my ee.toml'")):
        _, said = kept(WAITS, before=before)
        assert said.endswith(f"start an engine on it to answer: eectl{after} engine run --journal j.sqlite\n")


def test_a_journal_where_nothing_can_be_written_is_no_bug_to_report(kept, tmp_path):
    (tmp_path / "file").touch()

    code, said = kept(WAITS, "--journal", "file/j.sqlite")

    assert code == Exit.INVALID_INPUT
    assert said.startswith(
        "error: the folder file/j.sqlite.bots cannot be made: Not a directory\nhint: keep the job"
    )


@pytest.mark.parametrize(
    ("workflow", "flags", "differs"),
    [
        (WAITS, ("-i", "folder=in"), 'input \'folder\' "out" there, "in" here'),
        (WAITS.replace("name: ask", "name: pack"), (), "workflow 'ask' there, 'pack' here"),
        (WAITS.replace("succeeded", "failed"), (), "what is in workflow 'ask' (hash"),
    ],
)
@pytest.mark.parametrize("named", [("--id", "r1"), ()])
def test_another_command_does_not_go_on_with_the_open_job(kept, workflow, flags, differs, named):
    kept(WAITS, "--id", "r1")

    code, said = kept(workflow, *flags, *named)

    assert code == Exit.CONFLICT
    assert f"error: job 'r1' is there already, and not the same: {differs}" in said
    assert "resumed" not in said


def test_another_id_is_a_job_beside_the_open_one(kept):
    kept(WAITS, "--id", "r1")

    code, said = kept(WAITS.replace("== ''", "!= ''"), "--id", "r2")

    assert code == Exit.OK
    assert "resumed: job r1 at way#1\n" in said
    assert "job r2\n" in said


def test_a_job_that_is_over_is_shown_again_and_is_no_other(kept):
    ends = WAITS.replace("== ''", "!= ''")
    kept(ends, "--id", "r1")

    code, said = kept(ends, "--id", "r1")
    assert (code, "job r1 is over; no new job is started" in said) == (Exit.OK, True)

    assert kept(ends, "--id", "r1", "-i", "folder=in")[0] == Exit.CONFLICT


def test_what_no_bot_does_here_is_told_the_option_that_helps(kept):
    asks = (
        "ee: 1\nname: a\nstart: b\nnodes:\n  b: {activity: nobody.serves, next: c}\n  c: {end: succeeded}\n"
    )

    code, said = kept(asks)

    assert code == Exit.INCIDENT
    assert "no bot but those of this command can do it: --bot FILE gives them the functions of FILE\n" in said
