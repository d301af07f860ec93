"""What a person reads: the rendering, held against files."""

from __future__ import annotations

import pytest

from ee_core.definitions import Diagnostic, render
from ee_core.definitions.diagnostics import MAX_ERRORS, Report, Text, did_you_mean
from ee_core.errors import WorkflowError

GOLDEN = [
    "alias",
    "condition",
    "duplicate",
    "duration",
    "expression",
    "hold",
    "idle-cycle",
    "join-without-inputs",
    "several",
    "template",
    "unknown-key",
    "unknown-kind",
    "unknown-node",
    "unreachable",
]


def test_each_golden_file_is_looked_at(data):
    assert sorted(path.stem for path in (data / "diagnostics").glob("*.yaml")) == GOLDEN


@pytest.mark.parametrize("name", GOLDEN)
def test_a_rendering_is_as_written_down(load_text, data, name):
    source = data / "diagnostics" / f"{name}.yaml"

    with pytest.raises(WorkflowError) as caught:
        load_text(source.read_bytes(), source.name)

    assert f"{caught.value}\n" == source.with_suffix(".txt").read_text(encoding="utf-8")


def test_a_caret_stands_under_wide_and_combining_characters():
    text = Text("w.yaml", "日本: e\u0301 x")
    report = Report()
    report.error("EE-W000", text.place_at(7, 1), "here")

    shown = report.sorted()[0].render().split("\n")

    # Two wide characters take four columns, the combining one none.
    assert shown[3] == "1 | 日本: e\u0301 x"
    assert shown[4] == "  | " + " " * 8 + "^"


@pytest.mark.parametrize("column", [1, 40, 5000, 9999])
def test_a_long_line_is_cut_around_the_caret(column):
    text = Text("w.json", "".join(str(number % 10) for number in range(1, 10_000)))
    report = Report()
    report.error("EE-W000", text.place_at(column - 1, 3), "here")

    _, _, _, line, caret = report.sorted()[0].render().split("\n")

    assert len(line) < 120
    assert line[caret.index("^")] == str(column % 10)


def test_diagnostics_are_told_by_place_and_once():
    text = Text("w.yaml", "a\nb\nc")
    report = Report()
    for offset in (4, 0, 2, 0):
        report.warn("EE-W000", text.place_at(offset), "here")

    assert [each.line for each in report.sorted()] == [1, 2, 3]
    assert not report.has_errors
    report.raise_errors()


def test_a_file_made_of_faults_is_given_up_early():
    text = Text("w.yaml", "x" * 1000)
    report = Report()

    with pytest.raises(WorkflowError) as caught:
        for offset in range(1000):
            report.error("EE-W000", text.place_at(offset), "here")

    assert len(caught.value.diagnostics) == MAX_ERRORS
    assert str(caught.value).endswith(f"... and {MAX_ERRORS - 20} more")


def test_errors_are_shown_before_warnings_when_there_are_too_many():
    warning = Diagnostic("EE-W000", "warning", "w", "f", 1, 1, 1)
    error = Diagnostic("EE-W001", "error", "e", "f", 9, 1, 1)

    assert render([warning] * 30 + [error]).startswith("error[EE-W001]")


def test_the_nearest_word_is_proposed_in_its_own_case():
    assert did_you_mean("labl", ["Label", "End"]) == "did you mean 'Label'?"
    assert did_you_mean("xyz", ["Label"], "write Label") == "write Label"
