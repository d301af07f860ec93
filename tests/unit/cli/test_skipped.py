"""A node is skipped, and somebody reads the output that it does not have."""

import pytest

from ee_core.cli.skipped import describe_skip

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
