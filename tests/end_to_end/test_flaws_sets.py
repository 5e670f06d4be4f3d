"""A set with a member that always fails: what is tried when, and how many copies of the others pile up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from snapplan.models.snapshot import Mark
from snapplan.planner.sets import FIRST_DELAY, Wait, wait

from .repository import Repository

CONFIG = """\
version: 1
project: e2e
backends:
  lab:
    driver: directory
    root: data
    quiesce_commands:
      volume/a: {freeze: ["true"], thaw: ["true"]}
      volume/b: {freeze: [sh, -c, "exit $(cat verdict)"], thaw: ["true"]}
catalog: sqlite:///catalog.db
"""
SCHEDULED = """\
profiles:
  gold:
    periods:
      hourly: {frequency: hourly, retention: 3h, quiesce: require}
assignments:
  pair: {profile: gold, atomic: true, targets: [{backend: lab, scope: volume}]}
"""
MANUAL = """\
profiles:
  gold: {initial: next_slot, periods: {daily: {frequency: daily, retention: 3d}}}
assignments:
  vms: {profile: gold, targets: [{backend: lab, scope: vm}]}
snapshots:
  before-26.2: {expires: 7d, quiesce: require, targets: [{backend: lab, scope: volume}]}
"""
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ADA = "gold.hourly.20261122T1200Z"


def repository(folder: Path, policy: str, verdict: int = 1) -> Repository:
    made = Repository(folder / "repository", policy, CONFIG.replace("cat verdict", f"cat {folder}/verdict"))
    mend(folder, verdict)
    return made


def mend(folder: Path, verdict: int = 0) -> None:
    (folder / "verdict").write_text(str(verdict))


def at(minutes: int) -> str:
    return (NOON + timedelta(minutes=minutes)).isoformat()


@pytest.mark.slow
def test_a_set_that_fails_is_tried_again_after_delays_that_double(tmp_path: Path) -> None:
    lab = repository(tmp_path, SCHEDULED)
    codes = {minute: lab.apply(at(minute), None).returncode for minute in range(0, 65, 5)}
    assert [minute for minute, code in codes.items() if code == 7] == [0, 15, 45, 60]
    assert {code for minute, code in codes.items() if minute not in (0, 15, 45, 60)} == {0}
    left = [row for row in lab.snapshots(at(64)) if row["target"] == "lab/volume/a"]
    assert [(row["profile"], row["state"]) for row in left] == [(None, "discarded")] * 4
    mend(tmp_path)
    lab.apply(at(120))
    assert lab.names("lab/volume/b", at(120)) == ["gold.hourly.20261122T1400Z"]
    assert lab.json("plan", now=at(120))["actions"] == []


@pytest.mark.parametrize(("policy", "name"), [(SCHEDULED, f"pair.{ADA}"), (MANUAL, "manual.before-26.2")])
def test_a_plan_says_when_a_broken_set_is_tried_again(tmp_path: Path, policy: str, name: str) -> None:
    lab = repository(tmp_path, policy)
    lab.apply(at(0), 7)
    plan = lab.json("plan", now=at(5))
    assert [action for action in plan["actions"] if action["verb"] == "snapshot"] == []
    found = [finding for finding in plan["diagnostics"] if finding["code"] == "SP414"]
    assert [finding["summary"] for finding in found] == [
        f"set {name!r} of 2 targets is not whole; it is tried again at 2026-11-22T12:15:00Z"
    ]
    assert found[0]["where"]["file"] == "policies/policy.yaml"
    assert plan["exact_until"] == "2026-11-22T12:15:00Z"
    later = lab.json("plan", now=plan["exact_until"])
    verbs = [(action["verb"], action["target"]) for action in later["actions"]]
    assert verbs[:2] == [("snapshot", "lab/volume/a"), ("snapshot", "lab/volume/b")]
    assert {verb for verb, _ in verbs[2:]} == {"expire"}, "what the first try left goes when the set is whole"


def test_an_order_is_tried_whenever_it_is_given(tmp_path: Path) -> None:
    lab = repository(tmp_path, "{}\n")
    words = ("snapshot", "lab/volume/*", "--expires", "1d", "--key", "k", "--quiesce", "require")
    lab.run(*words, now=at(0), expect=7)
    mend(tmp_path)
    assert len(lab.run(*words, now=at(1)).stdout.splitlines()) == 2


def left(*minutes: int, slot: str = "20261122T1200Z", kept: int = 1440) -> list[Mark]:
    """What is left of a try at each of ``minutes`` after noon."""
    taken = [NOON + timedelta(minutes=minute) for minute in minutes]
    name = f"pair.gold.hourly.{slot}"
    return [
        Mark("p", "t", f"run-{slot}-{at:%H%M}", at, at + timedelta(minutes=kept), key="broken-set.x", set=name)
        for at in taken
    ]


def until(marks: list[Mark], minute: int, name: str = "pair.gold.hourly.20261122T1200Z") -> int | None:
    """Return for how many minutes after noon the set must wait, as seen at ``minute``."""
    waits = wait(name, marks, NOON + timedelta(minutes=minute))
    return None if waits is None else int((waits.until - NOON).total_seconds() // 60)


def test_each_try_doubles_the_delay() -> None:
    assert until([], 0) is None
    assert until(left(0), 5) == 15
    assert until(left(0), 15) is None
    assert until(left(0, 15), 16) == 45
    assert until(left(0, 15, 45), 46) == 105


def test_the_members_of_one_try_are_one_try() -> None:
    both = [mark._replace(target_id=target) for mark in left(0) for target in "abc"]
    assert wait("pair.gold.hourly.20261122T1200Z", both, NOON) == Wait(
        "pair.gold.hourly.20261122T1200Z", NOON + FIRST_DELAY, 1, 3
    )


def test_a_new_slot_does_not_wait_but_its_second_try_waits_longer() -> None:
    old = left(0, 15, 45)
    assert until(old, 60, "pair.gold.hourly.20261122T1300Z") is None
    both = old + left(60, slot="20261122T1300Z")
    assert until(both, 61, "pair.gold.hourly.20261122T1300Z") == 60 + 120


def test_another_set_does_not_count() -> None:
    others = [mark._replace(set="other.gold.hourly.20261122T1200Z") for mark in left(0, 15, 45)]
    assert until(left(50) + others, 51) == 65


def test_a_try_of_which_nothing_is_left_does_not_count() -> None:
    # Four tries mean a delay of 120 minutes from the last; when the first three expire at minute 100, of 15.
    tries = left(0, 1, 2, kept=100) + left(80)
    assert until(tries, 81) == 102
    assert until(tries[3:], 102) is None


def test_a_set_waits_no_longer_than_its_own_leftovers_live() -> None:
    many = [
        mark
        for minute in range(0, 600, 5)
        for mark in left(minute, slot=f"20261122T{minute // 60:02}{minute % 60:02}Z")
    ]
    assert until([*many, *left(600)], 601) is not None
    assert (until([*many, *left(600)], 601) or 0) <= 600 + 1440
