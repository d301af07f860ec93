"""Named sets of settings: where they stand, which one is chosen, and what it beats."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from ee_core.config import find_choice, find_output, find_user_folder, list_contexts, load_settings
from ee_core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the folder is told by other variables there")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ee.toml"
    path.write_text(
        """
        namespace = "plant"
        [engine]
        grace_s = 3
        [contexts.lab]
        namespace = "lab"
        output = "json"
        [contexts.lab.broker]
        servers = "nats://lab:4222"
        [contexts.wrong.engine]
        grace = 1
        """,
        encoding="utf-8",
    )
    return path


@pytest.fixture
def user(tmp_path: Path) -> dict[str, str]:
    """The environment of a user who has a folder of configuration."""
    folder = tmp_path / "home" / "ee"
    folder.mkdir(parents=True)
    (folder / "contexts.toml").write_text(
        "[contexts.lab]\nnamespace = 'other-lab'\n[contexts.far]\nnamespace = 'far'\n", encoding="utf-8"
    )
    return {"XDG_CONFIG_HOME": str(folder.parent)}


def note(environ: dict[str, str], text: str) -> None:
    folder = find_user_folder(environ)
    assert folder is not None
    (folder / "context.json").write_text(text, encoding="utf-8")


def test_a_context_beats_the_file_and_leaves_what_it_does_not_say(file: Path) -> None:
    settings = load_settings(file=file, environ={}, context="lab")

    assert (settings.namespace, settings.engine.grace_s) == ("lab", 3)
    assert settings.broker.settings == {"servers": "nats://lab:4222"}
    assert find_output(file=file, environ={}, context="lab") == "json"


def test_without_a_choice_the_contexts_say_nothing_and_are_not_checked(file: Path) -> None:
    assert load_settings(file=file, environ={}).namespace == "plant"


def test_a_variable_beats_the_context_and_a_flag_the_variable(file: Path) -> None:
    environ = {"EE_NAMESPACE": "mine", "EE_CONTEXT": "lab"}

    assert load_settings(file=file, environ=environ).namespace == "mine"
    assert load_settings({"namespace": "said"}, file=file, environ=environ).namespace == "said"


def test_the_users_contexts_hold_in_every_directory_and_nearer_ones_win(
    file: Path, user: dict[str, str]
) -> None:
    assert load_settings(environ=user, context="far").namespace == "far"
    assert load_settings(environ=user, context="lab").namespace == "other-lab"
    assert load_settings(file=file, environ=user, context="lab").namespace == "lab"
    assert list(list_contexts(file, user)) == ["lab", "wrong", "far"]


def test_a_flag_beats_the_variable_beats_the_note_and_an_empty_name_is_none(
    file: Path, user: dict[str, str]
) -> None:
    note(user, json.dumps({"context": "far"}))

    assert load_settings(file=file, environ=user).namespace == "far"
    assert load_settings(file=file, environ=user | {"EE_CONTEXT": "lab"}).namespace == "lab"
    assert load_settings(file=file, environ=user | {"EE_CONTEXT": "lab"}, context="far").namespace == "far"
    assert load_settings(file=file, environ=user | {"EE_CONTEXT": ""}).namespace == "plant"
    assert load_settings(file=file, environ=user, context="").namespace == "plant"


def test_the_folder_is_the_one_of_the_freedesktop_specification() -> None:
    assert str(find_user_folder({"XDG_CONFIG_HOME": "/etc/me", "HOME": "/home/me"})) == "/etc/me/ee"
    assert str(find_user_folder({"XDG_CONFIG_HOME": "me", "HOME": "/home/me"})) == "/home/me/.config/ee"
    assert find_user_folder({}) is None


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"EE_CONTEXT": "lba"}, "EE_CONTEXT: no context 'lba'; did you mean 'lab'?"),
        (
            {"EE_CONTEXT": "wrong"},
            "ee.toml:11:9: context 'wrong': unknown key 'engine.grace'; did you mean 'engine.grace_s'?",
        ),
    ],
)
def test_a_wrong_choice_is_told_with_the_nearest(file: Path, environ: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(file=file, environ=environ)

    assert str(caught.value).endswith(message)


def test_a_choice_without_any_context_says_how_to_write_one() -> None:
    with pytest.raises(ConfigError, match=r"there are none; write one into ee.toml as \[contexts.lab\]"):
        load_settings(environ={}, context="lab")


def test_a_noted_context_that_is_not_here_is_no_reason_to_take_the_other_broker(user: dict[str, str]) -> None:
    note(user, json.dumps({"context": "gone"}))

    with pytest.raises(ConfigError, match=r"context.json: no context 'gone' here; .*`eectl context unset`"):
        load_settings(environ=user)


@pytest.mark.parametrize("text", ["{", "[]", '{"context": 3}', '{"context": ""}'])
def test_a_broken_note_names_its_file_and_what_removes_it(user: dict[str, str], text: str) -> None:
    note(user, text)

    with pytest.raises(ConfigError, match=r"context.json .*`eectl context unset` removes it"):
        find_choice(environ=user)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("contexts = 1", ":1:1: contexts is no section"),
        ("[contexts]\nlab = 1", ":2:1: contexts.lab is no section"),
        ("[broker]\nname = 'nats'", ":1:2: 'broker' is no context; write \\[contexts.<name>\\]"),
    ],
)
def test_what_is_no_context_is_named_with_its_place(user: dict[str, str], text: str, message: str) -> None:
    folder = find_user_folder(user)
    assert folder is not None
    (folder / "contexts.toml").write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError, match=f"contexts.toml{message}") as caught:
        list_contexts(environ=user)

    assert caught.value.line
