"""Keeps the log still while things go wrong on purpose."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def quiet() -> Iterator[None]:
    """Let nothing of EE be logged inside: what fails there is played or expected, maybe thousands of times."""
    log = logging.getLogger("ee_core")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)
