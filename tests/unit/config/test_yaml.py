"""Strict YAML: what is typed, what is refused, and where things stand."""

from __future__ import annotations

from typing import Any

import pytest
import yaml as pyyaml
from hypothesis import given
from hypothesis import strategies as st

from snapplan.config import yaml
from snapplan.config.yaml import load

TYPED: dict[str, Any] = {
    "true": True,
    "false": False,
    "null": None,
    "~": None,
    "": None,
    "0": 0,
    "12": 12,
    "-3": -3,
    "1.5": 1.5,
    "-0.25": -0.25,
    "1.5e3": 1500.0,
}
TEXT = [
    "12:30", "no", "yes", "on", "off", "True", "FALSE", "NULL", "0100", "0x1f", "0o17", "1_000", "1e3", ".5", "1.", ".inf",
    ".nan", "2026-11-22", "2026-11-22T02:00Z", "14d", "=", "9999999999999999999",
]  # fmt: skip


@pytest.mark.parametrize("text", TYPED)
def test_these_words_are_typed(text: str) -> None:
    value = load(f"a: {text}\n".encode()).data["a"]
    assert value == TYPED[text]
    assert type(value) is type(TYPED[text])


@pytest.mark.parametrize("text", TEXT)
def test_everything_else_is_text(text: str) -> None:
    assert load(f"a: {text}\n".encode()).data == {"a": text}


@pytest.mark.parametrize("text", TYPED)
def test_what_is_quoted_is_text(text: str) -> None:
    assert load(f"a: '{text}'\nb: \"{text}\"\n".encode()).data == {"a": text, "b": text}


def test_keys_are_text() -> None:
    assert load(b"on: 1\n12: 2\ntrue: 3\n'<<': 4\n").data == {"on": 1, "12": 2, "true": 3, "<<": 4}


def test_marks_of_keys_values_and_items() -> None:
    document = load(b"profiles:\n  gold:\n    tags: [a, bc]\n    list:\n      - x: 1\n")
    places = {path: (key.line, key.column, value.line, value.column) for path, (key, value) in document.marks.items()}
    assert places == {
        ("profiles",): (0, 0, 1, 2),
        ("profiles", "gold"): (1, 2, 2, 4),
        ("profiles", "gold", "tags"): (2, 4, 2, 10),
        ("profiles", "gold", "tags", "0"): (2, 11, 2, 11),
        ("profiles", "gold", "tags", "1"): (2, 14, 2, 14),
        ("profiles", "gold", "list"): (3, 4, 4, 6),
        ("profiles", "gold", "list", "0"): (4, 8, 4, 8),
        ("profiles", "gold", "list", "0", "x"): (4, 8, 4, 11),
    }


def test_columns_count_characters() -> None:
    document = load("größe: {β: 1, δ: 2}\n".encode())
    assert document.marks["größe", "δ"][0].column == 14


def test_an_alias_is_what_its_anchor_is() -> None:
    document = load(b"a: &x {b: [1]}\nc: *x\nd: &y 5\ne: *y\n")
    assert document.data == {"a": {"b": [1]}, "c": {"b": [1]}, "d": 5, "e": 5}
    assert document.problems == []
    assert ("c", "b") not in document.marks


def test_a_key_given_twice_keeps_the_first_and_names_its_line() -> None:
    document = load(b"a: 1\nb: {c: 1, c: 2}\na: {d: 1}\n")
    assert document.data == {"a": 1, "b": {"c": 1}}
    assert [(found.code, found.line, found.column, found.hint) for found in document.problems] == [
        ("SP109", 2, 11, "the first one is in line 2; keep one of them"),
        ("SP109", 3, 1, "the first one is in line 1; keep one of them"),
    ]


@pytest.mark.parametrize(
    ("content", "code", "line", "column"),
    [
        (b"a: !!str 1\n", "SP110", 1, 4),
        (b"a: ! b\n", "SP110", 1, 4),
        (b"a: !x [1]\n", "SP110", 1, 4),
        (b"!x a: 1\n", "SP110", 1, 1),
        (b"<<: {a: 1}\n", "SP110", 1, 1),
        (b"? [a, b]\n: c\n", "SP110", 1, 3),
        (b"a: &x b\n? *x\n: c\n", "SP110", 2, 3),
        (b"&x a: 1\n", "SP110", 1, 1),
        (b"a: 1\n---\nb: 1\n", "SP110", 2, 1),
        (b"a: *x\n", "SP101", 1, 4),
        (b"a: [\n", "SP101", 1, 5),
        (b"a:\n\tb: 1\n", "SP101", 2, 1),
        (b"\xef\xbb\xbfa: \xef\xbb\xbfb\n", "SP102", 1, 4),
        (b"a: 1\nb: c\x07\n", "SP102", 2, 5),
        (b"a: 1\nb: \xc3\n", "SP102", 2, 4),
        (b'a: "\\0"\n', "SP102", 1, 4),
        (b'a: "\\u202e"\n', "SP102", 1, 4),
    ],
)
def test_refuses(content: bytes, code: str, line: int, column: int) -> None:
    found = load(content).problems
    assert [(problem.code, problem.line, problem.column) for problem in found] == [(code, line, column)]


def test_goes_on_after_what_can_be_skipped() -> None:
    document = load(b"a: !x 1\na: 2\nb: *y\n<<: 1\nc: 3\n")
    assert [problem.code for problem in document.problems] == ["SP110", "SP109", "SP101", "SP110"]
    assert document.complete
    assert document.data["c"] == 3


def test_says_that_it_stopped_early() -> None:
    assert not load(b"a: 1\nb: [\n").complete


@pytest.mark.parametrize("limit", ["MAX_NODES", "MAX_ALIASED_NODES", "MAX_DEPTH", "MAX_BYTES", "MAX_PROBLEMS"])
def test_each_limit_is_kept(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"a: &x [[[1, 2, 3]]]\nb: *x\nc: *x\nd: !x 1\ne: !x 1\nf: !x 1\n"
    assert "SP103" not in {problem.code for problem in load(content).problems}
    monkeypatch.setattr(yaml, limit, 2)
    assert load(content).problems[-1].code == "SP103"


def test_the_hint_for_a_tab_speaks_of_spaces() -> None:
    assert "spaces" in load(b"a:\n\tb: 1\n").problems[0].hint


NAMES = st.text("abcdefgh", min_size=1, max_size=4)
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"]), max_size=12
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(NAMES, VALUES, max_size=4), st.booleans())
def test_reads_back_what_was_written(data: dict[str, Any], flow: bool) -> None:
    text = pyyaml.safe_dump(data, default_flow_style=flow, allow_unicode=True)
    document = load(text.encode())
    assert document.problems == []
    assert document.data == data


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_never_raises(content: bytes) -> None:
    document = load(content)
    for problem in document.problems:
        assert problem.line >= 1
        assert problem.column >= 1
    assert document.complete or document.problems


@given(st.text("ab:-[]{}*&!#'\"|>?%@, \n\t\\~<", max_size=60))
def test_never_raises_for_punctuation(text: str) -> None:
    document = load(text.encode())
    assert document.complete or document.problems
