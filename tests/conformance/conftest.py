"""Kits that run in virtual time: their classes say `virtual_loop = True`."""

from __future__ import annotations

import asyncio

from ee_core.simulation import VirtualLoop


def pytest_asyncio_loop_factories(item):
    if getattr(item.cls, "virtual_loop", False):
        return {"virtual": VirtualLoop}
    return {"asyncio": asyncio.new_event_loop}
