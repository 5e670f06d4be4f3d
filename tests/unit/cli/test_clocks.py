"""What apply and status do while clocks disagree, and that what a guard stopped is remembered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from snapplan.catalog.open import open_catalog

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from snapplan.models.world import CatalogState

    from .conftest import Ran


def at(monkeypatch: pytest.MonkeyPatch, instant: str, second: str | None = None) -> None:
    monkeypatch.setenv("SNAPPLAN_NOW", instant)
    monkeypatch.setenv("SNAPPLAN_SECOND_CLOCK", second or instant)


def state(root: Path) -> CatalogState:
    catalog = open_catalog("sqlite:///catalog.db", project="cli-tests", base=root)
    try:
        return catalog.state()
    finally:
        catalog.close()


def confirmed(root: Path) -> datetime | None:
    return state(root).high_water


@pytest.fixture
def applied(repository: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> Path:
    at(monkeypatch, "2026-11-22T02:00:00Z")
    assert run("apply", "--auto-approve").code == 0
    return repository


def test_while_the_second_clock_disagrees_nothing_is_confirmed_and_after_a_day_it_ends_with_3(
    applied: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = confirmed(applied)
    at(monkeypatch, "2026-11-22T03:00:00Z", "2026-11-22T02:30:00Z")
    shown = run("apply", "--auto-approve")
    assert shown.code == 0, "a snapshot was taken and nothing was to expire"
    assert "2026-11-22T02:30:00Z by this machine's second clock" in shown.out.replace("\n", " ")
    assert confirmed(applied) == before, "a time that is in doubt is not confirmed"
    assert run("status").code == 0
    clocks = json.loads(run("status", "--format", "json").out)["clocks"]
    assert [(each["now"], each["says"], each["lasted"]) for each in clocks] == [
        ("2026-11-22T03:00:00Z", "2026-11-22T02:30:00Z", False)
    ]
    at(monkeypatch, "2026-11-23T02:30:00Z", "2026-11-23T02:00:00Z")
    assert run("apply", "--auto-approve").code == 3, "now something would expire"
    at(monkeypatch, "2026-11-23T03:00:00Z", "2026-11-23T02:30:00Z")
    assert run("status").code == 3, "for a day by now"
    assert len(json.loads(run("list", "snapshots", "--format", "json").out)) >= 3
    at(monkeypatch, "2026-11-23T03:05:00Z")
    assert run("apply", "--auto-approve").code == 0
    assert run("status").code == 0
    assert state(applied).blocked == {}


def test_the_clock_is_believed_when_a_person_says_so(
    applied: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, "2026-11-23T02:30:00Z", "2026-11-22T02:30:00Z")
    assert run("apply", "--auto-approve").code == 3
    assert run("apply", "--auto-approve", "--allow", "SP306", "--reason", "the battery was dead").code in (0, 3)
    assert confirmed(applied) is not None
    assert str(confirmed(applied)) == "2026-11-23 02:30:00+00:00"


def test_a_policy_that_was_lost_stays_stopped_and_plan_says_since_when(
    applied: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = applied / "policies" / "gold.yaml"
    text = policy.read_text()
    policy.write_text(
        text.replace("assignments:\n  all-volumes:", "assignments:\n  other:").replace("volume}]", "vm}]")
    )
    at(monkeypatch, "2026-11-22T02:30:00Z")
    assert run("apply", "--auto-approve").code == 3
    blocked = state(applied).blocked
    assert {code for code, _ in blocked} == {"SP304"}
    at(monkeypatch, "2026-11-22T03:30:00Z")
    shown = run("plan")
    assert "blocked since 2026-11-22T02:30:00Z" in shown.out.replace("\n", " ")
    assert shown.code == 3
    assert state(applied).blocked == blocked, "only an apply records it"
    policy.write_text(text)
    assert run("apply", "--auto-approve").code == 0
    assert state(applied).blocked == {}, "what is planned no more is forgotten"
