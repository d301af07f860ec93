"""A process ends, whatever the code of an activity makes of being cancelled."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow  # all of them together

TASKS = {
    "obeys": "await asyncio.sleep(3600)",
    "swallows": """while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass""",
    "swallows all": """while True:
        try:
            await asyncio.sleep(3600)
        except BaseException:
            pass""",
}
SCRIPT = """
import asyncio, logging, sys
from ee_core.bot.ending import run_to_end

logging.basicConfig()

async def work():
    {work}

async def main():
    task = asyncio.create_task(work(), name="the work")
    await asyncio.sleep(0)
    {end}

print(run_to_end(main()))
"""


@pytest.mark.parametrize("work", TASKS)
@pytest.mark.parametrize("end", ["return 'done'", "raise LookupError('gone')"])
def test_what_is_left_does_not_keep_a_process(work, end):
    script = SCRIPT.format(work=TASKS[work], end=end)

    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=50, check=False
    )

    assert (ended.stdout.strip(), "LookupError: gone" in ended.stderr) in (("done", False), ("", True))
    assert ("the work does not end when it is cancelled" in ended.stderr) == (work != "obeys")
    assert "destroyed" not in ended.stderr
