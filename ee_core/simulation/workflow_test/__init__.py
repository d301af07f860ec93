"""Tests of workflows: the real engine in virtual time, with stated answers in the place of activities.

`run_workflow` is for tests in Python; `read_tests` reads those in YAML, `check_run` holds a run against what one expects.
Both are carried out by `eectl test`. It lives here and not in `ee_core.testing`, which is for authors of plugins and
knows no engine.
"""

from __future__ import annotations

from ee_core.simulation.workflow_test.run import Run, UnstubbedError
from ee_core.simulation.workflow_test.running import load_workflow, run_workflow

__all__ = ["Run", "UnstubbedError", "load_workflow", "run_workflow"]
