"""A plugin that blocks the engine's loop is named, and the engine goes on without it."""

import socket

import pytest

HOOKS = """
import time
from pathlib import Path

from ee_core.hookspecs import hookimpl


@hookimpl
def ee_on_event(job_id, event):
    if type(event).__name__ == "AttemptAssigned":
        time.sleep(600)
"""


@pytest.fixture
def blocking_plugin(place):
    """Install a distribution whose hook never returns, where the processes of the test find it."""
    site = place.folder / "site"
    info = site / "ee_blocker-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "ee_blocker.py").write_text(HOOKS)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ee-blocker\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ee.hooks]\nee-blocker = ee_blocker\n")
    (info / "top_level.txt").write_text("ee_blocker\n")
    (info / "RECORD").write_text("ee_blocker.py,,\n")
    place.environ["PYTHONPATH"] = str(site)
    place.environ["EE_ENGINE_BLOCK_LIMIT_S"] = "2"


@pytest.mark.slow
def test_the_engine_starts_again_without_a_plugin_that_blocks_it_and_the_job_goes_on(
    place, examples, blocking_plugin
):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    up = place.up("--bots", "2", port=port)

    job = place.run("job", "submit", str(examples / "hello.ee.yaml")).strip()

    text = up.wait_for("starts again without it")
    assert "plugin 'ee-blocker' blocks the engine's loop" in text
    assert "time.sleep(600)" in text
    up.wait_for(f"resumed: job {job}")
    assert "job succeeded" in place.run("job", "watch", job)
