"""`poe planted-storm` takes hours; that it works is shown with bugs that storms find soon."""

import os
import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("bug", "invariant"), [("claim-not-durable", "I26"), ("epoch-not-checked", "I4")])
def test_a_planted_bug_is_found_by_storms(bug, invariant, repository):
    command = [sys.executable, "tests/planted/storm.py", bug, "--limit=100", "--firsts=1"]

    done = subprocess.run(
        command, cwd=repository, env=os.environ, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f" {invariant} " in done.stdout
