"""The whole contract of activity types, for the one here: two fixtures, and nothing else."""

from __future__ import annotations

import pytest
from ee_example.greet import GreetActivity, GreetSettings

from ee_core.testing.activity import ActivityCases, ActivityConformance


class TestGreet(ActivityConformance):
    @pytest.fixture
    def activity(self):
        return GreetActivity(GreetSettings())

    @pytest.fixture
    def cases(self):
        return ActivityCases(good={"name": "Ada"}, other={"name": "Grace"}, failing={"name": 7})
