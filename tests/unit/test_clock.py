from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from snapplan import clock

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_set_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(clock.NOW_VARIABLE, raising=False)
    monkeypatch.delenv(clock.SECOND_VARIABLE, raising=False)


def test_the_clock_is_set_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(clock.NOW_VARIABLE, "2026-11-22T13:00:00.5+01:00")
    assert clock.now() == NOON
    assert clock.now().tzinfo is UTC


def test_the_time_since_boot_never_steps_back() -> None:
    first, second = clock.boot(), clock.boot()
    assert first is not None
    assert second is not None
    assert first.id == second.id
    assert 0 < first.seconds <= second.seconds


def test_the_second_clock_counts_on_from_the_confirmed_time() -> None:
    running = clock.boot()
    assert running is not None
    said = clock.second(NOON, running.id, running.seconds - 3600)
    assert said is not None
    assert timedelta(hours=1) <= said - NOON < timedelta(hours=1, minutes=5)


def test_without_evidence_there_is_no_second_clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    running = clock.boot()
    assert running is not None
    assert clock.second(None, running.id, 1.0) is None
    assert clock.second(NOON, running.id, None) is None
    assert clock.second(NOON, "another boot", 1.0) is None
    monkeypatch.setenv(clock.NOW_VARIABLE, "2026-11-22T12:00:00Z")
    assert clock.boot() is None
    assert clock.second(NOON, running.id, running.seconds) is None, "a clock that is set says nothing of the real one"
    monkeypatch.setenv(clock.SECOND_VARIABLE, "2026-11-23T12:00:00Z")
    assert clock.second(None, "", None) == NOON + timedelta(days=1)
    monkeypatch.delenv(clock.NOW_VARIABLE)
    monkeypatch.delenv(clock.SECOND_VARIABLE)
    monkeypatch.setattr(clock, "BOOT_ID", str(tmp_path / "missing"))
    assert clock.boot() is None
