"""The contract of catalogues, clause by clause, for the one there is: a folder."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from ee_core.contracts import catalogue as contract
from ee_core.contracts.catalogue import Catalogue
from ee_core.errors import ConfigError, ConflictError, InputError
from ee_core.local.catalogue import MAX_FILE_BYTES, FolderCatalogue, ee_open_catalogue
from ee_core.testing.conformance import clauses_in, clauses_tested

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NODES = "start: a\nnodes: {a: {end: succeeded}}\n"


def write(folder: Path, file: str, text: str | bytes) -> Path:
    path = folder / file
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.fixture
async def catalogue(tmp_path: Path) -> AsyncIterator[FolderCatalogue]:
    async with FolderCatalogue(tmp_path) as opened:
        yield opened


def test_every_clause_has_a_test() -> None:
    assert clauses_tested(globals()) == clauses_in(contract)


async def test_c1_a_workflow_is_found_by_the_name_inside_its_file(catalogue, tmp_path: Path) -> None:
    assert isinstance(catalogue, Catalogue)
    text = f"ee: 1\nname: invoice\nversion: '2'\n{NODES}"
    path = write(tmp_path, "other.ee.yaml", text)

    found = await catalogue.find("invoice")

    assert found is not None
    assert (found.name, found.version, found.place, found.text) == ("invoice", "2", str(path), text.encode())
    assert await catalogue.find("invoice", "2") == found
    assert await catalogue.find("invoice", "3") is None
    assert await catalogue.find("other") is None


async def test_c2_two_files_with_one_name_and_version_are_an_error_naming_both(
    catalogue, tmp_path: Path
) -> None:
    write(tmp_path, "a.ee.yaml", f"name: invoice\n{NODES}")
    write(tmp_path, "b.json", json.dumps({"name": "invoice", "nodes": {}}))

    with pytest.raises(ConflictError) as caught:
        await catalogue.find("invoice")

    assert "a.ee.yaml and " in str(caught.value)
    assert "b.json; keep one" in str(caught.value)
    assert [entry.fault != "" for entry in await catalogue.list()] == [True, True]


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("bad.ee.yaml", "name: [", "is no YAML: while parsing"),
        ("bad.ee.yaml", "", "is no workflow: it has neither 'nodes' nor 'workflow'"),
        ("bad.ee.yml", "just text", "is no workflow: it has neither 'nodes' nor 'workflow'"),
        ("bad.ee.yaml", b"name: \xff\xfe", "is no YAML"),
        ("bad.json", "{", "is no JSON: Expecting property name"),
        ("bad.json", "[" * 100_000, "is no JSON: nested too deeply"),
        ("bad.json", "7", "is no workflow: it holds int, not an object"),
        ("bad.json", '{"name": "x"}', "is no workflow: it has neither 'nodes' nor 'workflow'"),
        ("bad.json", b'"' + b"a" * MAX_FILE_BYTES, f"bad.json has more than {MAX_FILE_BYTES} bytes"),
    ],
)
async def test_c3_a_file_that_is_no_workflow_is_listed_with_its_fault_and_hides_no_other(
    catalogue, tmp_path: Path, file: str, text: str | bytes, fault: str
) -> None:
    write(tmp_path, file, text)
    write(tmp_path, "good.ee.yaml", f"name: good\n{NODES}")

    bad, good = await catalogue.list()

    assert (bad.name, good.name, good.fault) == ("bad", "good", "")
    assert bad.fault.startswith(fault)
    assert await catalogue.find("bad") is None


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX links")
async def test_c3_a_file_that_cannot_be_read_is_listed(catalogue, tmp_path: Path) -> None:
    (tmp_path / "bad.ee.yaml").symlink_to("nowhere")

    (entry,) = await catalogue.list()

    assert (entry.name, entry.fault) == ("bad", "cannot be read: No such file or directory")


async def test_c4_a_change_is_seen_by_the_next_call_even_when_size_and_time_are_the_same(
    catalogue, tmp_path: Path
) -> None:
    path = write(tmp_path, "a.ee.yaml", f"name: one\n{NODES}")
    assert await catalogue.find("one")
    before = path.stat()

    path.write_text(f"name: two\n{NODES}")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert await catalogue.find("one") is None
    assert await catalogue.find("two")
    path.unlink()
    assert await catalogue.list() == []


# -- the folder's own ----------------------------------------------------------------------------------------


async def test_of_several_versions_one_must_be_named(catalogue, tmp_path: Path) -> None:
    write(tmp_path, "a.ee.yaml", f"name: invoice\nversion: '1'\n{NODES}")
    write(tmp_path, "b.ee.yaml", f"name: invoice\nversion: '2'\n{NODES}")

    with pytest.raises(InputError, match="'invoice' has the versions 1, 2; say which, as invoice@2"):
        await catalogue.find("invoice")
    assert (await catalogue.find("invoice", "1")).version == "1"

    write(tmp_path, "c.ee.yaml", f"name: invoice\n{NODES}")

    assert (await catalogue.find("invoice")).version == ""


async def test_entries_come_by_name_then_version(catalogue, tmp_path: Path) -> None:
    for place, (name, version) in enumerate([("b", "1"), ("a", "2"), ("a", "1")]):
        write(tmp_path, f"{place}.ee.yml", f"name: {name}\nversion: '{version}'\n{NODES}")

    assert [(entry.name, entry.version) for entry in await catalogue.list()] == [
        ("a", "1"),
        ("a", "2"),
        ("b", "1"),
    ]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({"metadata": {"id": "x"}, "content": {"name": "orders wf", "workflow": []}}, "orders wf"),
        ({"name": "orders", "workflow": [], "version": "ignored"}, "orders"),
        ({"metadata": {"Name": " orders "}, "Content": {"name": None, "Workflow": []}}, "orders"),
        ({"workflow": []}, "file"),
        ([{"id": "n"}], "file"),
    ],
)
async def test_an_export_file_is_found_with_its_bindings(
    catalogue, tmp_path: Path, value: object, name: str
) -> None:
    write(tmp_path, "file.json", json.dumps(value))
    write(tmp_path, "file.bindings.json", "{}")

    found = await catalogue.find(name)

    assert (found.name, found.version, found.bindings, found.fault) == (name, "", b"{}", "")
    assert len(await catalogue.list()) == 1


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("content:\n  name: orders\n  workflow: []\n", "orders"),
        ("metadata: {name: orders}\ncontent: {workflow: [{name: inner}]}\n", "orders"),
        ("workflow: []\n? [complex, key]\n: {name: no}\nname: orders\n", "orders"),
        ("- {id: a, name: inner}\n", "file"),
    ],
)
async def test_the_export_form_may_be_written_in_yaml(
    catalogue, tmp_path: Path, text: str, name: str
) -> None:
    write(tmp_path, "file.ee.yaml", text)

    assert [(entry.name, entry.fault) for entry in await catalogue.list()] == [(name, "")]


async def test_names_are_read_from_the_top_level_alone(catalogue, tmp_path: Path) -> None:
    text = "inputs: {name: {type: string}}\nnodes:\n  a:\n    name: inner\n    end: succeeded\nname: outer\n"
    write(tmp_path, "a.ee.yaml", text)

    assert [entry.name for entry in await catalogue.list()] == ["outer"]


async def test_other_files_and_folders_are_no_workflows(catalogue, tmp_path: Path) -> None:
    (tmp_path / "sub.json").mkdir()
    for file in (
        "readme.md",
        "plain.yaml",
        ".hidden.json",
        "x.bindings.json",
        "x.test.json",
        "x.schema.json",
    ):
        write(tmp_path, file, f"name: x\n{NODES}")

    assert await catalogue.list() == []


async def test_the_usual_folder_may_be_absent_and_a_named_one_may_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    async with ee_open_catalogue({}) as empty:
        assert await empty.list() == []
    with pytest.raises(ConfigError, match="gone is no folder"):
        await ee_open_catalogue({"folder": "gone"}).__aenter__()
    with pytest.raises(ConfigError, match=r"unknown key 'catalogue\.foldr'"):
        ee_open_catalogue({"foldr": "x"})
    with pytest.raises(ConfigError, match="must be a path, got 3"):
        ee_open_catalogue({"folder": 3})


async def test_a_folder_that_is_not_there_is_refused_also_where_nothing_can_be_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(type(tmp_path), "iterdir", refuse)

    with pytest.raises(ConfigError, match="gone is no folder; make it, or name the one"):
        await ee_open_catalogue({"folder": str(tmp_path / "gone")}).__aenter__()


async def test_a_catalogue_is_opened_once(catalogue) -> None:
    with pytest.raises(ConfigError, match="was opened before"):
        await catalogue.__aenter__()
