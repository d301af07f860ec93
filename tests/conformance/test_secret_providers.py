"""The built-in providers of secrets against their contract, and what each does besides."""

from __future__ import annotations

import os
import sys

import pytest

from ee_core.contracts.secrets import NamesSecrets, SecretProvider
from ee_core.errors import ConfigError, SecretError
from ee_core.local import secret_files, secret_variables
from ee_core.local.secret_files import FileSecrets
from ee_core.local.secret_variables import VariableSecrets
from ee_core.testing.secrets import SecretsConformance, SecretStore


class Variables(SecretStore):
    def __init__(self, monkeypatch):
        self._monkeypatch = monkeypatch

    def open(self):
        return secret_variables.ee_open_secrets(settings={})

    def put(self, name, value):
        self._monkeypatch.setenv(self._variable(name), value)

    def take_away(self, name):
        self._monkeypatch.delenv(self._variable(name))

    def put_beside(self, name, value):
        self._monkeypatch.setenv(name, value)

    def spoil(self, name):
        if os.name == "nt":
            pytest.skip("a variable of Windows holds text")
        self._monkeypatch.setenv(self._variable(name), os.fsdecode(b"\xff\xfe"))

    @staticmethod
    def _variable(name):
        return "EE_SECRET_" + name.replace(".", "_").replace("-", "_")


class Files(SecretStore):
    def __init__(self, folder):
        self._outside = folder
        self._folder = folder / "secrets"
        self._folder.mkdir()

    def open(self):
        return secret_files.ee_open_secrets(settings={"folder": str(self._folder)})

    def put(self, name, value):
        path = self._folder / name
        path.write_bytes(value.encode() + b"\n")
        path.chmod(0o600)

    def take_away(self, name):
        (self._folder / name).unlink()

    def put_beside(self, name, value):
        (self._outside / name).write_text(value)
        (self._folder / "a..OTHER.d").mkdir()

    def spoil(self, name):
        (self._folder / name).write_bytes(b"\xff\xfe")


class TestVariables(SecretsConformance):
    @pytest.fixture
    def store(self, monkeypatch):
        return Variables(monkeypatch)


class TestFiles(SecretsConformance):
    @pytest.fixture
    def store(self, tmp_path):
        return Files(tmp_path)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "secrets"
    made.mkdir()
    return made


def test_hooks_make_providers_that_ask_nobody_yet(tmp_path):
    for provider in (
        secret_variables.ee_open_secrets(settings={}),
        secret_files.ee_open_secrets(settings={"folder": str(tmp_path / "not there yet")}),
    ):
        assert isinstance(provider, SecretProvider)


@pytest.mark.parametrize(
    ("module", "settings", "reason"),
    [
        (secret_variables, {"prefx": "X_"}, "unknown key 'secrets.env.prefx'; known are prefix"),
        (secret_variables, {"prefix": ""}, "secrets.env.prefix"),
        (secret_variables, {"prefix": "A=B"}, "secrets.env.prefix"),
        (secret_files, {}, r"no folder; in ee\.toml"),
        (secret_files, {"foldr": "x"}, "unknown key 'secrets.file.foldr'"),
        (secret_files, {"folder": 3}, "secrets.file.folder"),
    ],
)
def test_hooks_refuse_wrong_settings(module, settings, reason):
    with pytest.raises(ConfigError, match=reason):
        module.ee_open_secrets(settings=settings)


async def test_a_prefix_of_ones_own_takes_the_place_of_the_usual_one(monkeypatch):
    monkeypatch.setenv("PLANT_KEY", "of the plant")
    monkeypatch.setenv("EE_SECRET_KEY", "of ee")

    provider = VariableSecrets("PLANT_")

    assert await provider.find("KEY") == "of the plant"
    assert provider.describe("crm.token") == "the variable PLANT_crm_token"


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"v\n", "v"),
        (b"v\r\n", "v"),
        (b"v", "v"),
        (b"v\n\n", "v\n"),
        (b" v ", " v "),
        (b"", ""),
        (b"\xef\xbb\xbfv\r\n", "v"),
    ],
)
async def test_one_newline_at_the_end_and_the_mark_at_the_beginning_of_a_file_are_taken_off(
    folder, body, value
):
    (folder / "KEY").write_bytes(body)
    (folder / "KEY").chmod(0o600)

    assert await FileSecrets(folder).find("KEY") == value


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
async def test_a_link_inside_the_folder_is_followed_and_one_that_leads_out_is_refused(folder, tmp_path):
    (tmp_path / "shadow").write_text("not for you")
    data = folder / "..2026_11_25"  # as Kubernetes mounts them
    data.mkdir()
    (data / "KEY").write_text("mounted")
    (data / "KEY").chmod(0o600)
    (folder / "..data").symlink_to(data.name)
    (folder / "KEY").symlink_to("..data/KEY")
    (folder / "OUT").symlink_to(tmp_path / "shadow")
    (folder / "ROUND").symlink_to("ROUND")
    provider = FileSecrets(folder)

    assert await provider.find("KEY") == "mounted"
    with pytest.raises(SecretError, match="OUT leads out of its folder") as caught:
        await provider.find("OUT")
    assert "not for you" not in str(caught.value)
    with pytest.raises(SecretError, match="ROUND cannot be read"):
        await provider.find("ROUND")


async def test_names_are_listed_as_far_as_they_were_put_there_for_ee(folder, tmp_path, monkeypatch):
    (folder / "KEY").write_text("x")
    (folder / "DEEPER").mkdir()
    monkeypatch.setenv("MY_ONE", "x")
    monkeypatch.setenv("OTHER_ONE", "x")

    assert isinstance(FileSecrets(folder), NamesSecrets)
    assert await FileSecrets(folder).list_names() == ["KEY"]
    assert isinstance(VariableSecrets(), NamesSecrets)
    assert await VariableSecrets("MY_").list_names() == ["ONE"]
    with pytest.raises(SecretError, match="gone cannot be listed"):
        await FileSecrets(tmp_path / "gone").list_names()


async def test_a_folder_that_is_not_there_and_what_is_no_file_are_errors(folder, tmp_path):
    (folder / "KEY").mkdir()
    (folder / "LARGE").write_bytes(b"x" * (64 * 1024 + 1))

    with pytest.raises(
        SecretError, match=r"no folder .*gone; make it .* or mend the setting secrets\.file\.folder"
    ):
        await FileSecrets(tmp_path / "gone").find("KEY")
    with pytest.raises(SecretError, match="KEY cannot be read"):
        await FileSecrets(folder).find("KEY")
    with pytest.raises(SecretError, match="more than 65536 bytes"):
        await FileSecrets(folder).find("LARGE")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes in folders")
async def test_a_pipe_is_refused_at_once(folder):
    os.mkfifo(folder / "PIPE")

    with pytest.raises(SecretError, match="PIPE is no ordinary file"):
        await FileSecrets(folder).find("PIPE")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such modes there")
async def test_a_file_that_every_user_may_read_is_told_once(folder, caplog):
    for name, mode in (("OPEN", 0o644), ("CLOSED", 0o640)):
        (folder / name).write_text("value")
        (folder / name).chmod(mode)
    provider = FileSecrets(folder)

    for name in ("OPEN", "CLOSED", "OPEN"):
        assert await provider.find(name) == "value"

    told = [record.getMessage() for record in caplog.records if record.action == "secret_readable"]
    assert len(told) == 1
    assert "OPEN" in told[0]
    assert "value" not in told[0]
