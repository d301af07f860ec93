"""The activity type ``python`` keeps the contract of activity types, with functions in a child process."""

from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING

import pytest

from ee_core.testing.activity import ActivityCases, ActivityConformance

if TYPE_CHECKING:
    from pathlib import Path


def is_locked(file: Path) -> bool:
    with file.open("a") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


class TestPython(ActivityConformance):
    @pytest.fixture
    def activity(self, make_activity):
        return make_activity({"append": "module:append", "hold": "module:hold"})

    @pytest.fixture
    def cases(self, tmp_path: Path):
        effects, lock = tmp_path / "effects", tmp_path / "lock"
        effects.touch()

        def append(text: str) -> dict[str, object]:
            return {"function": "append", "arguments": {"file": str(effects), "text": text}}

        return ActivityCases(
            good=append("one"),
            other=append("two"),
            failing=append("fail"),
            slow={"function": "hold", "arguments": {"file": str(lock)}},
            templates=({"function": "${ inputs.function }"},),
            count_effects=lambda: len(effects.read_text()),
            is_working=lambda: is_locked(lock),
        )
