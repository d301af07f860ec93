"""Real processes are killed under load; the long run is `python tests/integration/kills.py --engines 200 ...`."""

import subprocess
import sys
from pathlib import Path

import pytest

KILLS = Path(__file__).with_name("kills.py")


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_kills_of_engine_bot_and_server_lose_nothing_and_repeat_nothing():
    command = [sys.executable, str(KILLS), "--engines", "1", "--bots", "1", "--servers", "1"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "problems: none" in done.stdout
