"""Periods of a platform as periods of a policy, and back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapplan.imports.periods import period_fields, period_obstacle
from snapplan.models.platform import PlatformPeriod
from snapplan.models.policy import Defaults, Period
from snapplan.models.target import Quiesce
from snapplan.planner.native import native_period

DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
TAGS = st.lists(st.sampled_from(("DB", "Web", "no", "a b")), min_size=1, unique=True).map(sorted).map(tuple)


@st.composite
def periods(draw: st.DrawFn) -> PlatformPeriod:
    """Draw a period as a driver gives it: normalised, and of what a policy can express."""
    frequency = draw(st.sampled_from(("hourly", "daily", "weekly", "monthly", "yearly")))
    kind = draw(st.sampled_from(("full", "partial_include", "partial_exclude")))
    return PlatformPeriod(
        frequency,
        draw(st.none() | st.integers(1, 100 * 365 * 86_400)),
        minute=draw(st.integers(0, 59)),
        hour=0 if frequency == "hourly" else draw(st.integers(0, 23)),
        day_of_week=draw(st.sampled_from(DAYS)) if frequency == "weekly" else "",
        day_of_month=draw(st.integers(1, 31)) if frequency in ("monthly", "yearly") else 0,
        month=draw(st.integers(1, 12)) if frequency == "yearly" else 0,
        min_snapshots=draw(st.integers(0, 100)),
        quiesce=draw(st.booleans()),
        max_tier=draw(st.integers(1, 5)),
        immutable=draw(st.booleans()),
        private=draw(st.booleans()),
        type=kind,
        partial_tags=() if kind == "full" else draw(TAGS),
        quiesce_tags=() if kind == "full" else draw(TAGS | st.just(())),
    )


@given(periods())
def test_there_and_back_nothing_changes(period: PlatformPeriod) -> None:
    assert period_obstacle("Daily", period) == ""
    assert native_period(Period.model_validate(period_fields(period))) == period


@given(periods(), st.none() | st.integers(0, 5), st.none() | st.sampled_from(list(Quiesce)), st.none() | st.booleans())
def test_defaults_of_the_repository_change_nothing(
    period: PlatformPeriod, minimum: int | None, quiesce: Quiesce | None, skip: bool | None
) -> None:
    defaults = Defaults(min_snapshots=minimum, quiesce=quiesce, skip_missed=skip)
    written = Period.model_validate(period_fields(period, defaults))
    filled = {name: getattr(defaults, name) for name in ("min_snapshots", "quiesce", "skip_missed")}
    complete = written.model_copy(
        update={name: value for name, value in filled.items() if getattr(written, name) is None and value is not None}
    )
    assert native_period(complete) == period
    assert not complete.skip_missed


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"frequency": "custom"}, "runs once"),
        ({"frequency": "lunar"}, "frequency 'lunar'"),
        ({"frequency": "weekly", "day_of_week": ""}, "weekly on any day"),
        ({"frequency": "weekly", "day_of_week": "any"}, "weekly on any day"),
        ({"frequency": "monthly"}, "any day of the month"),
        ({"frequency": "yearly", "day_of_month": 1}, "any month"),
        ({"frequency": "yearly", "month": 1}, "any day of the month"),
        ({"hour": 24}, "hour is 24"),
        ({"minute": -1}, "minute is -1"),
        ({"frequency": "monthly", "day_of_month": 32}, "day_of_month is 32"),
        ({"retention": -5}, "retention is -5"),
        ({"retention": 0}, "retention is 0"),
        ({"min_snapshots": 200_000}, "min_snapshots"),
        ({"max_tier": 6}, "max_tier is 6"),
        ({"type": "half"}, "type 'half'"),
        ({"type": "partial_include"}, "without a tag"),
        ({"type": "partial_include", "partial_tags": ("a\x07",)}, "name of one of its tags"),
        ({"frequency": "hourly", "hour": 3}, "would change its hour"),
        ({"quiesce_tags": ("DB",)}, "would change its quiesce_tags"),
    ],
)
def test_what_a_policy_cannot_say_is_named(changes: dict[str, Any], said: str) -> None:
    period = PlatformPeriod("daily", 86_400)._replace(**changes)
    assert said in period_obstacle("Daily", period)


@pytest.mark.parametrize("name", ["", "x" * 129, "a\nb"])
def test_a_name_that_no_policy_can_hold_is_an_obstacle(name: str) -> None:
    assert "its name" in period_obstacle(name, PlatformPeriod("daily", 86_400))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "forever"), (604_800, "7d"), (86_400, "24h"), (10_800, "3h"), (172_800, "48h"), (90_061, "1d1h1m1s")],
)
def test_retentions_are_written_as_people_do(seconds: int | None, text: str) -> None:
    assert period_fields(PlatformPeriod("daily", seconds))["retention"] == text


def test_quiescing_is_what_the_platform_does_with_it() -> None:
    assert period_fields(PlatformPeriod("daily", 60, quiesce=True))["quiesce"] == "prefer"
    assert "quiesce" not in period_fields(PlatformPeriod("daily", 60))
