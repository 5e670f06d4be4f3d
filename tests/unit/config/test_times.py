"""Durations, instants and wall times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snapplan.models.durations import TimeFormatError, format_duration, parse_duration
from snapplan.models.policy import Model
from snapplan.models.values import Expiration, Instant, Retention, WallTime


class Times(Model):
    instant: Instant | None = None
    wall: WallTime | None = None
    expires: Expiration = None
    retention: Retention = None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("90m", 5400),
        ("24h", 86_400),
        ("14d", 1_209_600),
        ("2w", 1_209_600),
        ("1y", 31_536_000),
        ("1d12h", 129_600),
    ],
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "14",
        14,
        1.5,
        True,
        None,
        "1 d",
        "1mo",
        "1M",
        "-1d",
        "1d\n",
        "d",
        "1.5h",
        "\u0661d",
        "1001y",
        "9" * 10 + "s",
        ["1d"],
    ],
)
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(TimeFormatError) as caught:
        parse_duration(text)
    assert str(caught.value).isprintable()


@given(st.timedeltas(timedelta(0), timedelta(days=365_000)))
def test_durations_are_written_as_they_are_read(duration: timedelta) -> None:
    whole = timedelta(seconds=int(duration.total_seconds()))
    assert parse_duration(format_duration(whole)) == whole


def test_negative_durations_are_shown_only() -> None:
    assert format_duration(timedelta(minutes=-90)) == "-1h30m"


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-22T02:00Z", datetime(2026, 11, 22, 2, tzinfo=UTC)),
        ("2026-11-22T02:00:30+01:00", datetime(2026, 11, 22, 1, 0, 30, tzinfo=UTC)),
    ],
)
def test_instants(text: str, instant: datetime) -> None:
    assert Times.model_validate({"instant": text, "expires": text}) == Times(instant=instant, expires=instant)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22", "2026-11-22T02:00", "2026-11-22 02:00Z", "20261122T0200Z", "2026-W48-1T02:00Z", "2026-02-30T02:00Z",
        "2026-11-22T24:01Z", "2026-11-22T02:00+25:00", "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00",
        "1969-12-31T23:59Z", "2400-01-01T00:00Z", "2026-11-22T02:00Z\n", "", "now", 5, ["2026-11-22T02:00Z"],
    ],
)  # fmt: skip
def test_what_is_no_instant(text: object) -> None:
    with pytest.raises(ValidationError):
        Times.model_validate({"instant": text})


@pytest.mark.parametrize("text", ["2026-12-01T20:00", "2026-12-01T20:00:00"])
def test_wall_times(text: str) -> None:
    assert Times.model_validate({"wall": text}).wall == datetime(2026, 12, 1, 20)  # noqa: DTZ001 - a wall time


@pytest.mark.parametrize(
    "text",
    ["2026-12-01", "2026-12-01T20:00Z", "2026-12-01T20:00:01", "2026-02-30T20:00", "1969-01-01T00:00", "20:00", 5],
)
def test_what_is_no_wall_time(text: object) -> None:
    with pytest.raises(ValidationError):
        Times.model_validate({"wall": text})


@pytest.mark.parametrize("text", ["7", 7, "0d", "soon", "2026-11-22T02:00", "1969-12-31T23:59Z", True])
def test_what_is_no_expiration(text: object) -> None:
    with pytest.raises(ValidationError):
        Times.model_validate({"expires": text})


@pytest.mark.parametrize("document", [{}, {"expires": "7d", "retention": "1d12h"}, {"wall": "2026-12-01T20:00"},
                                      {"instant": "2026-11-22T02:00:00Z", "expires": "2026-11-22T02:00:00Z"}])  # fmt: skip
def test_times_are_written_as_they_are_read(document: dict[str, str]) -> None:
    times = Times.model_validate(document)
    written = times.model_dump(mode="json")
    assert {key: written[key] for key in document} == document
    assert Times.model_validate(times.model_dump()) == times


def test_nothing_is_for_ever() -> None:
    written = Times.model_validate({"expires": "never", "retention": "forever"}).model_dump(mode="json")
    assert (written["expires"], written["retention"]) == ("never", "forever")
