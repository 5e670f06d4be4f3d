"""The mark in the last line of a description."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapplan.drivers.vergeos.keys import RowId, parent_column, parse_row_id, table_of
from snapplan.drivers.vergeos.marks import (
    MAX_DESCRIPTION,
    MarkTooLongError,
    described,
    line_of,
    mark_of,
    text_of,
    with_line,
)
from snapplan.models.snapshot import Mark, Pin
from snapplan.models.target import Scope

AT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
MARK = Mark(
    project="p",
    target_id="60c9aace-aeb0-6af8-e886-c63588cdc42c",
    run="run-1",
    taken_at=AT,
    expires_at=AT + timedelta(days=14),
    profile="gold",
    period="daily",
    slot=AT,
    minimum=3,
)
MANUAL = MARK._replace(profile=None, period=None, slot=None, key="before-26.2")

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
instants = st.integers(600_000_000, 13_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
pins = st.none() | st.builds(Pin, words, words, st.none() | instants)
scheduled = st.builds(
    Mark,
    words,
    words,
    words,
    instants,
    st.none() | instants,
    words,
    words,
    instants,
    st.none(),
    st.integers(0, 99),
    pins,
)
manual = scheduled.map(lambda mark: mark._replace(profile=None, period=None, slot=None, key="k"))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


def test_it_looks_like_this() -> None:
    assert described("weekly copy", MARK) == (
        "weekly copy\n"
        'snapplan {"v":1,"project":"p","target":"60c9aace-aeb0-6af8-e886-c63588cdc42c","profile":"gold","period":"daily",'
        '"slot":"2026-11-22T02:00:00Z","taken_at":"2026-11-22T02:00:00Z","expires_at":"2026-12-06T02:00:00Z","minimum":3,'
        '"run":"run-1"}'
    )
    assert described("", MANUAL._replace(expires_at=None, minimum=0), "before") == (
        'snapplan {"v":1,"project":"p","target":"60c9aace-aeb0-6af8-e886-c63588cdc42c","key":"before-26.2",'
        '"taken_at":"2026-11-22T02:00:00Z","minimum":0,"run":"run-1","name":"before"}'
    )


@given(texts, scheduled | manual)
def test_what_is_written_is_read(text: str, mark: Mark) -> None:
    written = described(text, mark)
    assert mark_of(written) == mark
    assert text_of(written) == text
    assert len(written.encode()) <= MAX_DESCRIPTION
    assert mark_of(f"{written}\n \n") == mark, "the platform may add or drop white space at the end"


@given(st.text(max_size=4000), scheduled)
def test_a_text_that_does_not_fit_is_shortened_and_the_mark_stays(text: str, mark: Mark) -> None:
    written = described(text, mark)
    assert len(written.encode("utf-8", "replace")) <= MAX_DESCRIPTION
    assert mark_of(written) == mark
    kept = text_of(written)
    assert kept == text or (kept.endswith("…") and text.startswith(kept[:-1]))


@pytest.mark.parametrize(("letter", "most"), [("x", 2048), ("é", 1024)])
def test_a_mark_that_does_not_fit_is_refused(letter: str, most: int) -> None:
    pinned = MARK._replace(pin=Pin("me", letter * most))
    with pytest.raises(MarkTooLongError, match="2048"):
        described("", pinned)


def test_a_description_is_bytes_long_at_most() -> None:
    written = described("é" * 2000, MARK)
    assert len(written.encode()) <= MAX_DESCRIPTION < len(written) * 2


@pytest.mark.parametrize(
    "line",
    [
        "",
        "snapplan",
        "snapplan {}",
        'snapplan {"v":2,"project":"p"}',
        'snapplan {"v":1,"project":"p"}',
        "snapplan [1]",
        "snapplan " + "[" * 2000,
        'snapplan {"v":1' + "0" * 1500 + "}",
        described("", MARK)[:-1],
        described("", MARK).replace("snapplan {", "snapplan  {", 1).replace("snapplan", "Snapplan"),
        described("", MARK) + "\nsomebody wrote below it",
        described("", MARK).replace('"minimum":3', '"minimum":-1'),
        described("", MARK).replace('"minimum":3', '"minimum":Infinity'),
        described("", MARK).replace('"minimum":3', '"minimum":"3"'),
        described("", MARK).replace('"gold"', '{"a":1}'),
        described("", MARK).replace('"p"', "null"),
        described("", MARK).replace('"p"', '"\\ud800"'),
        described("", MARK).replace('"slot":"2026-11-22T02:00:00Z",', ""),
        described("", MARK).replace("02:00:00Z", "02:00:00"),
        described("", MARK).replace("2026-11-22T02:00:00Z", "0001-01-01T00:00:00+23:00"),
        described("", MARK).replace('"run-1"', '"r","pin":{"owner":"me"}'),
        described("", MARK).replace('"run-1"', '"r","pin":[]'),
    ],
)
def test_what_is_no_whole_mark_makes_nothing_ours(line: str) -> None:
    assert mark_of(f"text\n{line}") is None
    assert mark_of(line) is None


def test_nothing_is_no_mark() -> None:
    assert mark_of(None) is None
    assert text_of(None) == ""
    assert line_of("") is None


def test_a_mark_that_was_copied_under_another_name_is_none() -> None:
    written = described("", MARK, "hourly.1")
    assert mark_of(written, "hourly.1") == mark_of(written) == MARK
    assert mark_of(written, "clone of hourly.1") is None
    assert mark_of(described("", MARK), "any") == MARK


def test_other_lines_are_read_back() -> None:
    written = with_line("by hand", {"project": "p"})
    assert written == 'by hand\nsnapplan {"v":1,"project":"p"}'
    assert line_of(written) == {"v": 1, "project": "p"}
    assert (text_of(written), text_of("two\nlines")) == ("by hand", "two\nlines")


class TestKeys:
    def test_an_id_names_a_row_and_is_read_back(self) -> None:
        found = RowId("cloud_snapshots", 7, 1795348800, "a/b")
        assert str(found) == "cloud_snapshots/7/1795348800/a/b"
        assert parse_row_id(str(found)) == found

    @pytest.mark.parametrize("text", ["", "a/b", "cloud_snapshots/x/1/n"])
    def test_what_is_no_id_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            parse_row_id(text)

    def test_each_scope_has_its_table(self) -> None:
        assert {scope: (table_of(scope), parent_column(scope)) for scope in Scope} == {
            Scope.CLOUD: ("cloud_snapshots", None),
            Scope.TENANT: ("tenant_snapshots", "tenant"),
            Scope.VM: ("machine_snapshots", "machine"),
            Scope.VOLUME: ("volume_snapshots", "volume"),
        }
