"""What else than its wall clock a machine knows of the time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from snapplan import clock, second_clock
from snapplan.models.world import CatalogState

CONFIRMED = datetime(2026, 11, 22, 2, tzinfo=UTC)
LATER = CONFIRMED + timedelta(days=9)


@pytest.fixture(autouse=True)
def _clock_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(clock.NOW_VARIABLE, raising=False)
    monkeypatch.delenv(clock.SECOND_VARIABLE, raising=False)


def confirmed(ago: timedelta) -> CatalogState:
    """A catalog whose last confirmed apply was on this boot, so long ago by the clock that nobody sets."""
    boot = clock.boot()
    assert boot is not None
    return CatalogState(high_water=CONFIRMED, boot_id=boot.id, boot_seconds=boot.seconds - ago.total_seconds())


def test_before_the_first_apply_there_is_none() -> None:
    assert second_clock.reading(LATER, CatalogState()) is None


def test_the_kernel_is_not_asked_within_a_day_of_the_last_apply() -> None:
    elsewhere = CatalogState(high_water=CONFIRMED, boot_id="another", boot_seconds=3.0)
    assert second_clock.reading(CONFIRMED + timedelta(days=1), elsewhere) is None


@pytest.mark.skipif(clock.boot() is None, reason="the system does not say how long it has been running")
@pytest.mark.parametrize("ago", [timedelta(hours=1), timedelta(days=9), timedelta(days=40)])
def test_on_the_same_boot_the_time_since_the_last_apply_counts_whatever_the_kernel_says(ago: timedelta) -> None:
    reading = second_clock.reading(LATER, confirmed(ago))
    assert reading is not None
    assert abs(reading - (CONFIRMED + ago)) < timedelta(seconds=5)


def test_on_another_boot_the_kernels_synchronised_clock_counts_and_no_other() -> None:
    elsewhere = CatalogState(high_water=CONFIRMED, boot_id="another", boot_seconds=3.0)
    expected = LATER if second_clock.kernel_is_synchronised() else None
    assert second_clock.reading(LATER, elsewhere) == expected


def test_while_the_clock_is_set_only_the_second_one_that_is_set_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    state = CatalogState(high_water=CONFIRMED, boot_id="another", boot_seconds=3.0)
    monkeypatch.setenv(clock.NOW_VARIABLE, "2026-12-01T02:00:00Z")
    assert second_clock.reading(LATER, state) is None
    monkeypatch.setenv(clock.SECOND_VARIABLE, "2026-12-01T03:00:00+01:00")
    assert second_clock.reading(LATER, state) == LATER


def test_another_system_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert second_clock.kernel_is_synchronised() is False
