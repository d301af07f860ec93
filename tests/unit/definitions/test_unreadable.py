"""Whoever cannot read a file is told why, and what to do."""

from __future__ import annotations

from pathlib import Path

from ee_core.definitions.unreadable import unreadable


def test_a_file_in_a_folder_that_may_not_be_searched(monkeypatch):
    denied = PermissionError(13, "Permission denied")

    def refuse(path):
        raise denied

    monkeypatch.setattr(Path, "is_dir", refuse)

    said = "closed/w.ee.yaml cannot be read: Permission denied; let this user read its folder"
    assert str(unreadable("closed/w.ee.yaml", denied)) == said
