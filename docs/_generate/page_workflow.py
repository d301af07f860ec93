"""The JSON Schema of workflow files, with the inputs of the activity types of this repository."""

from __future__ import annotations

import json

from ee_core.config import Settings
from ee_core.definitions.schema import make_schema
from ee_core.local.env import SystemEnv
from ee_core.registry import Registry


def make() -> str:
    """Return the schema."""
    activities = Registry(Settings(), SystemEnv()).installed_activities()
    return json.dumps(make_schema(activities), indent=2, ensure_ascii=False) + "\n"
