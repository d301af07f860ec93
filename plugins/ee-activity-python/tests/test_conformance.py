"""The activity type ``python`` keeps the contract of activity types, with functions in a child process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ee_core.testing.activity import ActivityCases, ActivityConformance
from ee_core.testing.attempts import is_locked

if TYPE_CHECKING:
    from pathlib import Path


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
