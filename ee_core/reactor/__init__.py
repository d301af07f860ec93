"""Reconciles the waits that a job has with those that are armed, and carries outside facts to its Executor."""

from __future__ import annotations

from ee_core.reactor.reactor import Reactor, Surroundings

__all__ = ["Reactor", "Surroundings"]
