"""A folder of workflow files as a catalogue: ``*.ee.yaml``, ``*.ee.yml`` and ``*.json``, not its sub-folders.

Beside an export file ``NAME.json`` may lie ``NAME.bindings.json``, which is no workflow, nor are ``*.test.json`` and
``*.schema.json``. Here a file is only read as far as its name and version; whether it is a good workflow is for
`ee_core.definitions` to say.

Every call reads all files: a time stamp that did not move proves nothing, equal bytes do, so what was understood of a
file is kept under the hash of its content.
"""

from __future__ import annotations

import asyncio
import difflib
import hashlib
import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import yaml

from ee_core.contracts.catalogue import CatalogueEntry
from ee_core.errors import ConfigError, ConflictError, InputError
from ee_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

MAX_FILE_BYTES: Final = 1024 * 1024
USUAL_FOLDER: Final = "workflows"

_YAML: Final = (".ee.yaml", ".ee.yml")
_JSON: Final = ".json"
_BINDINGS: Final = ".bindings.json"
_OTHERS: Final = (_BINDINGS, ".test.json", ".schema.json")  # JSON, and no workflow
_SKIMMED: Final = 2  # levels of a YAML file in which names may stand
_Loader: Final = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # the former is ten times faster, where it is built


@dataclass(frozen=True, slots=True)
class _Header:
    """What a file says about itself; an empty name: nothing."""

    name: str = ""
    version: str = ""
    fault: str = ""


def is_workflow_name(name: str) -> bool:
    """Say whether a file of this name is taken for a workflow."""
    return name.endswith((*_YAML, _JSON)) and not name.endswith(_OTHERS) and not name.startswith(".")


