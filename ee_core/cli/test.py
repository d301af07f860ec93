"""`eectl test`: the tests of workflows, in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ee_core.cli.exits import Exit
from ee_core.cli.formats import output_options
from ee_core.cli.output import put, say
from ee_core.cli.session import read_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ee_core.cli.formats import Output
    from ee_core.simulation.workflow_test.coverage import Coverage
    from ee_core.simulation.workflow_test.session import Result, Session


@click.command()
@click.argument("paths", nargs=-1)
@click.option("-k", "word", metavar="WORD", default="", help="Only tests with this word in file or name.")
@click.option("--junit", metavar="FILE", help="Write the results for a CI server, too.")
@output_options
@click.pass_context
def test(
    context: click.Context, /, paths: tuple[str, ...], word: str, junit: str | None, output: Output
) -> int:
    """Test workflows: each of PATHS is a file of tests or a folder with some; without any, this folder.

    A test gives inputs and what activities answer, and says what it expects. The real engine runs it in virtual time:
    nothing is called, and a delay of a day takes no time. Files are *.test.yaml or test_*.py. Exit code 11: a test
    failed.
    """
    from ee_core.errors import NotFoundError, WorkflowError
    from ee_core.simulation.workflow_test.session import Session, find_files

    files = find_files(paths or (".",))
    session = Session(read_settings(context), wanted=lambda title: word.lower() in title.lower())
    results = []
    for result in session.run(files):
        results.append(result)
        if output.is_for_people:
            _show(result)
    for error in session.invalid.values():
        say(str(error) if isinstance(error, WorkflowError) else f"error: {error}")
    if junit is not None:
        _write_junit(junit, results, session)
    output.record(
        _to_json(results, session), lambda: _sum_up(results, session), names=[one.name for one in results]
    )
    if session.invalid:
        return Exit.INVALID_INPUT
    if not results:
        raise NotFoundError(
            f"no test has {word!r} in its file or name" if word else "there are no tests in these files"
        )
    return Exit.FOUND_SOMETHING if any(result.failure for result in results) else Exit.OK


def _show(result: Result) -> None:
    put(f"{'FAIL' if result.failure else 'ok  '}  {result.file}:{result.line}: {result.name}")
    for line in result.failure:
        put(f"        {line}")


def _sum_up(results: Sequence[Result], session: Session) -> None:
    for coverage in session.coverage():
        put("")
        for line in _tell(coverage):
            put(line)
    failed = sum(bool(result.failure) for result in results)
    put("")
    put(f"{len(results) - failed} passed, {failed} failed" + _tell_invalid(session))


def _tell(coverage: Coverage) -> list[str]:
    followed = coverage.pointers - len(coverage.never)
    head = f"{coverage.workflow}: {followed} of {coverage.pointers} pointers followed"
    return [head + ("; never:" if coverage.never else ""), *(f"  {text}" for text in coverage.never)]


def _tell_invalid(session: Session) -> str:
    count = len(session.invalid)
    return f", {count} {'file is' if count == 1 else 'files are'} not valid" if count else ""


def _to_json(results: Sequence[Result], session: Session) -> dict[str, Any]:
    return {
        "tests": [
            {
                "file": result.file,
                "line": result.line,
                "name": result.name,
                "passed": not result.failure,
                "failure": list(result.failure),
                "seconds": round(result.took_s, 3),
            }
            for result in results
        ],
        "invalid": {path: str(error) for path, error in session.invalid.items()},
        "coverage": [
            {"workflow": one.workflow, "pointers": one.pointers, "never": list(one.never)}
            for one in session.coverage()
        ],
    }


def _write_junit(path: str, results: Sequence[Result], session: Session) -> None:
    from xml.etree import ElementTree as ET

    from ee_core.cli.files import write_file

    failed = sum(bool(result.failure) for result in results)
    counts = {"tests": str(len(results)), "failures": str(failed), "errors": str(len(session.invalid))}
    suite = ET.Element("testsuite", {"name": "eectl test", **counts})
    for result in results:
        case = ET.SubElement(
            suite, "testcase", classname=result.file, name=result.name, time=f"{result.took_s:.3f}"
        )
        if result.failure:
            ET.SubElement(case, "failure", message=_printable(result.failure[0])).text = _printable(
                "\n".join(result.failure)
            )
    for file, error in session.invalid.items():
        case = ET.SubElement(suite, "testcase", classname=file, name="(the file)")
        ET.SubElement(case, "error", message="not valid").text = _printable(str(error))
    write_file(path, ET.tostring(suite, encoding="unicode") + "\n")


def _printable(text: str) -> str:
    """Leave out what XML cannot hold."""
    return "".join(each for each in text if each.isprintable() or each in "\n\t")
