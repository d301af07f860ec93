"""The activity type ``shell`` keeps the contract of activity types."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from ee_activity_shell.activity import ShellActivity
from ee_activity_shell.settings import read_settings

from ee_core.testing.activity import ActivityCases, ActivityConformance

if TYPE_CHECKING:
    from pathlib import Path

APPEND = "import sys; open(sys.argv[1], 'a').write('x'); print(sys.argv[2])"
SLEEP = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(100)"


def is_alive(file: Path) -> bool:
    try:
        text = file.read_text()
        os.kill(int(text), 0)
    except (FileNotFoundError, ProcessLookupError, ValueError):  # an empty file: it is just being written
        return False
    return True


class TestShell(ActivityConformance):
    @pytest.fixture
    def activity(self):
        return ShellActivity(read_settings({"allow": [sys.executable]}))

    @pytest.fixture
    def cases(self, tmp_path: Path):
        effects, pid = tmp_path / "effects", tmp_path / "pid"
        effects.touch()
        return ActivityCases(
            good={"command": [sys.executable, "-c", APPEND, str(effects), "one"]},
            other={"command": [sys.executable, "-c", APPEND, str(effects), "two"]},
            failing={"command": [sys.executable, "-c", APPEND + "; sys.exit(3)", str(effects), "one"]},
            slow={"command": [sys.executable, "-c", SLEEP, str(pid)]},
            templates=({"command": ["${ inputs.program }"]}, {"command": "a", "shell": True}),
            count_effects=lambda: len(effects.read_text()),
            is_working=lambda: is_alive(pid),
        )
