"""The public face of the package."""

import subprocess
import sys

import ee_core


def test_every_public_name_loads():
    assert [getattr(ee_core, name).__name__ for name in ee_core.__all__] == ee_core.__all__


def test_importing_the_errors_loads_nothing_else():
    code = "import sys, ee_core.errors; print(sorted(m for m in sys.modules if m.startswith('ee_core')))"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert loaded.strip() == "['ee_core', 'ee_core.errors']"
