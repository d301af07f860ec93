"""Pages and the blocks of code in them.

A test that takes a fixture called ``<kind>_block`` is run for each block of that kind, one that takes ``page`` for each
page. What a block is follows from its language and title:

* ``part``: its title is a path with a slash, and it is no whole workflow: it shows a part of that file of the repository;
* ``workflow``: YAML that begins with ``ee: 1``, or has no title and is a part of ``nodes:``;
* ``settings``: TOML; ``python``, ``console``: what they say.

Any other title is the name of the file that the reader writes. Text that begins with ``error[`` or ``warning[`` is what
is said about the workflow before it.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
FENCE = re.compile(
    r'^(?P<indent> *)```(?P<language>\w+)(?: title="(?P<title>[^"]*)")?\n(?P<text>.*?)^(?P=indent)```$',
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    title: str
    text: str
    said: str = ""  # the text block behind it, if that is what is said about it

    @property
    def kind(self) -> str:
        if "/" in self.title and not self.text.startswith("ee: 1"):
            return "part"
        if self.language == "yaml":
            return "workflow" if not self.title or self.text.startswith("ee: 1") else "file"
        return {"toml": "settings"}.get(self.language, self.language)

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@functools.cache
def list_pages() -> list[Path]:
    return sorted(DOCS.rglob("*.md"))


@functools.cache
def read_blocks(page: Path) -> list[Block]:
    content = page.read_text(encoding="utf-8")
    matches = list(FENCE.finditer(content))
    blocks = []
    for number, match in enumerate(matches):
        following = matches[number + 1] if number + 1 < len(matches) else None
        text = re.sub(rf"^{match['indent']}", "", match["text"], flags=re.MULTILINE)
        says = following is not None and following["text"].lstrip().startswith(("error[", "warning["))
        blocks.append(
            Block(
                page=str(page.relative_to(DOCS)),
                line=content.count("\n", 0, match.start()) + 1,
                language=match["language"],
                title=match["title"] or "",
                text=text,
                said=following["text"] if says and following is not None else "",
            )
        )
    return blocks


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    pages = list_pages()
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", pages, ids=[str(page.relative_to(DOCS)) for page in pages])
    for name in [name for name in metafunc.fixturenames if name.endswith("_block")]:
        kind = name.removesuffix("_block")
        blocks = [block for page in pages for block in read_blocks(page) if block.kind == kind]
        metafunc.parametrize(name, blocks, ids=str)


@pytest.fixture
def docs() -> Path:
    """The folder of the documentation."""
    return DOCS


@pytest.fixture
def blocks_of():
    """What reads the blocks of a page, named by its path in the documentation."""
    return lambda name: read_blocks(DOCS / name)


@pytest.fixture
def section_of(docs):
    """What reads a page's text below a heading, up to the next of the same or a higher level."""

    def read(name: str, heading: str) -> str:
        text = (docs / name).read_text(encoding="utf-8")
        marks, _, title = heading.partition(" ")
        found = re.search(
            rf"^{marks} {re.escape(title)}$\n(.*?)(?=^#{{1,{len(marks)}}} |\Z)",
            text,
            re.MULTILINE | re.DOTALL,
        )
        assert found is not None, f"{name} has no heading {heading!r}"
        return found[1]

    return read
