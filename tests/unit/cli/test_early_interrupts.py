"""Ctrl-C in the first moments of a command meets an import, and ends it without a word as later."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys


class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt


sys.meta_path.insert(0, Interrupts())
from ee_core.cli.main import main

main(["job", "list"])
"""


@pytest.mark.parametrize(
    "module",
    ["asyncio", "click", "ee_core.errors", "ee_core.cli.root", "ee_core.cli.job", "ee_core.bot.ending"],
)
def test_ctrl_c_during_an_import_is_quiet(module):
    program = PROGRAM.format(module=module)

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stderr.strip()) == (130, "")  # click ends the line of ^C
