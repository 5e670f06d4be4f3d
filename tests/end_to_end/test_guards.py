"""Guards through the installed command: what is stopped, what is done all the same, and how it is allowed."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from snapplan.applier.consent import RETROACTIVE_CODE
from snapplan.ids import format_instant, parse_instant

from .repository import Repository

pytestmark = pytest.mark.slow  # a month is applied day by day

FIRST = "2026-10-20T02:00:00Z"
LAST = "2026-11-19T02:00:00Z"
TODAY = "2026-11-20T02:00:00Z"
LATER = "2026-11-20T03:00:00Z"


def policy(retention: str = "30d", *, names: str = "", retroactive: bool = False) -> str:
    return f"""\
profiles:
  gold:
    retroactive: {str(retroactive).lower()}
    periods:
      daily: {{frequency: daily, hour: 2, retention: {retention}}}
assignments:
  all:
    profile: gold
    targets:
      - {{backend: lab, scope: volume{names}}}
"""


def after(instant: str, **length: int) -> str:
    return format_instant(parse_instant(instant) + timedelta(**length))


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of which two volumes were snapshotted daily for a month."""
    lab = Repository(tmp_path_factory.mktemp("month") / "lab", policy())
    for day in range(31):
        lab.apply(after(FIRST, days=day))
    return lab.root


@pytest.fixture
def lab(month: Path, tmp_path: Path) -> Repository:
    """A copy of that repository, with the clock at the last apply."""
    copied = Repository.__new__(Repository)
    copied.root, copied.data = tmp_path / "lab", tmp_path / "lab" / "data"
    shutil.copytree(month, copied.root, symlinks=True)
    copied.run("accept", "lab", "--reason", "copied to another folder", now=LAST)
    return copied


def blocked(lab: Repository, now: str = TODAY) -> dict[str, Any]:
    document: dict[str, Any] = lab.json("plan", now=now, expect=3)
    return document


def taken(lab: Repository, now: str) -> list[str]:
    return [row["name"] for row in lab.snapshots(now)]


def test_a_cut_retention_is_shown_with_its_line_and_its_effect_and_stopped(lab: Repository) -> None:
    held = set(taken(lab, LAST))
    lab.write_policy(policy("3d", retroactive=True))
    shown = lab.run("plan", now=TODAY, expect=3).stdout
    assert "BLOCKED" in shown
    assert "blocked[SP301]: expires or shortens 60 of 60 snapshots of lab (100 %)" in shown
    assert 'retention 30d -> 3d in profile "gold", period "daily", retroactive   policies/policy.yaml:5' in shown
    assert "of 2 targets" in shown
    assert (
        "the oldest restore point of 2 targets moves from 2026-10-21 02:00Z to 2026-11-18 02:00Z (28 d shorter)"
        in shown
    )
    assert 'snapplan apply --allow SP301 --reason "..."' in shown
    assert "2 snapshots are not blocked:  snapplan apply --only snapshot" in shown
    lab.run("apply", "--auto-approve", "--only", "snapshot", now=TODAY, expect=3)
    new = set(taken(lab, LATER)) - held
    assert new == {"gold.daily.20261120T0200Z"}
    assert held <= set(taken(lab, LATER))


def test_what_a_guard_stops_is_left_and_the_rest_is_done(lab: Repository) -> None:
    held = taken(lab, LAST)
    lab.write_policy(policy("3d", retroactive=True))
    lab.apply(TODAY, 3)
    assert len(taken(lab, LATER)) == len(held) + 2
    again = blocked(lab, LATER)
    (cause,) = next(guard for guard in again["guards"] if guard["code"] == "SP301")["value"]["because"]
    assert cause["text"].startswith("retention 30d -> 3d")


def test_raising_the_limit_with_the_change_that_it_stops_does_not_help(lab: Repository) -> None:
    lab.write_policy(policy("3d", retroactive=True))
    config = lab.root / "snapplan.yaml"
    config.write_text(config.read_text() + "guards: {max_expire: {percent: 100}}\n")
    for now in (TODAY, LATER):
        lab.apply(now, 3)
    (guard,) = [found for found in blocked(lab, LATER)["guards"] if found["code"] == "SP301"]
    assert guard["limit"]["percent"] == 20


