"""`eectl workflow rehearse`: what it prints and how it ends."""

import json

import pytest
import yaml

from ee_core.cli.exits import Exit
from ee_core.cli.main import run_command

pytestmark = pytest.mark.slow  # all of them together

STEP = "ee: 1\nname: step\nstart: scan\nnodes:\n  scan: {activity: desk.scan, next: done}\n  done: {end: succeeded}\n"
RACE = """
ee: 1
name: race
start: both
nodes:
  both: {parallel: [a, b]}
  a: {activity: desk.ask, next: who}
  b: {activity: desk.ask, next: met}
  who:
    exclusive:
      - {when: nodes.b.visits > 0, next: met}
      - {otherwise: true, next: c}
  c: {activity: desk.ask, next: met}
  met: {join: reachable, next: done}
  done: {end: succeeded}
"""
ASKS = """
ee: 1
name: asks
start: ask
inputs: {wanted: {type: string}}
nodes:
  ask: {activity: desk.ask, next: ways}
  ways: {exclusive: [{when: nodes.ask.output == inputs.wanted, next: done}]}
  done: {end: succeeded}
"""


@pytest.fixture
def rehearse(tmp_path, capsys, monkeypatch):
    """What rehearses a text with options, and returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def rehearse(text, *options):
        (tmp_path / "play.ee.yaml").write_text(text)
        code = run_command(["workflow", "rehearse", "play.ee.yaml", *options])
        out, err = capsys.readouterr()
        return code, out, err

    return rehearse


def test_a_clean_workflow_has_one_outcome_and_what_a_person_is_asked_is_told(rehearse):
    code, out, err = rehearse(STEP)

    assert code == Exit.OK
    first, *rest = out.splitlines()
    assert first.startswith("play.ee.yaml: ")
    assert first.endswith(" places, one outcome: Succeeded")
    assert "a person is asked, as the rules want it:" in rest
    assert any(
        line.endswith("eectl workflow rehearse play.ee.yaml --only dies-during:scan#1") for line in rest
    )
    assert rest[-1].startswith("left out: ")
    assert err == ""  # no terminal, no progress; and that bots must serve the type is no news here


def test_a_race_ends_with_a_code_of_its_own_and_each_finding_can_be_reproduced(rehearse):
    code, out, _ = rehearse(RACE, "-o", "json")

    assert code == Exit.FOUND_SOMETHING
    found = json.loads(out)
    assert found["rehearsed"] == found["places"]
    [bad] = [one for one in found["findings"] if one["category"] == "differs"]
    assert bad["text"] == [
        "`who` goes to `c` once instead of `met` once",
        "`c`: Success once instead of not visited",
    ] or bad["text"] == [
        "`who` goes to `met` once instead of `c` once",
        "`c`: not visited instead of Success once",
    ]
    assert bad["reproduce"] == f"eectl workflow rehearse play.ee.yaml --only {bad['places'][0]}"

    code, story, _ = rehearse(RACE, "--only", bad["places"][0])
    assert code == Exit.FOUND_SOMETHING
    assert "another outcome: `who` goes to" in story
    assert "FAULT: " in story
    assert story.rstrip().endswith("in the end: Succeeded")


def test_a_place_that_there_is_not_is_refused(rehearse):
    code, _, err = rehearse(STEP, "--only", "dies-after:nobody#1")

    assert code == Exit.NOT_FOUND
    assert "there is no place 'dies-after:nobody#1' in this workflow" in err
    assert "--list shows them" in err


def test_places_are_listed_without_being_rehearsed(rehearse):
    code, out, _ = rehearse(STEP, "--list", "-o", "json")

    assert code == Exit.OK
    rows = {row["place"]: row["what"] for row in json.loads(out)}
    assert rows["dies-after:scan#1"] == "bot bot-1 dies after the effect of scan#1"
    assert rows["crash-before-write:1"].startswith(
        "the engine dies before journal write 1 of 3 (JobAccepted,"
    )


@pytest.mark.parametrize("limit", [("--limit", "4"), ("--time", "0")])
def test_what_a_limit_leaves_out_is_told(rehearse, limit):
    code, out, _ = rehearse(STEP, *limit)

    assert code == Exit.OK
    left = out.splitlines()[-1]
    assert left.startswith("left out: ")
    assert " message-lost; " in left


def test_ctrl_c_shows_what_was_found_so_far(rehearse, monkeypatch):
    def interrupted(rehearsal, base, places, processes):
        verdicts = rehearse_places(rehearsal, base, places, processes)
        yield next(verdicts)
        raise KeyboardInterrupt

    from ee_core.simulation import rehearsal_branches

    rehearse_places = rehearsal_branches.rehearse_places
    monkeypatch.setattr(rehearsal_branches, "rehearse_places", interrupted)
    code, out, err = rehearse(STEP)

    assert code == Exit.INTERRUPTED
    assert out.startswith("play.ee.yaml: 1 of ")
    assert "interrupted; this is what was found so far" in err


def test_a_workflow_that_waits_for_a_person_undisturbed_needs_stubs(rehearse, tmp_path):
    code, _, err = rehearse(ASKS, "-i", "wanted=yes")

    assert code == Exit.INCIDENT
    assert "does not end even undisturbed: it waits for a person (NoBranchTaken)" in err
    assert "state with --stubs FILE what its activities give" in err
    form = err[err.index("stubs:\n") :]
    assert form.startswith("stubs:\n  ask: {output: ")
    stated = yaml.safe_load(form)
    assert stated.keys() == {"stubs"}
    assert stated["stubs"]["ask"].keys() == {"output"}

    (tmp_path / "stubs.yaml").write_text(yaml.safe_dump({"stubs": {"ask": {"output": "yes"}}}))
    code, out, _ = rehearse(ASKS, "-i", "wanted=yes", "--stubs", "stubs.yaml", "--limit", "3")
    assert code == Exit.OK
    assert out.startswith("play.ee.yaml: 3 of ")


def test_stubs_may_state_what_successive_attempts_give(rehearse, tmp_path):
    stated = {"scan": [{"error": {"code": "shut"}}, {"output": [1, {"a": None}]}]}
    (tmp_path / "stubs.json").write_text(json.dumps({"stubs": stated}))

    code, out, _ = rehearse(STEP, "--stubs", "stubs.json", "--limit", "1")

    assert code == Exit.OK
    assert "one outcome: Failed (shut)" in out


@pytest.mark.parametrize(
    ("stubs", "said"),
    [
        ({"stubs": {"scen": {"output": 1}}}, "there is no activity node or type 'scen' for a stub"),
        ({"stubs": {"scan": {"outptu": 1}}}, "stubs.yaml: the stub 'scan' is {'outptu': 1}"),
        ({"stubs": {"scan": {"error": {"message": "no code"}}}}, "write {output: ...} or {error: {code: ..."),
        ({"stubs": {"scan": [{"output": 1}, 2]}}, "stubs.yaml: the stub 'scan' is [{'output': 1}, 2]"),
        ({"stubs": {"scan": []}}, "stubs.yaml: the stub 'scan' is []"),
        ({"scan": {"output": 1}}, "stubs.yaml must hold one mapping `stubs:`"),
        (
            {"scan": {"output": 1}},
            "hint: put all of it below a line `stubs:`, as in stubs: {scan: {output: ...}} or stubs: {",
        ),
        (
            {"stubs": {}, "scan": {"output": 1}},
            "hint: put all of it below a line `stubs:`, as in stubs: {scan: ",
        ),
        (
            {"stubs": []},
            "hint: begin with a line `stubs:`, as in stubs: {NODE: {output: ...}} or stubs: {NODE: {error: ",
        ),
        (None, "hint: begin with a line `stubs:`"),
    ],
)
def test_stubs_that_fit_nothing_are_refused(rehearse, tmp_path, stubs, said):
    (tmp_path / "stubs.yaml").write_text(yaml.safe_dump(stubs))

    code, _, err = rehearse(STEP, "--stubs", "stubs.yaml")

    assert code == Exit.INVALID_INPUT
    assert said in err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hello", "order", "compete"])
def test_the_examples_have_one_outcome(capsys, repository, name):
    file = repository / "docs" / "examples" / f"{name}.ee.yaml"

    code = run_command(["workflow", "rehearse", str(file)])

    assert code == Exit.OK
    assert "places, one outcome: Succeeded" in capsys.readouterr().out
