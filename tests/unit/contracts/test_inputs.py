"""An activity's input: what is read, and how one that does not fit is told."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, model_validator

from ee_core.contracts.inputs import read_input
from ee_core.errors import PermanentActivityError


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    item: str
    lots: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _check(self):
        if self.item == "NOTHING":
            raise ValueError("NOTHING cannot be ordered")
        return self


def test_what_fits_is_read():
    assert read_input(Order, {"item": "a", "lots": [1, 2]}) == Order(item="a", lots=(1, 2))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "item: field required"),
        (
            {"item": 1, "lots": ["x"]},
            "item: input should be a valid string; lots.0: input should be a valid integer, ",
        ),
        ({"item": "NOTHING"}, "input: value error, NOTHING cannot be ordered"),
        ("hunter2", "input: input should be a valid dictionary or instance of Order"),
        ({"item": "a", "lots": ["x"] * 7}, "; and 2 more"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place_and_what_was_expected(value, message):
    with pytest.raises(PermanentActivityError) as caught:
        read_input(Order, value)

    assert message in str(caught.value)
    assert caught.value.error_code == "bad_input"


@pytest.mark.parametrize("value", [{"item": ["hunter2"]}, "hunter2", {"item": "a", "lots": ["hunter2"]}])
def test_what_was_given_is_in_no_message(value):
    with pytest.raises(PermanentActivityError) as caught:
        read_input(Order, value)

    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
