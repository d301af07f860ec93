"""A node is skipped, and somebody reads the output that it does not have."""

import pytest

from ee_core.cli.exits import Exit
from ee_core.cli.main import run_command
from ee_core.cli.skipped import describe_skip, read_output

INCIDENT = {"incident": "i1", "visit": "scan#2", "readers": ["count", "post"]}


def test_a_skip_without_an_output_says_who_reads_it():
    assert describe_skip({"incidents": [INCIDENT]}, "i1") == (
        "warning: skipped without --output-value JSON, so 'nodes.scan.output' is null from now on,"
        " and is read by 'count', 'post'"
    )


@pytest.mark.parametrize(
    "incidents", [[], [INCIDENT | {"incident": "i2"}], [INCIDENT | {"readers": []}], [{"incident": "i1"}]]
)
def test_nothing_is_said_where_nobody_is_known_to_read_it(incidents):
    assert describe_skip({"incidents": incidents}, "i1") == ""


def test_a_skip_takes_any_json():
    assert read_output("skip", '{"n": 1}') == {"n": 1}
    assert read_output("skip", None) is read_output("retry", None) is None


@pytest.mark.parametrize(
    ("answer", "value", "message", "hint"),
    [
        ("retry", "{}", "--output-value goes with skip, and retry takes none", "leave it out, or skip"),
        (
            "skip",
            "{n: 1}",
            "--output-value is no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
            """write it as in --output-value '{"pages": 3}'""",
        ),
    ],
)
def test_an_output_that_would_be_lost_is_refused(capsys, answer, value, message, hint):
    assert run_command(["job", "resolve", "j1", "i1", answer, "--output-value", value]) == Exit.USAGE
    assert capsys.readouterr().err == f"error: {message}\nhint: {hint}\n"
