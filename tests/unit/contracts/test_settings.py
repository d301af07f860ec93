"""A plugin's section of the configuration: what is read, and how a mistake in it is told."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, Field

from ee_core.contracts.settings import Texts, read_section
from ee_core.errors import ConfigError


class Machine(BaseModel):
    model_config = ConfigDict(extra="forbid")

    port: int
    pin: int = Field(default=0, repr=False)


class Plant(BaseModel):
    model_config = ConfigDict(extra="forbid")

    halls: Texts = ()
    machines: dict[str, Machine] = {}
    password: str = Field(default="", max_length=3, repr=False)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [(["a b", "c"], ("a b", "c")), ("a b, c", ("a b", "c")), ("a,,", ("a",)), ("", ()), ([], ())],
)
def test_texts_are_a_list_or_one_text_with_commas(stated, expected):
    assert read_section(Plant, {"halls": stated}, "plant").halls == expected


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"hall": []}, "unknown key 'plant.hall'; known are halls, machines, password"),
        (
            {"machines": {"a": {"port": 1, "halls": 2}}},
            "unknown key 'plant.machines.a.halls'; known are port, pin",
        ),
        (
            {"machines": {"port": {"port": "x"}}},
            "plant.machines.port.port: input should be a valid integer, unable to parse string as an integer, got 'x'",
        ),
        ({"machines": {"a": {}}}, "plant.machines.a.port: field required"),
        ({"halls": [1]}, "plant.halls.0: input should be a valid string, got 1"),
    ],
)
def test_a_mistake_is_told_with_its_place_its_value_and_what_was_expected(section, message):
    with pytest.raises(ConfigError) as caught:
        read_section(Plant, section, "plant")

    assert str(caught.value) == message


@pytest.mark.parametrize(
    "section", [{"password": "hunter2"}, {"machines": {"a": {"port": 1, "pin": "hunter2"}}}]
)
def test_a_field_that_is_not_shown_is_in_no_message(section):
    with pytest.raises(ConfigError) as caught:
        read_section(Plant, section, "plant")

    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
