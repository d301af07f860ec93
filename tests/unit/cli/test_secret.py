"""`eectl secret check` says whether secrets can be had, and never what they are."""

from __future__ import annotations

import json

import pytest

from ee_core.cli.exits import Exit
from ee_core.cli.main import run_command

VALUE = "canary-of-the-command-line"
WORKFLOW = """
ee: 1
name: w
inputs: {given: {type: string}}
start: a
nodes:
  a:
    activity: http
    with: {url: "https://a.example/", auth: {bearer: "secret:TOKEN"}, headers: {X: "${inputs.given}"}}
    next: b
  b: {activity: noop, with: {output: ["secret:OTHER", "secret:TOKEN", "${'secret:NONE'}"]}, next: c}
  c: {end: succeeded}
"""


@pytest.fixture(autouse=True)
def _place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EE_SECRET_TOKEN", VALUE)
    monkeypatch.setenv("EE_SECRET_SHORT", "abc")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/FILED").write_text(f"{VALUE}\n")
    (tmp_path / "secrets/FILED").chmod(0o600)
    (tmp_path / "ee.toml").write_text(
        '[secrets]\nproviders = ["file", "env"]\nallow = ["[A-Z]*"]\n[secrets.file]\nfolder = "secrets"\n'
    )
    (tmp_path / "w.ee.yaml").write_text(WORKFLOW)


def ask(capsys, *arguments):
    code = run_command(["secret", "check", *arguments, "-o", "json"])
    said = capsys.readouterr()
    assert VALUE not in said.out + said.err
    return code, {row["secret"]: row for row in json.loads(said.out)}


def test_a_secret_that_is_there_names_its_provider_and_place(capsys, tmp_path):
    code, rows = ask(capsys, "TOKEN", "FILED")

    assert code == Exit.OK
    assert rows["TOKEN"] | {"reason": ""} == {
        "secret": "TOKEN",
        "state": "found",
        "provider": "env",
        "place": "the variable EE_SECRET_TOKEN",
        "reason": "",
    }
    assert (rows["FILED"]["provider"], rows["FILED"]["place"]) == (
        "file",
        f"the file {tmp_path}/secrets/FILED",
    )


def test_one_that_cannot_be_had_says_why(capsys, tmp_path):
    code, rows = ask(capsys, "TOKEN", "GONE", "SHORT", "lower")

    assert code == Exit.FOUND_SOMETHING
    assert {name: row["state"] for name, row in rows.items()} == {
        "TOKEN": "found",
        "GONE": "missing",
        "SHORT": "unusable",
        "lower": "not_allowed",
    }
    assert (
        f"the file {tmp_path}/secrets/GONE (file), the variable EE_SECRET_GONE (env)"
        in rows["GONE"]["reason"]
    )
    assert 'allow = ["lower"] under [secrets] in its ee.toml' in rows["lower"]["reason"]


def test_a_folder_of_secrets_that_is_not_there_is_told_with_its_whole_path_and_whose_it_is(capsys, tmp_path):
    (tmp_path / "secrets/FILED").unlink()
    (tmp_path / "secrets").rmdir()

    _, rows = ask(capsys, "FILED")

    assert rows["FILED"]["state"] == "unavailable"
    assert (
        f"there is no folder {tmp_path}/secrets; make it on the machine that does this work, with a file FILED in it, or"
        " mend the setting secrets.file.folder where this process (an engine or a bot) runs"
        in rows["FILED"]["reason"]
    )


def test_the_secrets_of_a_workflow_are_those_that_it_refers_to(capsys):
    code, rows = ask(capsys, "--workflow", "w.ee.yaml")

    assert list(rows) == ["TOKEN", "OTHER"]
    assert code == Exit.FOUND_SOMETHING


def test_people_are_told_in_words(capsys):
    code = run_command(["secret", "check", "TOKEN", "GONE"])

    said = capsys.readouterr()
    assert code == Exit.FOUND_SOMETHING
    assert VALUE not in said.out + said.err
    assert said.out.splitlines()[1].split()[:3] == ["TOKEN", "found", "env"]
    assert "secret 'GONE' is not there" in said.err


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [("TOKN", "TOKEN"), ("FILD", "FILED"), ("SHROT", "SHORT"), ("ZZZZ", ""), ("LOWR", "")],
)
def test_a_misspelt_name_is_told_the_nearest_one_that_may_be_had(capsys, tmp_path, misspelt, meant):
    (tmp_path / "secrets/lowr").write_text(VALUE)  # the setting secrets.allow does not name it

    code, rows = ask(capsys, misspelt)

    assert code == Exit.FOUND_SOMETHING
    assert rows[misspelt]["state"] == "missing"
    assert rows[misspelt]["reason"].endswith(f"; did you mean {meant!r}?") == bool(meant)


def test_what_is_no_name_is_refused(capsys):
    assert run_command(["secret", "check", "../etc/passwd"]) == Exit.INVALID_INPUT
    assert "is no name of a secret" in capsys.readouterr().err
    assert run_command(["secret", "check"]) == Exit.USAGE


FAKED = """
ee: 1
name: faked
start: fetch
nodes:
  fetch:
    activity: http
    with: {url: "https://a.example/", auth: {bearer: "secret:NOT_THERE"}}
    next: tell
  tell: {activity: log, with: {text: "secret:NOT_THERE"}, next: ask}
  ask: {activity: crm.ask, with: {token: "secret:NOT_THERE"}, next: keep}
  keep: {activity: noop, with: {output: "secret:TOKEN"}, next: done}
  done: {end: succeeded}
"""
TEST = """
workflow: faked.ee.yaml
tests:
  - name: nothing is looked up
    stubs: {fetch: {output: {}}, ask: {output: {}}}
    expect:
      outcome: succeeded
      inputs: {fetch: {url: "https://a.example/", auth: {bearer: "secret:NOT_THERE"}}, ask: {token: "secret:NOT_THERE"}}
      outputs: {keep: "secret:TOKEN"}
"""


def test_a_test_of_a_workflow_looks_no_secret_up(tmp_path, capsys):
    (tmp_path / "faked.ee.yaml").write_text(FAKED)
    (tmp_path / "faked.test.yaml").write_text(TEST)

    code = run_command(["test", "faked.test.yaml"])

    said = capsys.readouterr()
    assert code == Exit.OK, said.out
    assert VALUE not in said.out + said.err


@pytest.mark.timeout(120)
def test_a_rehearsal_looks_no_secret_up(tmp_path, capsys):
    (tmp_path / "faked.ee.yaml").write_text(FAKED)

    code = run_command(["workflow", "rehearse", "faked.ee.yaml", "--limit", "3", "-q", "-j", "1"])

    said = capsys.readouterr()
    assert code == Exit.OK, said.out + said.err
    assert "one outcome: Succeeded" in said.out
    assert VALUE not in said.out + said.err