class FolderCatalogue:
    """Keeps the contract `Catalogue` with a folder.

    Args:
        folder: Where the files lie.
        must_exist: False: a folder that is not there is an empty one.
    """

    def __init__(self, folder: Path, *, must_exist: bool = True) -> None:
        self._folder = folder
        self._must_exist = must_exist
        self._known: dict[bytes, _Header] = {}
        self._opened = False

    async def __aenter__(self) -> Self:
        if self._opened:
            raise ConfigError(f"the catalogue of {self._folder} was opened before; make a new one")
        self._opened = True
        if self._must_exist and not await asyncio.to_thread(self._folder.is_dir):
            raise ConfigError(f"catalogue.folder: {self._folder} is no folder; {_suggest(self._folder)}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def find(self, name: str, version: str = "") -> CatalogueEntry | None:
        """Look a workflow up by the name inside its file.

        Raises:
            ConflictError: Two files have this name and version.
            InputError: Without a version: there are several, and none without one.
        """
        found = [entry for entry in await self._read() if entry.name == name and not entry.fault]
        if version or any(not entry.version for entry in found):
            found = [entry for entry in found if entry.version == version]
        versions = {entry.version for entry in found}
        if len(versions) > 1:
            listed = ", ".join(sorted(versions))
            raise InputError(
                f"workflow {name!r} has the versions {listed}; say which, as {name}@{max(versions)}"
            )
        if len(found) > 1:
            raise ConflictError(_clash(found))
        return found[0] if found else None

    async def list(self) -> list[CatalogueEntry]:
        entries = await self._read()
        counts = Counter((entry.name, entry.version) for entry in entries if not entry.fault)
        return [
            replace(entry, fault=_clash(_twins(entry, entries)))
            if not entry.fault and counts[entry.name, entry.version] > 1
            else entry
            for entry in entries
        ]

    async def close(self) -> None:
        self._known.clear()

    async def _read(self) -> Sequence[CatalogueEntry]:
        # in a thread: a folder may lie on a slow disk, and the loop must not wait for one
        return await asyncio.to_thread(self._read_all)

    def _read_all(self) -> Sequence[CatalogueEntry]:
        known, self._known = self._known, {}
        entries = [self._read_one(path, known) for path in self._paths()]
        return sorted(entries, key=lambda entry: (entry.name, entry.version, entry.place))

    def _paths(self) -> Iterator[Path]:
        if not self._folder.is_dir():
            return
        for path in self._folder.iterdir():
            if is_workflow_name(path.name) and not path.is_dir():
                yield path

    def _read_one(self, path: Path, known: Mapping[bytes, _Header]) -> CatalogueEntry:
        usual = _stem(path)
        try:
            text = _read_bytes(path)
            bindings = _read_bindings(path)
        except OSError as error:
            return CatalogueEntry(
                usual, "", str(path), b"", fault=f"cannot be read: {error.strerror or error}"
            )
        except ValueError as error:
            return CatalogueEntry(usual, "", str(path), b"", fault=str(error))
        key = hashlib.sha256(path.suffix.encode() + text).digest()
        header = known.get(key) or _read_header(path, text)
        self._known[key] = header
        return CatalogueEntry(
            header.name or usual, header.version, str(path), text, bindings, fault=header.fault
        )


@hookimpl
def ee_open_catalogue(settings: Mapping[str, Any]) -> FolderCatalogue:
    """Make a catalogue of the setting ``folder``; without one, of ``workflows`` here if there is such a folder."""
    unknown = sorted(set(settings) - {"folder"})
    if unknown:
        raise ConfigError(f"unknown key 'catalogue.{unknown[0]}'; the folder catalogue knows 'folder'")
    folder = settings.get("folder", USUAL_FOLDER)
    if not isinstance(folder, str) or not folder:
        raise ConfigError(f"catalogue.folder must be a path, got {folder!r}")
    return FolderCatalogue(Path(folder), must_exist="folder" in settings)


def _suggest(folder: Path) -> str:
    beside: list[str] = []
    with suppress(OSError):  # a folder that cannot be listed gives no hint, and hides no error
        beside = [each.name for each in folder.parent.iterdir() if each.is_dir()]
    close = difflib.get_close_matches(folder.name, beside, n=1)
    return f"did you mean {close[0]!r}?" if close else "make it, or name the one with the workflow files"


def _twins(entry: CatalogueEntry, entries: Sequence[CatalogueEntry]) -> list[CatalogueEntry]:
    same = (entry.name, entry.version)
    return [other for other in entries if (other.name, other.version) == same and not other.fault]


def _clash(entries: list[CatalogueEntry]) -> str:
    places = " and ".join(sorted(entry.place for entry in entries))
    version = f" of version {entries[0].version!r}" if entries[0].version else ""
    return (
        f"the workflow {entries[0].name!r}{version} is in {places}; keep one, or give them different versions"
    )


# -- files ---------------------------------------------------------------------------------------------------


def _stem(path: Path) -> str:
    for suffix in (*_YAML, _JSON):
        if path.name.endswith(suffix):
            return path.name.removesuffix(suffix)
    return path.name


def _read_bytes(path: Path) -> bytes:
    """Read a file that is not too large.

    Raises:
        ValueError: It is.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"{path.name} has more than {MAX_FILE_BYTES} bytes")
    return content


def _read_bindings(path: Path) -> bytes | None:
    beside = path.with_name(_stem(path) + _BINDINGS)
    return _read_bytes(beside) if path.suffix == _JSON and beside.exists() else None


def _read_header(path: Path, text: bytes) -> _Header:
    is_json = path.suffix == _JSON
    try:
        return _to_header(json.loads(text) if is_json else _skim_yaml(text))
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
        return _Header(fault=f"is no {'JSON' if is_json else 'YAML'}: {reason}")


def _to_header(value: Any) -> _Header:
    """Read the native form, or the export form: an envelope, its content, or the bare list of nodes."""
    if isinstance(value, list):
        return _Header()
    if not isinstance(value, dict):
        return _Header(fault=f"is no workflow: it holds {type(value).__name__}, not an object")
    if "nodes" in value:
        return _Header(_text(value, "name"), _text(value, "version"))
    content, metadata = _member(value, "content"), _member(value, "metadata")
    content = content if isinstance(content, dict) else value
    if _member(content, "workflow") is None:
        return _Header(fault="is no workflow: it has neither 'nodes' nor 'workflow'")
    return _Header(_text(content, "name") or _text(metadata if isinstance(metadata, dict) else value, "name"))


def _member(value: Mapping[str, Any], name: str) -> Any:
    """Return a member in any letter case, as the export form has it."""
    return next((member for key, member in value.items() if key.lower() == name and member is not None), None)


def _text(value: Mapping[str, Any], name: str) -> str:
    found = _member(value, name)
    return found.strip() if isinstance(found, str) else ""


def _skim_yaml(text: bytes) -> Any:
    """Read the scalars of the two outer levels, by the parser's events: nothing is built, so nothing can blow up."""
    skim: dict[str, Any] = {}
    keys: list[str | None] = []  # the key at each open level, None while the next one is awaited
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.SequenceStartEvent) and not keys:
            return []
        if isinstance(event, yaml.CollectionStartEvent):
            if keys and keys[-1] is not None:
                _put(skim, keys, {})
            keys.append(None)
        elif isinstance(event, yaml.CollectionEndEvent):
            keys.pop()
            if keys:
                keys[-1] = None
        elif keys and keys[-1] is None:
            keys[-1] = getattr(event, "value", None)
        elif keys:
            _put(skim, keys, getattr(event, "value", ""))  # an alias has none
            keys[-1] = None
    return skim


def _put(skim: dict[str, Any], keys: list[str | None], value: Any) -> None:
    """Keep a value that stands at one of the two outer levels."""
    outer, inner = keys[0], keys[-1]
    if len(keys) == 1 and outer is not None:
        skim[outer] = value
    elif len(keys) == _SKIMMED and outer is not None and inner is not None and isinstance(skim[outer], dict):
        skim[outer][inner] = value
