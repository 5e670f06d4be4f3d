"""Saved plans, from a file and from the catalog, and the terms on which an apply goes."""

from __future__ import annotations

import json
import os
import signal
import stat
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from snapplan import clock
from snapplan.catalog.open import open_catalog
from snapplan.catalog.owner import current_owner
from snapplan.plan_check import checksum

from .repository import CONFIG, Repository
from .test_stale_plans import HOURLY
from .trusted import APPLIED, FIRST, PLANNED, SECOND, Inside, Ran, every_verb

SCHEMA = Path(__file__).parents[2] / "schemas" / "plan.schema.json"


class Hall:
    """A repository of three volumes, and command lines run in this process."""

    def __init__(self, inside: Inside, root: Path) -> None:
        self.inside = inside
        self.repository = Repository(root, HOURLY, CONFIG)
        self.root = root

    def run(self, *words: str, now: str = FIRST, expect: int = 0) -> Ran:
        ran = self.inside.run(self.root, *words, now=now)
        assert ran.code == expect, f"{words}: {ran.code}\n{ran.out}\n{ran.err}"
        return ran

    def subjects(self) -> list[str]:
        return sorted(subject for verb, subject in self.inside.done(self.root) if verb == "snapshot")


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inside:
    return Inside(monkeypatch, capsys)


@pytest.fixture
def hall(inside: Inside, tmp_path: Path) -> Hall:
    return Hall(inside, tmp_path / "repository")


def test_a_plan_file_is_private_whole_and_valid_and_its_command_is_named(hall: Hall) -> None:
    ran = hall.run("plan", "--out", "plan.json")
    assert "To carry it out:  snapplan apply plan.json" in ran.out
    file = hall.root / "plan.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    document = json.loads(file.read_text())
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)
    assert document["checksum"] == checksum(document)
    assert len(document["id"]) == 32
    assert document["policy"]["project"] == "e2e"
    assert [path.name for path in hall.root.iterdir() if path.name.startswith(".plan")] == []


def test_a_plan_cannot_be_written_where_there_is_no_folder(hall: Hall) -> None:
    ran = hall.run("plan", "--out", "missing/plan.json", expect=1)
    assert "cannot be written to missing/plan.json" in ran.err


def test_what_is_printed_as_json_can_be_applied(hall: Hall) -> None:
    (hall.root / "printed.json").write_text(hall.run("plan", "--format", "json").out)
    hall.run("apply", "printed.json")
    assert hall.subjects() == [f"lab/volume/{name}@gold.hourly.20261122T0900Z" for name in "ab"]


def test_a_plan_kept_in_the_catalog_is_applied_by_a_part_of_its_digest_once(hall: Hall) -> None:
    ran = hall.run("plan", "--save", "--format", "json")
    document = json.loads(ran.out)
    assert f"apply --approved {document['digest'][:12]}" in ran.err
    hall.run("apply", "--approved", document["digest"][:7], expect=64)
    assert "SP514" in hall.run("apply", "--approved", "0" * 8, expect=5).err
    assert "is no digest" in hall.run("apply", "--approved", "not-a-digest", expect=64).err
    hall.run("apply", "--approved", document["digest"][:8])
    assert len(hall.subjects()) == 2
    assert "SP504" in hall.run("apply", "--approved", document["digest"], expect=5).err


def test_with_the_catalog_in_memory_no_plan_is_kept(hall: Hall) -> None:
    config = hall.root / "snapplan.yaml"
    config.write_text(CONFIG.replace("sqlite:///catalog.db", "'memory:'"))
    for words in (("--save",), ("--out", "plan.json")):
        assert "in memory" in hall.run("plan", *words, expect=64).err
    (hall.root / "printed.json").write_text(hall.run("plan", "--format", "json").out)
    assert "SP503" in hall.run("apply", "printed.json", expect=5).err


def test_a_saved_plan_names_one_plan_and_says_itself_what_it_is_about(hall: Hall) -> None:
    hall.run("plan", "--out", "plan.json")
    hall.run("apply", "plan.json", "--resume", "1", expect=64)
    hall.run("apply", "plan.json", "--approved", "0" * 12, expect=64)
    hall.run("apply", "plan.json", "--target", "lab/volume/a", expect=64)


def test_a_limited_plan_is_planned_again_with_its_limits(hall: Hall) -> None:
    hall.run("plan", "--target", "lab/volume/a", "--out", "plan.json")
    ran = hall.run("apply", "plan.json")
    assert "is new" not in ran.err
    assert hall.subjects() == ["lab/volume/a@gold.hourly.20261122T0900Z"]


