"""`eectl init`: a small project that runs at once.

The projects are the folders in ``templates/``, copied as they are. With each comes the schema to which the first line of its
workflow points, made for the activity types that are installed, and a ``.gitignore``, if the folder has none.
"""

from __future__ import annotations

import shlex
from importlib.resources import files
from pathlib import Path
from typing import Final

import click

from ee_core.cli.output import put
from ee_core.errors import ConflictError, InputError

TEMPLATES: Final = {  # what to type first
    "hello": "eectl run hello.ee.yaml",
    "http": "python server.py & eectl run stock.ee.yaml",
    "parallel": "eectl run parcel.ee.yaml",
    "bot": "eectl run letter.ee.yaml --bot writer.py",
}
SCHEMA: Final = "workflow.schema.json"
GITIGNORE: Final = ".gitignore"
_IGNORED: Final = {  # by what it is
    "what engine, bots and server keep here": ".ee/",
    "values of secrets, if the setting secrets.file.folder names this folder": "secrets/",
    "what Python keeps of bots": "__pycache__/",
}


@click.command()
@click.argument("folder", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "-t",
    "--template",
    type=click.Choice(list(TEMPLATES)),
    default="hello",
    show_default=True,
    help="Two steps; a call by HTTP; branches and a decision; a bot of your own.",
)
@click.option("--force", is_flag=True, default=False, help="Write over files that are there.")
def init(folder: Path, template: str, force: bool) -> None:
    """Write a small project into FOLDER, or into this one: a workflow, its test, settings, a schema for editors, a README.

    Nothing that is there is written over without --force, and a .gitignore not even then.
    """
    from ee_core.cli.schema import write_schema
    from ee_core.config import Settings

    # of no settings: those of the folder, if there are any, may be what --force writes over
    made = read_template(template) | {SCHEMA: write_schema(Settings())}
    there = [name for name in made if (folder / name).exists()]
    if there and not force:
        names = ", ".join(str(folder / name) for name in there)
        raise ConflictError(
            f"nothing is written, for this is there already: {names}; take another folder, or say --force"
        )
    own = folder / GITIGNORE
    lacking = _list_lacking(own) if own.exists() else []
    if not own.exists():
        made[GITIGNORE] = "".join(f"# {what}\n{pattern}\n" for what, pattern in _IGNORED.items())
    _write(folder, made)
    for name in made:
        put(f"wrote {folder / name}")
    if lacking:
        put(f"left {own} as it is; add to it {', '.join(lacking)}")
    put("")
    put("next:")
    for line in (
        *([f"cd {shlex.quote(str(folder))}"] if folder != Path() else []),
        TEMPLATES[template],
        "eectl test",
    ):
        put(f"  {line}")


def read_template(name: str) -> dict[str, str]:
    """Return the files of a project, by name."""
    folder = files("ee_core.cli").joinpath("templates", name)
    found = sorted((each for each in folder.iterdir() if each.is_file()), key=lambda each: each.name)
    return {each.name: each.read_text(encoding="utf-8") for each in found}


def _list_lacking(own: Path) -> list[str]:
    lines = {
        line.strip().strip("/") for line in own.read_text(encoding="utf-8", errors="replace").splitlines()
    }
    return [pattern for pattern in _IGNORED.values() if pattern.strip("/") not in lines]


def _write(folder: Path, made: dict[str, str]) -> None:
    from ee_core.cli.files import write_file

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made: {error.strerror or error}") from error
    for name, text in made.items():
        write_file(str(folder / name), text)
