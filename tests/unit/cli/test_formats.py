"""How data and failures are printed: for people, and whole for programs."""

import json
import os
import subprocess
import sys

import click
import pytest
import yaml

from ee_core.cli.exits import Exit
from ee_core.cli.formats import Output
from ee_core.cli.main import run_command
from ee_core.cli.problem import split

ROWS = [{"bot": "b1", "labels": {"app": "erp"}, "why": "x" * 100}, {"bot": "b2", "labels": {}, "why": ""}]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def printed(capsys, form, query="", rows=ROWS):
    Output(form, query).rows(rows, ("bot", "why"), wide=("labels",))
    return capsys.readouterr().out


def test_a_table_is_cut_to_fit_and_a_wide_one_is_not(capsys):
    narrow, wide = printed(capsys, "table"), printed(capsys, "wide")

    assert narrow.splitlines()[0].split() == ["BOT", "WHY"]
    assert "…" in narrow
    assert "x" * 100 in wide
    assert "app=erp" in wide


def test_programs_get_everything(capsys):
    assert json.loads(printed(capsys, "json")) == ROWS
    assert [json.loads(line) for line in printed(capsys, "jsonl").splitlines()] == ROWS
    assert yaml.safe_load(printed(capsys, "yaml")) == ROWS
    assert printed(capsys, "name") == "b1\nb2\n"


def test_a_query_picks_from_the_data_whatever_the_form(capsys):
    assert printed(capsys, "table", "[?bot=='b1'].labels.app") == "erp\n"
    assert json.loads(printed(capsys, "json", "[].bot")) == ["b1", "b2"]
    assert printed(capsys, "table", "length(@)") == "2\n"


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("[].id", "no member 'id' here; there are: bot, labels, why"),
        ("[0].whi", "no member 'whi' here; did you mean 'why'? there are: bot, labels, why"),
        ("[].[bot, lable]", "no member 'lable' here; did you mean 'labels'? there are: bot, labels, why"),
        ("[?bt=='b1'].why", "no member 'bt' here; did you mean 'bot'? there are: bot, labels, why"),
        ("[].labels.app", ""),  # one of them has it
        ("[?bot=='b9'].why", ""),
        ("[].bot", ""),
    ],
)
def test_a_query_for_a_member_that_is_not_there_is_told_those_that_are(capsys, query, hint):
    Output("json", query).rows(ROWS, ("bot", "why"))

    assert capsys.readouterr().err == (f"hint: --query: {hint}\n" if hint else "")


@pytest.mark.parametrize("query", ["[", "nothing(@)"])
def test_a_query_that_is_none_is_a_mistake_in_the_command_line(query):
    with pytest.raises(click.UsageError, match="--query"):
        Output("json", query).rows(ROWS, ("bot",))


def test_names_and_a_query_do_not_go_together():
    with pytest.raises(click.UsageError, match="use one of them"):
        Output("name", "[0]")


def test_nothing_is_an_empty_list_for_programs_and_a_head_for_people(capsys):
    assert printed(capsys, "json", rows=[]) == "[]\n"
    assert printed(capsys, "name", rows=[]) == ""
    assert printed(capsys, "table", rows=[]).split() == ["BOT", "WHY"]


def test_the_form_comes_from_the_setting_unless_the_command_line_says_it(capsys, monkeypatch):
    monkeypatch.setenv("EE_OUTPUT", "json")

    assert run_command(["plugin", "list"]) == Exit.OK
    assert isinstance(json.loads(capsys.readouterr().out), list)
    assert run_command(["plugin", "list", "-o", "name"]) == Exit.OK
    assert "noop" in capsys.readouterr().out.split()


def failure(capsys, *arguments):
    code = run_command(arguments)
    return code, capsys.readouterr().err


def test_a_failure_is_words_and_behind_them_what_to_do(capsys):
    code, err = failure(capsys, "run", "none.ee.yaml")

    assert code == Exit.NOT_FOUND
    assert err.splitlines()[0] == "error: none.ee.yaml cannot be read: No such file or directory"
    assert err.splitlines()[1].startswith("hint: the folder ")
    code, err = failure(capsys, "workflow", "check")
    assert code == Exit.USAGE
    assert err.splitlines() == [
        "error: missing argument 'FILES...'",
        "hint: see `eectl workflow check --help`",
    ]


@pytest.mark.parametrize("form", ["json", "jsonl", "yaml"])
def test_who_asked_for_objects_gets_failures_as_objects(capsys, tmp_path, form):
    (tmp_path / "a.ee.yaml").write_text("ee: 1\nname: a\nstart: b\nnodes:\n  b: {activty: noop}\n")

    code, err = failure(capsys, "run", "a.ee.yaml", f"-o{form}")

    said = json.loads(err)
    assert (code, said["exit"], said["code"]) == (Exit.INVALID_INPUT, 3, "invalid_workflow")
    assert (said["place"]["file"], said["place"]["line"]) == ("a.ee.yaml", 5)
    assert said["message"] == said["diagnostics"][0]["message"]


def test_a_command_line_that_cannot_be_read_is_an_object_too(capsys, monkeypatch):
    monkeypatch.setenv("EE_OUTPUT", "json")

    said = json.loads(failure(capsys, "plugin", "list", "--nope")[1])

    assert (said["code"], said["exit"], said["place"]) == ("usage", 2, None)
    assert "--nope" in said["message"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "job 'a; b' is not known; see `eectl job list`",
            ("job 'a; b' is not known", "see `eectl job list`"),
        ),
        ("it's gone; it isn't there; look", ("it's gone", "it isn't there; look")),
        ("nothing to do", ("nothing to do", "")),
        ("one; two\nthree; four", ("one; two\nthree; four", "")),
    ],
)
def test_what_happened_and_what_to_do_are_told_apart(text, parts):
    assert split(text) == parts


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such pipes")
def test_a_reader_that_leaves_ends_the_command_without_a_word():
    read, write = os.pipe()
    os.close(read)

    done = subprocess.run(
        [sys.executable, "-m", "ee_core.cli", "plugin", "list"],
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )

    os.close(write)
    assert (done.returncode, done.stderr) == (Exit.PIPE_CLOSED, b"")


@pytest.mark.parametrize(
    ("form", "query", "printed"),
    [
        ("json", "", '{"e": "A", "visit": "a#1"}\n{"e": "B"}\n'),
        ("jsonl", "visit", '"a#1"\n'),
        ("table", "[e, visit]", "A  a#1\nB  \n"),
        ("yaml", "", "---\ne: A\nvisit: a#1\n---\ne: B\n"),
        ("name", "", "A\nB\n"),
    ],
)
def test_what_comes_one_by_one_is_a_line_each_and_left_out_where_a_query_finds_nothing(
    capsys, form, query, printed
):
    output = Output(form, query)
    for event in ({"e": "A", "visit": "a#1"}, {"e": "B"}):
        output.piece(event, name=event["e"])

    assert capsys.readouterr() == (printed, "")
