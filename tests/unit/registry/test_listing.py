"""What is installed is seen at once, each distribution as often as it can be imported."""

from __future__ import annotations

import sys
from importlib import metadata
from typing import TYPE_CHECKING

from ee_core.registry import listing
from ee_core.registry.listing import list_entries

if TYPE_CHECKING:
    from pathlib import Path


def test_entries_are_listed_with_who_offers_them(install) -> None:
    install("ee-two", {"ee.locks:two": "two", "ee.brokers:two": "two"}, version="2.1")
    install("ee-one", {"ee.brokers:one": "one", "console_scripts:one": "one:main"})

    found = [(entry.kind, entry.name, entry.distribution, entry.version) for entry in list_entries()]

    assert found == [
        ("lock", "two", "ee-two", "2.1"),
        ("broker", "one", "ee-one", "1.0"),
        ("broker", "two", "ee-two", "2.1"),
    ]


def test_an_entry_point_added_a_moment_later_is_seen(install) -> None:
    install("ee-one", {"ee.brokers:one": "one"})
    assert [entry.name for entry in list_entries()] == ["one"]

    install("ee-two", {"ee.brokers:two": "two"})

    assert [entry.name for entry in list_entries()] == ["one", "two"]


def test_a_distribution_that_an_earlier_one_hides_is_not_listed(install, tmp_path: Path) -> None:
    install("ee-one", {"ee.brokers:one": "one"}, version="2.0")
    later = tmp_path / "later"
    later.mkdir()
    install("EE_one", {"ee.brokers:one": "one"}, version="1.0").rename(later / "EE_one-1.0.dist-info")
    sys.path.append(str(later))

    assert [entry.version for entry in list_entries()] == ["2.0"]


def test_an_installation_without_metadata_does_not_stop_the_listing(install) -> None:
    info = install("ee-broken", {"ee.brokers:broken": "broken"})
    (info / "METADATA").unlink()
    install("ee-one", {"ee.brokers:one": "one"})

    assert {entry.name for entry in list_entries()} == {"broken", "one"}


def test_only_the_head_of_the_metadata_says_who_a_distribution_is(install) -> None:
    info = install("ee-one", {"ee.brokers:one": "one"})
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName:   ee-one \nVersion:\nSummary: x\n        Name: other\n\nName: third\nVersion: 9\n"
    )

    assert [(entry.distribution, entry.version) for entry in list_entries()] == [("ee-one", "unknown")]


def test_the_members_read_are_those_the_standard_library_reads() -> None:
    """Of all that is installed here."""
    for distribution in metadata.distributions():
        headers = listing._read_headers(distribution)

        assert headers == {"Name": distribution.metadata["Name"], "Version": distribution.version}
