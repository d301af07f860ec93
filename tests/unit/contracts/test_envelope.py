"""What every broker takes for a subject, a pattern and headers."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ee_core.contracts.envelope import (
    MAX_HEADER_BYTES,
    MAX_HEADER_CHARS,
    MAX_HEADERS,
    check_dedupe,
    check_headers,
    check_pattern,
    check_subject,
    is_pattern,
    make_matcher,
    overlap,
)
from ee_core.errors import MessageError
from ee_core.messages.subjects import PATTERNS

SUBJECTS = [".".join(tokens) for length in range(1, 5) for tokens in itertools.product("ab", repeat=length)]
patterns = st.lists(st.sampled_from("ab*"), min_size=1, max_size=3).flatmap(
    lambda tokens: st.sampled_from([".".join(tokens), ".".join([*tokens, ">"])])
)


@pytest.mark.parametrize("subject", ["jobs.execute", "a", "activity.execute._any.sap.post", "Grüße.1"])
def test_subjects_are_words_with_dots_between(subject):
    assert check_subject(subject) == subject
    assert check_pattern(subject) == subject
    assert not is_pattern(subject)


@pytest.mark.parametrize(
    "subject", ["", ".", "a.", ".a", "a..b", "a b", "a\r\nPUB x", "a\x00", "a.*", "a.>", "a*", "x" * 256]
)
def test_other_subjects_are_refused(subject):
    with pytest.raises(MessageError, match="not usable"):
        check_subject(subject)


@pytest.mark.parametrize("pattern", ["*", ">", "a.*.b", "a.>", "*.*"])
def test_patterns_have_wildcards_as_whole_words(pattern):
    assert check_pattern(pattern) == pattern
    assert is_pattern(pattern)


@pytest.mark.parametrize("pattern", ["", "a.>.b", "a*", "a.>b", "a. *", "**"])
def test_other_patterns_are_refused(pattern):
    with pytest.raises(MessageError, match="not usable"):
        check_pattern(pattern)


def test_all_patterns_of_ee_are_patterns_and_those_of_stored_channels_disjoint():
    stored = [pattern for kind in ("work", "inbox", "reply") for pattern in PATTERNS[kind]]

    assert [check_pattern(pattern) for pattern in stored] == stored
    assert [pair for pair in itertools.combinations(stored, 2) if overlap(*pair)] == []


def test_matchers_take_a_dot_for_a_dot():
    assert not make_matcher("a.b")("axb")
    assert not make_matcher("a.*")("a.b.c")
    assert make_matcher("a.>")("a.b.c")
    assert not make_matcher("a.>")("a")


@settings(deadline=None)
@given(patterns, patterns)
def test_patterns_overlap_when_some_subject_matches_both(one, other):
    first, second = make_matcher(one), make_matcher(other)

    assert overlap(one, other) == any(first(subject) and second(subject) for subject in SUBJECTS)
    assert overlap(one, other) == overlap(other, one)


def test_headers_are_copied():
    headers = {"x-a": "b", "x-empty": "", "reply-to": "a.b"}

    assert check_headers(headers) == headers
    assert check_headers(headers) is not headers
    assert check_headers(None) == {}


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "b"},
        {"x a": "b"},
        {"": "b"},
        {"nats-msg-id": "b"},
        {"x-a": "b\nc"},
        {"x-a": " b"},
        {"x-a": "b\t"},
        {"x-a": "b" * MAX_HEADER_CHARS},
        {f"x-{number}": "" for number in range(MAX_HEADERS + 1)},
    ],
    ids=repr,
)
def test_other_headers_are_refused(headers):
    with pytest.raises(MessageError, match="header"):
        check_headers(headers)


def test_largest_headers_fit_into_what_is_kept_for_them():
    widest = "\U0001f600"
    headers = {f"x-{number:02}": "" for number in range(MAX_HEADERS)}
    headers["x-00"] = widest * (MAX_HEADER_CHARS - 4 * MAX_HEADERS)
    lines = [f"{name}: {value}\r\n" for name, value in check_headers(headers).items()]
    of_the_broker = f"NATS/1.0\r\nNats-Msg-Id: {widest * (255 + 1 + 128)}\r\n\r\n"

    assert len("".join([*lines, of_the_broker]).encode()) <= MAX_HEADER_BYTES


@pytest.mark.parametrize("key", ["", " a", "a\n", "a" * 129])
def test_keys_that_not_all_brokers_could_keep_are_refused(key):
    with pytest.raises(MessageError, match="dedupe"):
        check_dedupe(key)


def test_keys_are_printable_text():
    assert check_dedupe("job/visit#1 ü") == "job/visit#1 ü"