def test_a_clock_that_jumps_does_nothing_and_confirms_nothing(lab: Repository) -> None:
    year = after(LAST, days=365)
    alone = {"SNAPPLAN_SECOND_CLOCK": ""}
    held = taken(lab, LAST)
    for _ in range(2):
        shown = lab.run("apply", "--auto-approve", now=year, env=alone, expect=3)
        assert "blocked[SP306]" in shown.stdout
    assert taken(lab, LAST) == held
    assert lab.apply(TODAY).returncode == 0


def test_a_second_clock_that_agrees_lets_it_go_on(lab: Repository) -> None:
    document = lab.json("plan", now=after(LAST, days=7))
    assert all(guard["state"] == "ok" for guard in document["guards"])


def test_to_ask_about_another_instant_is_no_jump(lab: Repository) -> None:
    document = lab.json("plan", "--at", after(LAST, days=40), now=after(LAST, hours=1))
    assert {guard["state"] for guard in document["guards"]} == {"ok"}


def test_a_selection_that_shrank_to_nothing_ends_no_protection(lab: Repository) -> None:
    lab.write_policy(policy(names=", tags: [production]"))
    document = blocked(lab)
    assert {(a["verb"], *a["blocked_by"]) for a in document["actions"]} == {("assign", "SP304"), ("expire", "SP304")}
    lab.apply(TODAY, 3)
    lab.write_policy(policy())
    lab.apply(LATER)
    assert "gold.daily.20261120T0200Z" in taken(lab, LATER)


def test_a_store_that_lost_most_of_its_snapshots_loses_no_more(lab: Repository) -> None:
    victims = sorted(lab.driver().inventory().snapshots, key=lambda snapshot: snapshot.taken_at)[-40:]
    for snapshot in victims:
        remove(lab, snapshot.name, snapshot.target_name)
    document = blocked(lab)
    assert {guard["code"] for guard in document["guards"] if guard["state"] == "blocked"} == {"SP305"}
    assert {a["verb"] for a in document["actions"] if "SP305" in a["blocked_by"]} == {"expire"}
    left = set(taken(lab, TODAY))
    for instant in (TODAY, LATER):
        lab.apply(instant, 3)
        assert set(taken(lab, instant)) == left | {"gold.daily.20261120T0200Z"}
    lab.run("apply", "--auto-approve", "--allow", "SP305", "--reason", "the disk died", now=LATER)
    assert lab.json("plan", now=LATER)["actions"] == []
    assert not left <= set(taken(lab, LATER))


def remove(lab: Repository, name: str, target: str) -> None:
    """Delete a snapshot behind the tool's back."""
    store = lab.data / ".snapplan" / "snapshots"
    (found,) = [path for path in store.rglob(f"*{name}*") if target in str(path.relative_to(store)) and path.is_dir()]
    shutil.rmtree(found)


def test_a_guard_that_was_allowed_stops_nothing_and_is_recorded_with_its_reason(lab: Repository) -> None:
    lab.write_policy(policy("3d", retroactive=True))
    allow = ("--allow", "SP301", "--allow", RETROACTIVE_CODE, "--reason", "CHG-77")
    lab.run("apply", "--auto-approve", *allow, now=TODAY)
    assert len(taken(lab, TODAY)) == 2 * 3
    assert "CHG-77" in lab.run("show", "run", "32", now=LATER).stdout


def test_after_a_rebuild_half_of_the_budget_counts_as_used(lab: Repository) -> None:
    for file in lab.root.glob("catalog.db*"):
        file.unlink()
    lab.run("catalog", "rebuild", now=TODAY)
    (guard,) = [found for found in lab.json("plan", now=TODAY)["guards"] if found["code"] == "SP301"]
    assert (guard["limit"]["count"], guard["value"]["counted_as_used"]) == (12, 6)


def test_a_second_project_on_the_same_targets_is_stopped_and_so_is_the_first(lab: Repository) -> None:
    other = lab.root.parent / "other"
    shutil.copytree(lab.root / "policies", other / "policies")
    config = (
        (lab.root / "snapplan.yaml").read_text().replace("e2e", "second").replace("root: data", "root: ../lab/data")
    )
    (other / "snapplan.yaml").write_text(config)
    second = Repository.__new__(Repository)
    second.root, second.data = other, lab.data
    document = second.json("plan", now=TODAY, expect=3)
    assert {guard["code"] for guard in document["guards"] if guard["state"] == "blocked"} == {"SP308"}
    assert all(action["blocked_by"] == ["SP308"] for action in document["actions"] if action["target"])
    second.run("apply", "--auto-approve", "--allow", "SP308", "--reason", "both are meant", now=TODAY)
    lab.apply(TODAY, 3)
