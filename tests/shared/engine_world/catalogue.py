"""A catalogue of workflows that stand in memory."""

from __future__ import annotations

import json
from typing import Any

from ee_core.contracts.catalogue import CatalogueEntry


class Catalogue:
    """Workflows by name; the folder's own reads files in threads, which the virtual loop has not."""

    def __init__(self) -> None:
        self.entries: list[CatalogueEntry] = []

    def add(self, workflow: dict[str, Any]) -> None:
        name = workflow["name"]
        self.entries = [entry for entry in self.entries if entry.name != name]
        self.entries.append(CatalogueEntry(name, "", f"{name}.ee.yaml", json.dumps(workflow).encode()))

    async def find(self, name: str, version: str = "") -> CatalogueEntry | None:
        found = [entry for entry in self.entries if entry.name == name and entry.version == version]
        return found[0] if found else None

    async def list(self) -> list[CatalogueEntry]:
        return list(self.entries)
