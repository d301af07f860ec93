"""What a newcomer sees of the promise."""

import pytest


@pytest.mark.slow
def test_the_crash_of_the_demo_loses_nothing_and_repeats_nothing(place):
    stdout = place.run("demo", "crash")

    assert stdout.splitlines() == [
        "piece1#1: begun 1 time, ended 1 time",
        "piece2#1: begun 1 time, ended 1 time",
        "piece3#1: begun 1 time, ended 1 time",
        "the job went on where it was; nothing was lost, nothing was done twice",
    ]
