from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from snapplan import clock
from snapplan.models.world import Spent, Vanished

from .samples import ACCEPTED, NOW, accept, begin, expire, foreign, mark, observation, snapshot, target, unforeseen

if TYPE_CHECKING:
    from snapplan.catalog.base import Catalog
    from snapplan.models.world import CatalogState

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def test_a_confirmed_run_leaves_guard_values_and_commit(catalog: Catalog) -> None:
    accept(catalog)
    state = catalog.state()
    assert (state.high_water, state.guards, state.commit) == (NOW, ACCEPTED.guards, "4f2c1e9")
    accept(catalog, guards={}, commit=None)
    assert (catalog.state().guards, catalog.state().commit) == ({}, None)


def clocked(state: CatalogState) -> tuple[str, float | None]:
    return state.boot_id, state.boot_seconds


def test_the_clock_since_boot_belongs_to_the_confirmed_time(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(clock.NOW_VARIABLE, raising=False)
    accept(catalog)
    before = catalog.state()
    running = clock.boot()
    assert running is not None
    assert before.boot_id == running.id
    assert before.boot_seconds == pytest.approx(running.seconds, abs=60)
    second = clock.second(before.high_water, before.boot_id, before.boot_seconds)
    assert second is not None
    assert timedelta() <= second - NOW < timedelta(minutes=1)
    accept(catalog, NOW - HOUR)
    assert clocked(catalog.state()) == clocked(before), "an earlier instant confirms nothing of the time"
    monkeypatch.setenv(clock.NOW_VARIABLE, "2026-11-22T02:15:00Z")
    accept(catalog, NOW + HOUR)
    assert clocked(catalog.state()) == ("", None), "a clock that is set has nothing in common with the one since boot"


def test_what_is_gone_counts_until_a_run_accepts_it(catalog: Catalog) -> None:
    shots = [snapshot(f"s{number}") for number in range(5)]
    catalog.observe(observation(changed=shots, targets=[target(), target("id-b", "b")]))
    assert catalog.vanished("dc1") == Vanished(0, 0, 2, 5)
    catalog.observe(observation(NOW + HOUR, gone=shots[:2], targets_gone=[target()]))
    assert catalog.vanished("dc1") == Vanished(1, 2, 2, 5)
    assert catalog.vanished("nas") == Vanished()
    accept(catalog, NOW + HOUR, backends=frozenset({"nas"}))
    assert catalog.vanished("dc1") == Vanished(1, 2, 2, 5), "a backend that did not answer accepts nothing"
    accept(catalog, NOW + HOUR)
    assert catalog.vanished("dc1") == Vanished(0, 0, 1, 3)
    catalog.observe(observation(NOW + HOUR, gone=shots[2:3]))
    assert catalog.vanished("dc1") == Vanished(0, 1, 1, 3), "in the same second, after it was accepted"


def test_what_comes_back_did_not_vanish(catalog: Catalog) -> None:
    catalog.observe(observation(changed=[snapshot()], targets=[target()]))
    catalog.observe(observation(NOW + HOUR, gone=[snapshot()], targets_gone=[target()]))
    accept(catalog, NOW + HOUR)
    catalog.observe(observation(NOW + 2 * HOUR, changed=[snapshot()], targets=[target()]))
    assert catalog.vanished("dc1") == Vanished(0, 0, 1, 1)
    catalog.observe(observation(NOW + 3 * HOUR, gone=[snapshot()], targets_gone=[target()]))
    assert catalog.vanished("dc1") == Vanished(1, 1, 1, 1), "it was accepted once, and is gone again"


def test_only_owned_and_unexpired_snapshots_count(catalog: Catalog) -> None:
    gone = [
        snapshot("ours", mark=mark(expires_at=None)),
        foreign(),
        snapshot("managed", managed=True),
        snapshot("another project's", mark=mark(project="lab")),
        snapshot("expired", mark=mark(expires_at=NOW + HOUR)),
    ]
    by_us = snapshot("by us")
    catalog.observe(observation(changed=[*gone, by_us]))
    catalog.result(begin(catalog), expire(1, by_us), "done", "", NOW, None)
    catalog.observe(observation(NOW + HOUR, gone=gone))
    assert catalog.vanished("dc1") == Vanished(0, 1, 0, 1)


def test_a_refresh_that_is_not_recorded_counts_on_top(catalog: Catalog) -> None:
    shots = [snapshot(f"s{number}") for number in range(4)]
    catalog.observe(observation(changed=shots, targets=[target(), target("id-b", "b")]))
    catalog.observe(observation(NOW + HOUR, gone=shots[:1], targets_gone=[target()]))
    seen = observation(
        NOW + 2 * HOUR, changed=shots[:1], gone=[*shots[1:3], foreign()], targets_gone=[target("id-b", "b")]
    )
    assert catalog.vanished("dc1", seen) == Vanished(2, 2, 2, 4)
    assert catalog.vanished("dc1") == Vanished(1, 1, 2, 4)


def test_what_nobody_accepted_is_not_forgotten_with_the_drift(catalog: Catalog) -> None:
    catalog.observe(observation(changed=[snapshot(), foreign()], targets=[target()]))
    catalog.observe(observation(NOW + HOUR, gone=[snapshot(), foreign()], targets_gone=[target()]))
    catalog.observe(observation(NOW + 50 * DAY))
    assert catalog.drift() == []
    assert catalog.vanished("dc1")[:2] == (1, 1)
    catalog.observe(observation(NOW + 500 * DAY))
    assert catalog.vanished("dc1")[:2] == (0, 0)


def test_the_budget_counts_what_was_begun_and_not_foreseen(catalog: Catalog) -> None:
    run = begin(catalog)
    for number, state in enumerate(["done", "adopted", "failed", "not_tried"], start=1):
        catalog.result(run, unforeseen(number, snapshot(f"s{number}")), state, "", NOW, None)
    catalog.intent(run, unforeseen(5, snapshot("s5")), NOW + HOUR)
    catalog.result(run, expire(6, snapshot("s6")), "done", "", NOW, None)
    later = begin(catalog, NOW + DAY)
    catalog.intent(later, unforeseen(1, snapshot("s7")), NOW + DAY)
    assert catalog.state().spent == (Spent("dc1", NOW + HOUR, 3), Spent("dc1", NOW + DAY, 1))


def test_only_confirmed_time_empties_the_budget(catalog: Catalog) -> None:
    run = begin(catalog)
    catalog.result(run, unforeseen(1, snapshot()), "done", "", NOW, None)
    begin(catalog, NOW + 1000 * DAY)
    assert len(catalog.state().spent) == 1, "a clock that is wrong does not fill the budget anew"
    accept(catalog, NOW + 31 * DAY)
    assert catalog.state().spent == ()


def test_an_intent_that_was_not_foreseen_stays_so(catalog: Catalog) -> None:
    run = begin(catalog)
    catalog.intent(run, unforeseen(1, snapshot()), NOW)
    catalog.result(run, expire(1, snapshot()), "done", "", NOW, None)
    assert len(catalog.state().spent) == 1
