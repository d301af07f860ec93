"""Where settings come from, which one wins, and what is said about a wrong one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ee_core.config import find_choice_of_plugin, list_effective, list_settings, load_settings, locate
from ee_core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ee.toml"
    path.write_text(
        """
        namespace = "plant"
        [broker]
        servers = ["nats://broker:4222"]
        [lock]
        bucket = "bots"
        [engine]
        max_open_jobs = 5
        grace_s = 2
        [activities.http]
        allow = ["*.example.org"]
        [activities."sap.post"]
        client = "800"
        """,
        encoding="utf-8",
    )
    return path


def test_without_anything_the_defaults_hold() -> None:
    settings = load_settings(environ={})

    assert (settings.namespace, settings.broker.name, settings.broker.settings) == ("", "nats", {})
    assert (settings.lock.name, settings.journal.name, settings.catalogue.name) == ("", "sqlite", "folder")
    assert settings.engine.max_open_jobs is None
    assert settings.plugins.disabled == ()


def test_a_file_gives_its_values_and_a_plugin_gets_its_own_keys_as_written(file: Path) -> None:
    settings = load_settings(file=file, environ={})

    assert settings.namespace == "plant"
    assert settings.broker.settings == {"servers": ["nats://broker:4222"]}
    assert settings.lock.settings == {"bucket": "bots"}
    assert settings.activities == {"http": {"allow": ["*.example.org"]}, "sap.post": {"client": "800"}}


def test_a_variable_beats_the_file_and_a_flag_beats_the_variable(file: Path) -> None:
    environ = {"EE_ENGINE_MAX_OPEN_JOBS": "7", "EE_ENGINE_GRACE_S": "3.5"}

    settings = load_settings({"engine.grace_s": 4, "namespace": None}, file=file, environ=environ)

    assert settings.engine.max_open_jobs == 7
    assert settings.engine.grace_s == 4
    assert settings.namespace == "plant"


def test_another_brokers_keys_in_the_file_do_not_reach_the_one_a_flag_names(file: Path) -> None:
    settings = load_settings({"broker.name": "memory"}, file=file, environ={"EE_BROKER_TOKEN": "t"})

    assert settings.broker.name == "memory"
    assert settings.broker.settings == {}


def test_a_lock_that_follows_the_broker_forgets_the_other_ones_keys(file: Path) -> None:
    assert load_settings({"broker.name": "memory"}, file=file, environ={}).lock.settings == {}
    assert load_settings({"broker.name": "nats"}, file=file, environ={}).lock.settings == {"bucket": "bots"}
    kept = load_settings({"broker.name": "memory", "lock.name": "nats"}, file=file, environ={})
    assert kept.lock.settings == {"bucket": "bots"}


def test_a_variable_may_hold_a_list_and_digits_stay_text() -> None:
    environ = {
        "EE_ACTIVITIES_HTTP_ALLOW": '["127.0.0.1:80"]',
        "EE_BROKER_TOKEN": "0123",
        "EE_PLUGINS_DISABLED": "shell, ee-example",
    }

    settings = load_settings(environ=environ)

    assert settings.activities["http"] == {"allow": ["127.0.0.1:80"]}
    assert settings.broker.settings == {"token": "0123"}
    assert settings.plugins.disabled == ("shell", "ee-example")


def test_the_file_is_found_by_its_variable_or_in_the_current_folder(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_settings(environ={"EE_CONFIG": str(file)}).namespace == "plant"

    monkeypatch.chdir(file.parent)

    assert load_settings(environ={}).namespace == "plant"


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ("broker 'nats' has no setting 'serverz' (broker.serverz); did you mean 'servers'?", "FILE:2:1"),
        ("nats setting broker.servers is 5; use an address", "EE_BROKER_SERVERS"),
        ("unknown key 'activities.sap.post.clint'; known are client", "FILE:4:1"),
        ("no server at nats://x; name another in the setting broker.serverz", ""),
        ("nats setting broker.user is 5", ""),
        ("broker.server is not there", ""),
    ],
)
def test_a_setting_that_a_plugin_refused_is_found_in_its_file(tmp_path: Path, said: str, where: str) -> None:
    path = tmp_path / "ee.toml"
    path.write_text('[broker]\nserverz = "a"\n[activities."sap.post"]\nclint = 1\n', encoding="utf-8")
    where = where.replace("FILE", str(path))

    found = locate(
        ConfigError(said), {"broker.user": 5}, file=path, environ={"EE_BROKER_SERVERS": "5"}, context=""
    )

    assert str(found) == (f"{where}: {said}" if where else said)
    assert found.line == (int(where.split(":")[1]) if ":" in where else 0)


def test_the_environment_of_the_process_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EE_NAMESPACE", "mine")

    assert load_settings().namespace == "mine"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[engine]\nmax_jobs = 1", "unknown key 'engine.max_jobs'; did you mean 'engine.max_open_jobs'?"),
        ("namespce = 'a'", "unknown key 'namespce'; did you mean 'namespace'?"),
        ("[brokr]\nservers = 'x'", "ee.toml:1:2: unknown section 'brokr'; did you mean 'broker'?"),
        ("[engine]\ngrace_s = 'x'", "got 'x'; write it as in grace_s = 10.0"),
        (
            "[engine]\nmax_open_jobs = 0",
            "engine.max_open_jobs: input should be greater than or equal to 1, got 0",
        ),
        (
            "namespace = 'a b'",
            "namespace: 'a b' does not fit; use letters, digits, '-' and '_', with dots between words",
        ),
        ("[broker]\nname = 'a b'", "broker.name: 'a b' does not fit; use up to 64 letters, digits, "),
        ("[lock]\nname = 'a b'", "ee.toml:2:8: lock.name: 'a b' does not fit; use up to 64 letters, "),
        ("[secrets]\nproviders = ['a b']", "secrets.providers.0: 'a b' does not fit; use up to 64 letters, "),
        ("broker = 'nats'", "broker is a section, got 'nats'; write [broker], and its keys below it"),
        ("a = = 1", "ee.toml:1:5: this is no TOML: invalid value; a line is [section] or key = value"),
        ("a = " + "9" * 5000, "ee.toml:1:5005: this is no TOML: exceeds the limit (4300 digits)"),
        (
            "[secrets]\nflie = 'x'",
            "ee.toml:2:1: unknown key 'secrets.flie'; known are secrets.providers, secrets.allow",
        ),
        ("[engine]\nproviders = []", "unknown key 'engine.providers'; did you mean 'secrets.providers'?"),
        ("[activities]\nhttp = 1", "activities.http is a section, got 1; write [activities.http]"),
    ],
)
def test_a_wrong_file_is_named_with_the_key(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "ee.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        load_settings(file=path, environ={})

    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_a_file_in_a_folder_that_may_not_be_searched_is_told_as_any_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(type(tmp_path), "is_dir", refuse)

    with pytest.raises(ConfigError, match=r"none\.toml cannot be read: .*; name one that can"):
        load_settings(file=tmp_path / "none.toml", environ={})


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("# plant\n[engine]\nmax_jobs = 1", (3, 1)),
        ("[engine]\nmax_open_jobs = 0", (2, 17)),
        ("engine.max_jobs = 1", (1, 1)),
        ("[plugins]\ndisabled = [1]", (2, 1)),
        ('"name space" = 1', (1, 1)),
        ("[broker]\n\n[brokr]\nname = 'nats'", (3, 2)),
        ("a = = 1", (1, 5)),
    ],
)
def test_a_wrong_file_is_named_with_line_and_column(
    tmp_path: Path, text: str, place: tuple[int, int]
) -> None:
    path = tmp_path / "ee.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        load_settings(file=path, environ={})

    assert (caught.value.file, caught.value.line, caught.value.column) == (str(path), *place)
    line, column = place
    assert f"{path}:{line}:{column}: " in str(caught.value)


def test_a_wrong_variable_stands_in_no_file(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(file=file, environ={"EE_ENGINE_GRACE_S": "x"})

    assert (caught.value.file, caught.value.line, caught.value.column) == ("", 0, 0)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ee.toml"
    path.write_text("[engine]\nmax_open_jobs = 0\ngrace = 1", encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        load_settings(file=path, environ={})

    assert len(str(caught.value).splitlines()) == 2


def test_a_wrong_flag_is_named_once() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({"namespace": "a..b"}, environ={})

    assert str(caught.value).startswith("flag for namespace: 'a..b' does not fit; use letters, ")


def test_a_file_that_was_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_settings(file=tmp_path / "none.toml", environ={})


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        (
            "EE_ENGINE_MAX_JOBS",
            "EE_ENGINE_MAX_JOBS: unknown key 'engine.max_jobs'; did you mean 'engine.max_open_jobs'?",
        ),
        ("EE_BROKER", "EE_BROKER: no such setting; did you mean 'EE_BROKER_NAME'?"),
        ("EE_BROKR_NAME", "EE_BROKR_NAME: no such setting; did you mean 'EE_BROKER_NAME'?"),
        ("EE_ENGINE_GRACE_S", "EE_ENGINE_GRACE_S: engine.grace_s: input should be a valid number"),
    ],
)
def test_a_wrong_variable_is_named_with_the_right_one(variable: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(environ={variable: "x"})

    assert str(caught.value).startswith(message)


def test_a_variable_of_somebody_else_is_left_alone() -> None:
    load_settings(environ={"EE_NATS_SERVICE_HOST": "10.0.0.1", "HOME": "/root"})


def test_a_flag_that_is_no_setting_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"flag for engine\.limit: unknown key 'engine\.limit'"):
        load_settings({"engine.limit": 1}, environ={})


def test_a_value_in_the_place_of_a_section_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ee.toml"
    path.write_text("engine = 3", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"'engine\.grace_s' is set, but 'engine' is no section"):
        load_settings(file=path, environ={"EE_ENGINE_GRACE_S": "1"})


def test_a_plugins_secrets_are_not_shown() -> None:
    settings = load_settings(environ={"EE_BROKER_TOKEN": "canary", "EE_ACTIVITIES_HTTP_KEY": "canary"})

    assert "canary" not in repr(settings)
    assert "canary" not in repr(settings.broker)


def test_every_setting_is_described_and_its_variable_works() -> None:
    docs = list_settings()

    assert [doc.key for doc in docs if not doc.description.endswith(".")] == []
    for doc in docs:
        if "<" not in doc.key and doc.default:
            value = doc.default.strip('"') if doc.default.startswith('"') else doc.default
            load_settings(environ={doc.variable: value})


def test_providers_of_secrets_have_sections_of_their_own_beside_the_cores_keys(tmp_path: Path) -> None:
    file = tmp_path / "ee.toml"
    file.write_text(
        '[secrets]\nproviders = ["file"]\ntimeout_s = 3\n[secrets.file]\nfolder = "/run/secrets"\n'
        '[secrets.vault]\naddress = "a"\ntoken = "canary"\n'
    )

    settings = load_settings(
        file=file,
        environ={
            "EE_SECRETS_PROVIDERS": "file, vault",
            "EE_SECRETS_VAULT_TOKEN_FILE": "t",
            "EE_SECRETS_TIMEOUT_S": "4",
            "EE_SECRETS_ALLOW": '["CRM_*"]',
        },
    )

    assert settings.secrets.providers == ("file", "vault")
    assert (settings.secrets.timeout_s, settings.secrets.allow) == (4.0, ("CRM_*",))
    assert settings.secrets.of("file") == {"folder": "/run/secrets"}
    assert settings.secrets.of("vault") == {"address": "a", "token": "canary", "token_file": "t"}
    assert settings.secrets.of("env") == {}
    assert "canary" not in repr(settings)
    shown = {one.key: one.value for one in list_effective(file=file, environ={})}
    assert shown["secrets.file.folder"] == "/run/secrets"
    assert shown["secrets.vault.token"] == "(hidden)"


def test_variables_with_secrets_are_no_settings() -> None:
    settings = load_settings(environ={"EE_SECRET_KEY": "canary", "EE_SECRET_providers": "x"})

    assert settings.secrets.providers == ("env",)


def test_a_misspelt_key_beside_the_sections_of_providers_is_told(tmp_path: Path) -> None:
    file = tmp_path / "ee.toml"
    file.write_text('[secrets]\nprovider = ["file"]\n')

    with pytest.raises(
        ConfigError, match=r"unknown key 'secrets\.provider'; did you mean 'secrets\.providers'"
    ):
        load_settings(file=file, environ={})


def test_a_file_of_settings_that_is_not_there_is_told_with_its_cure(tmp_path: Path) -> None:
    (tmp_path / "plant.toml").touch()

    with pytest.raises(ConfigError, match=r"plnt.toml cannot be read: .*; did you mean 'plant.toml'\?"):
        load_settings(file=tmp_path / "plnt.toml", environ={})
    with pytest.raises(ConfigError, match=r"zzz cannot be read: .*; name one that can, with -C or EE_CONFIG"):
        load_settings(file=tmp_path / "zzz", environ={})


@pytest.mark.parametrize(
    ("text", "place", "cure"),
    [
        ("[engine\nname = 1", (1, 8), "write [engine]"),
        ("[engine]\nname = x", (2, 8), 'write name = "x" if it is text'),
        (
            "[engine]\nname = 30s  # long",
            (2, 10),
            'write name = "30s" if it is text; a number stands without a unit',
        ),
        ("[engine]\nname 'x'", (2, 6), "write name = 'x'"),
        ("[engine]\nname: x", (2, 5), 'write name = "x"'),
        ("engine:\n  name: x", (1, 7), "write [engine] for a section"),
        ("[engine]\na = True", (2, 5), "write a = true"),
        ("[engine]\na =", (2, 4), "write a value behind a ="),
        ("[engine]\na = 1, # one", (2, 6), "write one setting on a line"),
        ("[engine]\na = 1\na = 2", (3, 6), "keep one of the two lines"),
        ("[engine]\n[engine]\n", (2, 8), "put all keys of a section below one header"),
        ('[engine]\na = "x\n', (2, 7), "close the text with the quotation mark"),
        ("[engine]\na = 'x\n\n", (2, 7), "close the text with the quotation mark"),
        ("[secrets]\nproviders = [file]", (2, 14), 'put text in quotes, as in providers = ["one", "other"]'),
        ("[secrets]\nproviders = ['file'\n", (2, 20), "close the list with ]"),
        ("[broker]\nname = \u201cnats\u201d", (2, 8), "write \" or ' for a quotation mark"),
        ('[secrets.file]\nfolder = "C:\\queue"', (2, 15), "write a text with a backslash in single quotes"),
        ('{"a": 1}', (1, 1), "a line is [section] or key = value"),
    ],
)
def test_what_is_no_toml_is_told_at_its_place_with_its_cure(
    tmp_path: Path, text: str, place: tuple[int, int], cure: str
) -> None:
    path = tmp_path / "ee.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        load_settings(file=path, environ={})

    assert (caught.value.file, caught.value.line, caught.value.column) == (str(path), *place)
    assert str(caught.value).startswith(f"{path}:{place[0]}:{place[1]}: this is no TOML: ")
    assert f"; {cure}" in str(caught.value)


def test_a_file_that_is_not_utf_8_is_told_with_its_cure(tmp_path: Path) -> None:
    path = tmp_path / "ee.toml"
    path.write_bytes(b"namespace = '\xff'")

    with pytest.raises(ConfigError, match=r"ee\.toml is not UTF-8, at byte 13; save it as UTF-8"):
        load_settings(file=path, environ={})


def test_settings_know_where_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "ee.toml"
    path.write_text("[secrets.flie]\nfolder = 'x'\n", encoding="utf-8")

    settings = load_settings(file=path, environ={"EE_BROKER_NAME": "memory"})

    assert settings.place_of("secrets", "flie") == f"{path}:1:2"
    assert settings.place_of("broker", "name") == "EE_BROKER_NAME"
    assert settings.place_of("engine", "grace_s") == ""


@pytest.mark.parametrize(
    ("group", "name", "where"),
    [
        ("ee.secrets", "flie", "FILE:2:13"),
        ("ee.brokers", "natz", "EE_BROKER_NAME"),
        ("ee.journals", "sqlit", ""),
        ("ee.locks", "x", ""),
        ("ee.activities", "x", ""),
    ],
)
def test_the_setting_is_found_that_names_a_plugin(tmp_path: Path, group: str, name: str, where: str) -> None:
    path = tmp_path / "ee.toml"
    path.write_text("[secrets]\nproviders = ['env', 'flie']\n", encoding="utf-8")

    found = find_choice_of_plugin(
        group, name, {"journal.name": "sqlit"}, file=path, environ={"EE_BROKER_NAME": "natz"}, context=""
    )

    assert (found[0] if found else "") == where.replace("FILE", str(path))
