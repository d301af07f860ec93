from __future__ import annotations

import asyncio
import traceback

import pytest

from ee_core.bot.redaction import MAX_LENGTH, MIN_LENGTH
from ee_core.bot.secrets import AsWritten, Found, Secrets, open_secrets
from ee_core.config import Settings
from ee_core.errors import PermanentActivityError, SecretError, TransientActivityError
from ee_core.local.env import SystemEnv
from ee_core.registry import Registry
from ee_core.simulation.pytest import virtual_time


class Kept:
    """A provider with values in memory."""

    def __init__(self, **values):
        self.values = values
        self.asked = []

    async def find(self, name):
        self.asked.append(name)
        return self.values.get(name)

    def describe(self, name):
        return f"the drawer {name}"


class Raising(Kept):
    def __init__(self, error):
        super().__init__()
        self.error = error

    async def find(self, name):
        raise self.error


class Hanging(Kept):
    """Never answers, and does not let itself be cancelled at once."""

    async def find(self, name):
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            await asyncio.sleep(60)
            raise SecretError("too late") from None


async def test_values_take_the_places_of_references_and_of_nothing_else():
    secrets = Secrets({"kept": Kept(KEY="sesame", OTHER="mustard")})
    value = {"a": ["secret:KEY", "secret:KEY"], "b": {"c": "secret:OTHER"}, "d": "secret:KEY"}

    resolved = await secrets.resolve(value, [("a", 0), ("b", "c")])

    assert resolved.value == {"a": ["sesame", "secret:KEY"], "b": {"c": "mustard"}, "d": "secret:KEY"}
    assert value["a"][0] == "secret:KEY"
    assert resolved.redactor.redact_text("sesame and mustard") == "[secret:KEY] and [secret:OTHER]"
    assert "sesame" not in repr(resolved)


async def test_each_name_is_looked_up_once_and_providers_are_asked_in_order():
    first, second = Kept(A="value of a"), Kept(A="not asked", B="value of b")
    secrets = Secrets({"first": first, "second": second})

    resolved = await secrets.resolve(["secret:A", "secret:B", "secret:A"], [(0,), (1,), (2,)])

    assert resolved.value == ["value of a", "value of b", "value of a"]
    assert (first.asked, second.asked) == (["A", "B"], ["B"])
    assert await secrets.find("B") == Found("value of b", "second")
    assert "value" not in repr(await secrets.find("B")).replace("value=", "")


async def test_a_secret_that_is_not_there_names_itself_the_places_and_the_cure():
    secrets = Secrets({"one": Kept(), "two": Kept()})

    with pytest.raises(PermanentActivityError) as caught:
        await secrets.resolve("secret:KEY", [()])

    assert caught.value.error_code == "secret_missing"
    assert str(caught.value) == (
        "secret 'KEY' is not there; looked for: the drawer KEY (one), the drawer KEY (two);"
        " put it there on the machine that does this work"
    )


async def test_without_providers_the_setting_is_named():
    with pytest.raises(PermanentActivityError, match=r"no provider of secrets.*secrets\.providers"):
        await Secrets().resolve("secret:KEY", [()])


@pytest.mark.parametrize(
    "value", ["", " ", "\n", "abc", " abc\n", "x" * (MIN_LENGTH - 1), "abc" * MAX_LENGTH]
)
async def test_an_empty_very_short_or_very_long_value_is_not_given_away(value):
    with pytest.raises(PermanentActivityError) as caught:
        await Secrets({"kept": Kept(KEY=value)}).resolve("secret:KEY", [()])

    assert caught.value.error_code == "secret_unusable"
    assert "'kept'" in str(caught.value)
    assert "abc" not in str(caught.value)


