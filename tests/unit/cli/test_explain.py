"""Every code, state and word is explained, each example is answered with its code, and `eectl explain` finds it."""

import inspect
import json
import re

import pytest

from ee_core import errors
from ee_core.cli.exits import Exit
from ee_core.cli.explanations import diagnose, explanations, sentences, states, words
from ee_core.cli.main import run_command
from ee_core.config import Settings
from ee_core.definitions import expand_with, load
from ee_core.errors import WorkflowError
from ee_core.fleet.seats import BotState
from ee_core.local.env import SystemEnv
from ee_core.model.events import IncidentKind, Outcome
from ee_core.model.job import NOT_PROCESSED, AttemptStatus, JobStatus, VisitStatus
from ee_core.registry import Registry

ALSO = {"EE-W121": {"EE-W118"}}  # a join at the start always waits for its own output too
SHOWN = [code for code, known in explanations("diagnostics").items() if known.wrong]
CODES = {one.code for found in sentences().values() for one in found}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def registry():
    return Registry(Settings(), SystemEnv())


def explain(capsys, *words):
    code = run_command(["explain", *words])
    return code, capsys.readouterr().out


def test_every_code_is_explained_and_no_other():
    classes = [kind for kind in vars(errors).values() if inspect.isclass(kind)]

    assert set(explanations("diagnostics")) == CODES
    assert set(explanations("incidents")) == {kind.value for kind in IncidentKind}
    assert set(explanations("errors")) == {
        kind.code for kind in classes if issubclass(kind, errors.EngineError)
    }


def test_every_state_that_is_shown_is_explained_and_no_other():
    shown = {
        "job": {*JobStatus, "Parked", "Pruned"},
        "outcome": {*Outcome},
        "visit": {*VisitStatus, "BotBusy", "Processing"},
        "node": {NOT_PROCESSED},
        "attempt": {*AttemptStatus} - {*VisitStatus},
        "bot": {*BotState},
    }

    assert {owner: set(named) for owner, named in states().items()} == shown


def test_every_text_about_a_state_is_a_sentence_or_more():
    texts = [text for named in states().values() for each in named.values() for text in (each.why, each.mend)]

    assert [text for text in texts if text and text[-1] not in ".:)"] == []


def test_the_words_are_those_of_the_page_of_concepts(repository):
    page = (repository / "docs" / "concepts.md").read_text(encoding="utf-8")
    found = re.findall(r"^\*\*(.+?)\*\*\n:   (.*?)(?=\n\n|\Z)", page, re.MULTILINE | re.DOTALL)

    assert words() == {word: " ".join(text.split()) for word, text in found}


def test_every_text_is_a_sentence_or_more():
    for kind in ("diagnostics", "errors", "incidents"):
        for known in explanations(kind).values():
            for text in (known.why, known.mend):
                assert text[-1] in ".`;)", known.code
                assert len(text) > 10, known.code


@pytest.mark.parametrize("code", SHOWN)
def test_the_example_of_a_code_is_answered_with_it(code, registry):
    try:
        found = load(
            explanations("diagnostics")[code].wrong.encode(),
            place="example.ee.yaml",
            activities=registry.installed_activities(),
            language=registry.open_expressions,
            expand=expand_with(registry.hooks),
        ).diagnostics
    except WorkflowError as error:
        found = error.diagnostics

    assert {each.code for each in found} == {code} | ALSO.get(code, set())


def test_more_than_half_of_the_diagnostics_have_an_example():
    assert len(SHOWN) >= 0.5 * len(CODES)


def test_what_is_said_about_a_file_is_what_the_check_says():
    assert diagnose("ee: 1\nname: x\nstart: a\nnodes: {a: {end: succeeded}}\n") == ""
    assert diagnose("ee: 1\n").startswith("error[EE-W202]")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("EE-W105", "did you mean 'done'?"),
        ("ee-w105", "a pointer leads to no node"),
        ("lock_held", "eectl bot release"),
        ("Lost", "take_result"),
        ("12", "incident is open"),
        ("delay", "seconds"),
        ("join", "reachable"),
        ("retry.attempts", "1 to 1000"),
        ("attempts", "retry.attempts"),
        ("exclusive.when", "Followed when this expression is true"),
        ("same_as", "bot.same_as"),
        ("inputs.type", "integer"),
        ("BotBusy", "eectl bot run FILE"),
        ("quarantined", "eectl bot release"),
        ("NotProcessed", "(state of a node)"),
        ("cancelled", "(outcome of a job)"),
        ("fence", "The number of an assignment"),
        ("Activity type", "A plugin brings it"),
    ],
)
def test_a_word_is_explained(capsys, word, said):
    code, text = explain(capsys, word)

    assert code == Exit.OK
    assert said in text


def test_a_word_that_means_nothing_is_not_found_with_the_nearest(capsys):
    assert run_command(["explain", "Lsot"]) == Exit.NOT_FOUND
    assert "'Lost'" in capsys.readouterr().err


def test_without_a_word_everything_is_listed(capsys):
    code, text = explain(capsys, "-o", "json")

    names = {row["name"] for row in json.loads(text)}
    assert code == Exit.OK
    assert {"EE-W001", "config", "Runaway", "http", "exclusive", "8"} <= names
    assert names >= CODES
