"""Real processes are killed under load; the long run is `python tests/integration/kills.py --engines 200 ...`."""

import importlib.util
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_kills_of_engine_bot_and_server_lose_nothing_and_repeat_nothing():
    spec = importlib.util.spec_from_file_location("kills", Path(__file__).with_name("kills.py"))
    kills = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(kills)

    report = kills.run(engines=1, bots=1, servers=1)

    assert report.problems == []
    assert report.jobs == 4
