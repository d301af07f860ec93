"""`eectl test`: what it prints, and how it ends."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from ee_core.cli.main import run_command

FILES = {
    "a.ee.yaml": "ee: 1\nname: a\nstart: one\nnodes:\n  one: {activity: shop.read, next: done}\n  done: {end: succeeded}\n",
    "good.test.yaml": "workflow: a.ee.yaml\ntests:\n  - name: it is read\n    stubs: {one: {output: 1}}\n",
    "wrong.test.yaml": "workflow: a.ee.yaml\ntests:\n  - name: it fails\n    stubs: {one: {output: 1}}\n"
    "    expect: {outcome: failed}\n  - name: it has no stub\n",
    "bad.test.yaml": "workflow: a.ee.yaml\ntest: []\n",
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_tests_that_pass_end_with_0_and_pointers_that_are_counted(capsys):
    assert run_command(["test", "good.test.yaml"]) == 0

    assert capsys.readouterr().out.splitlines() == [
        "ok    good.test.yaml:3: it is read",
        "",
        "a: 1 of 1 pointers followed",
        "",
        "1 passed, 0 failed",
    ]


def test_a_failure_ends_with_11_and_shows_what_differs_and_the_way(capsys):
    assert run_command(["test", "wrong.test.yaml"]) == 11

    out = capsys.readouterr().out
    assert "FAIL  wrong.test.yaml:3: it fails\n        outcome: expected failed, got succeeded\n" in out
    assert "        the way it took: one -> done\n" in out
    assert "node 'one' (shop.read) was reached and has no stub" in out
    assert out.endswith("0 passed, 2 failed\n")


def test_a_file_that_is_not_valid_ends_with_3_and_the_others_are_run(capsys):
    assert run_command(["test"]) == 3

    printed = capsys.readouterr()
    assert "unknown key 'test'" in printed.err
    assert "did you mean 'tests'?" in printed.err
    assert printed.out.endswith("1 passed, 2 failed, 1 file is not valid\n")


def test_a_word_chooses_tests(capsys):
    assert run_command(["test", "good.test.yaml", "wrong.test.yaml", "-k", "IS READ"]) == 0
    assert "1 passed" in capsys.readouterr().out
    assert run_command(["test", "good.test.yaml", "-k", "nothing"]) == 4
    assert "no test has 'nothing'" in capsys.readouterr().err


def test_programs_get_json_and_a_ci_server_its_file(capsys, folder):
    code = run_command(["test", "good.test.yaml", "wrong.test.yaml", "-o", "json", "--junit", "r.xml"])

    shown = json.loads(capsys.readouterr().out)
    assert code == 11
    assert [test["passed"] for test in shown["tests"]] == [True, False, False]
    assert shown["coverage"] == [{"workflow": "a", "pointers": 1, "never": []}]
    suite = ET.fromstring((folder / "r.xml").read_text())
    assert suite.attrib["failures"] == "2"
    assert [len(case) for case in suite] == [0, 1, 1]
