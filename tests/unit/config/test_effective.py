"""The settings that hold, and where each comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ee_core.config import list_effective, list_settings
from ee_core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def by_key(*arguments: Any, **options: Any) -> dict[str, tuple[Any, str]]:
    return {each.key: (each.value, each.origin) for each in list_effective(*arguments, **options)}


def test_without_anything_every_setting_of_the_core_is_its_default() -> None:
    shown = by_key(environ={})

    assert list(shown) == [doc.key for doc in list_settings() if not doc.key.endswith(">")]
    assert {origin for _, origin in shown.values()} == {"default"}
    assert shown["engine.max_open_jobs"] == (None, "default")
    assert shown["plugins.disabled"] == ([], "default")


def test_each_value_names_the_layer_that_won(tmp_path: Path) -> None:
    file = tmp_path / "ee.toml"
    file.write_text(
        "namespace = 'a'\noutput = 'json'\n[engine]\ngrace_s = 1\n[lock]\n[contexts.lab]\noutput = 'yaml'\n"
        "broker.servers = 'nats://ann:canary@lab'\n[activities.http]\nallow = ['a.example']\n"
    )

    shown = by_key(
        {"namespace": "said"},
        file=file,
        environ={"EE_ENGINE_GRACE_S": "2", "EE_BROKER_PASSWORD": "canary"},
        context="lab",
    )

    assert shown["namespace"] == ("said", "flag for namespace")
    assert shown["engine.grace_s"] == (2.0, "EE_ENGINE_GRACE_S")
    assert shown["output"] == ("yaml", f"{file}:7:1: context 'lab'")
    assert shown["broker.servers"] == ("nats://(hidden)@lab", f"{file}:8:1: context 'lab'")
    assert shown["broker.password"] == ("(hidden)", "EE_BROKER_PASSWORD")
    assert shown["activities.http.allow"] == (["a.example"], f"{file}:10:1")
    assert "lock" not in shown


def test_a_plugins_keys_that_do_not_count_are_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "ee.toml"
    file.write_text("[broker]\ntoken = 'canary'\n")

    assert "broker.token" not in by_key({"broker.name": "memory"}, file=file, environ={})


def test_wrong_settings_are_told_as_anywhere() -> None:
    with pytest.raises(ConfigError, match="EE_ENGINE_GRACE_S"):
        list_effective(environ={"EE_ENGINE_GRACE_S": "soon"})
