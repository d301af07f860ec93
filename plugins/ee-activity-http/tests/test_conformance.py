"""The activity type ``http`` keeps the contract of activity types."""

from __future__ import annotations

import pytest

from ee_core.testing.activity import ActivityCases, ActivityConformance


class TestHttp(ActivityConformance):
    @pytest.fixture
    def activity(self, make_activity):
        return make_activity()

    @pytest.fixture
    def cases(self, server):
        return ActivityCases(
            good={"method": "POST", "url": server.url("/echo"), "json": {"n": 1}},
            other={"method": "POST", "url": server.url("/echo"), "json": {"n": 2}},
            failing={"url": server.url("/status?code=503")},
            slow={"method": "POST", "url": server.url("/slow")},
            templates=({"method": "${ inputs.method }", "url": "u"}, {"method": "delete", "url": "u"}),
            count_effects=lambda: len(server.received),
            is_working=lambda: server.open > 0,
            comparable=lambda output: output["body"]["text"],
        )