def test_only_and_except_leave_out_what_they_name_and_what_waits_for_it(hall: Hall) -> None:
    ran = hall.run("apply", "--auto-approve", "--only", "snapshot")
    assert hall.inside.done(hall.root).total() == 0
    assert ran.err.count("is left out too: it needs what is left out") == 2
    hall.run(
        "apply",
        "--auto-approve",
        "--except",
        "lab/volume/a",
        "--only",
        "assign",
        "--only",
        "profile",
        "--only",
        "snapshot",
    )
    assert hall.subjects() == ["lab/volume/b@gold.hourly.20261122T0900Z"]


def test_without_a_terminal_somebody_has_to_have_approved(hall: Hall) -> None:
    ran = hall.run("apply", expect=3)
    assert "a saved plan carries out what was approved" in ran.err


def test_what_is_allowed_needs_a_reason_and_can_be_allowed(hall: Hall) -> None:
    assert "needs a reason" in hall.run("apply", "--allow", "SP301", expect=64).err
    assert "needs a reason" in hall.run("apply", "--allow", "SP301", "--reason", " ", expect=64).err
    assert "cannot be allowed" in hall.run("apply", "--allow", "SP506", "--reason", "x", expect=64).err
    assert "cannot be allowed" in hall.run("apply", "--allow", "everything", "--reason", "x", expect=64).err
    hall.run("apply", "--reason", "x", expect=64)
    hall.run("apply", "--auto-approve", "--allow", "SP302", "--reason", "CHG-7")
    catalog = open_catalog("sqlite:///catalog.db", project="e2e", base=hall.root)
    (run,) = catalog.runs()
    catalog.close()
    assert (run.allowed, run.reason) == (("SP302",), "CHG-7")


def test_what_retroactive_takes_away_needs_somebody_who_looked(hall: Hall) -> None:
    for now in (FIRST, SECOND):
        hall.run("apply", "--auto-approve", now=now)
    hall.repository.write_policy(HOURLY.replace("  gold:\n", "  gold:\n    retroactive: true\n").replace("2h", "90m"))
    late = "2026-11-22T10:40:00Z"
    lifted = ("--allow", "SP301", "--reason", "shorter on purpose")
    assert "SP301" in hall.run("apply", "--auto-approve", now=late, expect=3).err
    ran = hall.run("apply", "--auto-approve", *lifted, now=late, expect=3)
    assert "SP513" in ran.err
    assert not [verb for verb, _ in hall.inside.done(hall.root) if verb in ("expire", "change")]
    hall.run("plan", "--out", "plan.json", now=late, expect=3)
    assert "SP301" in hall.run("apply", "plan.json", now=late, expect=3).err
    later = "2026-11-22T10:45:00Z"
    hall.run("plan", "--out", "plan.json", now=later, expect=3)
    hall.run("apply", "plan.json", *lifted, now=later)
    assert {verb for verb, _ in hall.inside.done(hall.root)} == {"expire", "change"}


def test_a_plan_approves_its_restores_in_place(inside: Inside, tmp_path: Path) -> None:
    root = tmp_path / "repository"
    repository = every_verb(inside, root)
    assert inside.run(root, "plan", "--out", "plan.json", now=PLANNED).code == 0
    assert inside.run(root, "apply", "plan.json", "--only", "restore", now=APPLIED).code == 0
    assert repository.read("volumes/a/file") == "one"
    verbs = [verb for verb, _ in inside.done(root)]
    assert sorted(verbs) == ["restore", "restore"]
    kept = [row for row in repository.json("list", "snapshots", now=APPLIED) if row["state"] == "set-aside"]
    assert [row["target"] for row in kept] == ["lab/volume/a"], "what it replaced is kept"


def test_an_interrupt_while_waiting_for_another_apply_ends_it_and_nothing_is_done(hall: Hall) -> None:
    hall.run("apply", "--auto-approve")
    os.environ["SNAPPLAN_NOW"] = SECOND
    catalog = open_catalog("sqlite:///catalog.db", project="e2e", base=hall.root)
    owner = current_owner()
    other = catalog.begin_run("apply", owner, clock.now(), None)
    catalog.acquire("lab", other.number, owner, clock.now())
    process = hall.repository.start("apply", "--auto-approve", now=SECOND)
    assert process.stdout is not None
    while "Digest" not in process.stdout.readline():
        pass
    while not [run for run in catalog.runs() if run.number > other.number]:
        pass
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    newest = catalog.runs()[0]
    catalog.close()
    assert process.returncode == 130, err
    assert (newest.state, newest.counts) == ("interrupted", {})
