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
