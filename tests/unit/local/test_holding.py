"""A file is held by one process at a time."""

import subprocess
import sys

from ee_core.local.holding import hold, is_held


def test_a_file_is_held_until_it_is_let_go(tmp_path):
    path = tmp_path / "it.lock"
    assert not is_held(path)
    assert not path.exists()  # looking makes nothing

    holding = hold(path)

    assert is_held(path)
    assert hold(path) is None
    holding.close()
    assert not is_held(path)


def test_whoever_dies_lets_go(tmp_path):
    path = tmp_path / "it.lock"
    code = (
        "import os, sys; from pathlib import Path; from ee_core.local.holding import hold, is_held\n"
        "held = hold(Path(sys.argv[1])); print(is_held(Path(sys.argv[1])), flush=True); os.kill(os.getpid(), 9)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )

    assert done.stdout == "True\n"
    assert not is_held(path)
