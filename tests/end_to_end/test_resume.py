"""``apply --resume RUN``: goes on with what a run was approved to do, after a crash too."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from .repository import CONFIG, Repository
from .test_stale_plans import HOURLY
from .trusted import APPLIED, FIRST, PLANNED, Inside, begin_again, every_verb, remember

CRASH = "SNAPPLAN_CRASH_AT"


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inside:
    return Inside(monkeypatch, capsys)


def test_a_run_that_ended_well_has_nothing_left(inside: Inside, tmp_path: Path) -> None:
    root = Repository(tmp_path / "repository", HOURLY, CONFIG).root
    assert inside.run(root, "apply", "--auto-approve", now=FIRST).code == 0
    ran = inside.run(root, "apply", "--resume", "1", now=FIRST)
    assert ran.code == 0
    assert "nothing of it is left" in ran.err
    assert inside.run(root, "apply", "--resume", "9", now=FIRST).code == 64


def test_a_run_that_approved_nothing_cannot_be_resumed(inside: Inside, tmp_path: Path) -> None:
    root = Repository(tmp_path / "repository", HOURLY, CONFIG).root
    inside.run(root, "plan", "--no-refresh", "--out", "plan.json", now=FIRST)
    assert inside.run(root, "apply", "plan.json", now=FIRST).code == 5
    ran = inside.run(root, "apply", "--resume", "1", now=FIRST)
    assert ran.code == 5
    assert "SP514" in ran.err


POINTS = (
    "apply.approve.after",
    "apply.intent.after:2",
    "apply.result.before:5",
    "apply.result.after:9",
    "apply.result.after:14",
)


def state(inside: Inside, root: Path) -> tuple[object, ...]:
    """Return what there is in the end; a second safety snapshot, taken where the restore had not begun, does not count."""
    rows = json.loads(inside.run(root, "list", "snapshots", "--format", "json", now=APPLIED).out)
    kept = sorted(
        (row["snapshot"], row["expires_at"], row["state"])
        for row in rows
        if "pre-restore.CHG-2." not in row["snapshot"]
    )
    plan = json.loads(inside.run(root, "plan", "--format", "json", now=APPLIED).out)
    content = (root / "data" / "volumes" / "a" / "file").read_text()
    clone = (root / "data" / "vms" / "web-old" / "disk.img").read_text()
    return (kept, content, clone, sorted((a["verb"], a["target"]) for a in plan["actions"]))


@pytest.mark.slow
@pytest.mark.parametrize("saved", [False, True], ids=["shown", "saved"])
@pytest.mark.parametrize("point", POINTS)
def test_a_crashed_run_is_resumed_to_where_it_would_have_been(
    point: str, saved: bool, inside: Inside, tmp_path: Path
) -> None:
    repository = every_verb(inside, tmp_path / "repository")
    assert inside.run(repository.root, "plan", "--out", "plan.json", now=PLANNED).code == 0
    words = ("apply", "plan.json") if saved else ("apply", "--auto-approve", "--confirm", "lab/volume/a")
    remember(repository)
    assert inside.run(repository.root, *words, now=APPLIED).code == 0
    whole = state(inside, repository.root)
    begin_again(repository)
    ended = repository.run(*words, now=APPLIED, expect=70, env={CRASH: point})
    assert ended.returncode == 70
    if saved:
        assert "SP504" in inside.run(repository.root, "apply", "plan.json", now=APPLIED).err
    ran = inside.run(repository.root, "apply", "--resume", "3", now=APPLIED)
    assert ran.code == 0, ran.err
    assert state(inside, repository.root) == whole
    assert repository.leftovers() == []


@pytest.mark.parametrize("undo", [False, True], ids=["complete", "undo"])
@pytest.mark.parametrize("catalog", ["memory", "another"])
def test_the_commands_that_a_half_exchanged_restore_names_work_in_another_catalog(
    catalog: str, undo: bool, inside: Inside, tmp_path: Path
) -> None:
    repository = Repository(tmp_path / "repository", HOURLY, CONFIG)
    root = repository.root
    assert inside.run(root, "apply", "--auto-approve", now=FIRST).code == 0
    repository.write("volumes/a/file", "changed")
    repository.write("volumes/a/new", "new")
    # What no snapshot has stays, and so the entries around it are exchanged one by one.
    repository.write("volumes/a/inner/snapplan-store.json", json.dumps({"format": "snapplan.store/1"}))
    words = ("restore", "lab/volume/a", "--mode", "in_place", "--confirm", "lab/volume/a")
    repository.run(*words, now=PLANNED, expect=70, env={CRASH: "restore.swap.after"})
    url = '"memory:"' if catalog == "memory" else "sqlite:///other.db"
    (root / "snapplan.yaml").write_text(CONFIG.replace("sqlite:///catalog.db", url))
    # In the other catalog the number is that of another run.
    assert inside.run(root, "apply", "--auto-approve", "--only", "change", now=APPLIED).code == 7
    left = inside.run(root, "apply", "--auto-approve", now=APPLIED)
    assert left.code == 7
    command = re.search(
        r"snapplan (apply --resume \S+) completes it; snapplan (apply --resume \S+ --undo) takes", left.err
    )
    assert command is not None
    assert repository.read("volumes/a/new") == "new"
    ran = inside.run(root, *command[2 if undo else 1].split(), now=APPLIED)
    assert ran.code == 0, ran.err
    assert repository.read("volumes/a/file") == ("changed" if undo else "one")
    assert (repository.data / "volumes/a/new").exists() is undo
    assert inside.run(root, *command[1].split(), now=APPLIED).code == 64
    assert repository.read("volumes/a/file") == ("changed" if undo else "one")
