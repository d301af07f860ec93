"""A distribution of the tests' own: stateless activity types, and hooks that a test can listen at."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


_PLUGIN = """
    from ee_core.hookspecs import hookimpl

    EE_API = 1

    @hookimpl
    def ee_open_activity(name, settings):
        return settings["make"](name)
"""

_HOOKS = """
    from ee_core.hookspecs import hookimpl

    EE_API = 1
    ears = {}  # by hook; a test puts functions there

    def _ask(hook, **arguments):
        return ears[hook](**arguments) if hook in ears else None

    @hookimpl
    def ee_choose_retry(visit, attempt, error):
        return _ask("ee_choose_retry", visit=visit, attempt=attempt, error=error)

    @hookimpl
    def ee_on_event(job_id, event, summary):
        _ask("ee_on_event", job_id=job_id, event=event, summary=summary)

    @hookimpl
    def ee_choose_bot(visit, candidates):
        return _ask("ee_choose_bot", visit=visit, candidates=candidates)

    @hookimpl
    def ee_on_wait(job, wait, armed, reason):
        _ask("ee_on_wait", job=job, wait=wait, armed=armed, reason=reason)

    @hookimpl
    def ee_on_incident(job, incident):
        _ask("ee_on_incident", job=job, incident=incident)

    @hookimpl
    def ee_admit_job(request, load):
        return _ask("ee_admit_job", request=request, load=load)

    @hookimpl
    def ee_add_headers(subject, job, visit):
        return _ask("ee_add_headers", subject=subject, job=job, visit=visit)

    @hookimpl
    def ee_on_message(direction, subject, size, headers, outcome):
        _ask("ee_on_message", direction=direction, subject=subject, size=size, headers=headers, outcome=outcome)
"""

_ENTRY_POINTS = """
    [ee.activities]
    fetch = ee_world_types
    post = ee_world_types
    spare = ee_world_types

    [ee.hooks]
    ee-world = ee_world_hooks
"""


def write_site(folder: Path) -> None:
    """Write the distribution as it lies in a folder of installed packages."""
    info = folder / "ee_world-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ee-world\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(textwrap.dedent(_ENTRY_POINTS))
    (folder / "ee_world_types.py").write_text(textwrap.dedent(_PLUGIN))
    (folder / "ee_world_hooks.py").write_text(textwrap.dedent(_HOOKS))