async def test_a_name_that_is_not_allowed_is_not_even_looked_up():
    kept = Kept(CRM_KEY="sesame", ERP_KEY="mustard")
    secrets = Secrets({"kept": kept}, allow=("CRM_*", "MAIL"))

    assert (await secrets.find("CRM_KEY")).value == "sesame"
    with pytest.raises(PermanentActivityError, match=r"allow = .* under \[secrets\]") as caught:
        await secrets.find("ERP_KEY")

    assert caught.value.error_code == "secret_not_allowed"
    assert kept.asked == ["CRM_KEY"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SecretError("the drawer is stuck"), "the drawer is stuck"),
        (ValueError("sesame"), "it raised ValueError"),
        (TimeoutError(), "it raised TimeoutError"),
        (SystemExit("sesame"), "it raised RuntimeError"),
    ],
)
async def test_a_provider_that_raises_ends_the_look_up_and_a_foreign_text_is_not_repeated(
    error, said, caplog
):
    behind = Kept(KEY="another value")

    with pytest.raises(TransientActivityError) as caught:
        await Secrets({"bad": Raising(error), "behind": behind}).find("KEY")

    assert caught.value.error_code == "secret_unavailable"
    assert str(caught.value) == f"secret 'KEY' cannot be had from the provider 'bad': {said}"
    assert behind.asked == []
    assert [record.action for record in caplog.records] == ["secret_unavailable"]
    assert "sesame" not in caplog.text


@pytest.mark.parametrize("answer", ["sesame", ValueError("sesame")])
async def test_a_provider_whose_find_is_no_coroutine_repeats_nothing(answer, caplog):
    class Plain(Kept):
        def find(self, name):
            if isinstance(answer, Exception):
                raise answer
            return answer

    with pytest.raises(TransientActivityError, match=r"it raised (TypeError|ValueError)$") as caught:
        await Secrets({"plain": Plain()}).find("KEY")

    assert "sesame" not in "".join(traceback.format_exception(caught.value)) + caplog.text


async def test_a_provider_that_answers_no_text_is_told():
    with pytest.raises(TransientActivityError, match="answered bytes, which is no text"):
        await Secrets({"bad": Kept(KEY=b"sesame")}).find("KEY")


@virtual_time
async def test_a_provider_that_hangs_costs_its_time_and_no_more():
    loop = asyncio.get_running_loop()
    began = loop.time()

    with pytest.raises(TransientActivityError, match="did not answer in 5 s") as caught:
        await Secrets({"slow": Hanging()}, timeout_s=5).find("KEY")

    assert loop.time() - began == pytest.approx(5)
    assert caught.value.error_code == "secret_unavailable"
    await asyncio.sleep(120)  # what it says at last reaches nobody


@virtual_time
async def test_a_look_up_can_be_cancelled():
    task = asyncio.create_task(Secrets({"slow": Hanging()}).find("KEY"))
    await asyncio.sleep(1)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(120)


@pytest.mark.parametrize("path", [("b",), ("a",), ("a", 7), ()])
async def test_a_path_that_leads_to_no_reference_is_refused(path):
    kept = Kept(KEY="sesame")

    with pytest.raises(PermanentActivityError) as caught:
        await Secrets({"kept": kept}).resolve({"a": ["x"]}, [path])

    assert caught.value.error_code == "bad_reference"
    assert kept.asked == []


async def test_rehearsals_leave_references_as_they_are():
    value = {"a": "secret:KEY"}

    resolved = await AsWritten().resolve(value, [("a",)])

    assert resolved.value is value
    assert resolved.redactor is None


async def test_the_settings_say_who_is_asked_in_which_order(tmp_path, monkeypatch):
    (tmp_path / "BOTH").write_text("from the file\n")
    monkeypatch.setenv("X_BOTH", "from the variable")
    settings = Settings.model_validate(
        {
            "secrets": {
                "providers": ["file", "env"],
                "allow": ["B*"],
                "file": {"folder": str(tmp_path)},
                "env": {"prefix": "X_"},
            }
        }
    )

    secrets = open_secrets(Registry(settings, SystemEnv()), settings)

    assert await secrets.find("BOTH") == Found("from the file", "file")
    (tmp_path / "BOTH").unlink()
    assert await secrets.find("BOTH") == Found("from the variable", "env")
    with pytest.raises(PermanentActivityError):
        await secrets.find("OTHER")
