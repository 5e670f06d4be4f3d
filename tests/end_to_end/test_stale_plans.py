"""Each row of the table of docs/explain/safety.md: the world moves after a plan was saved, and apply does what it says."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.applier.test_verify import OLD, held, moved, with_changed
from tests.unit.planner.lab import lab

from .repository import CONFIG, Repository
from .trusted import APPLIED, FIRST, PLANNED, SECOND, Inside, every_verb

SAFETY = Path(__file__).parents[2] / "docs" / "explain" / "safety.md"
OUTCOMES = {"done", "skipped", "left", "refused", "blocked"}
HOURLY = """\
profiles:
  gold:
    periods:
      hourly: {frequency: hourly, retention: 2h}
assignments:
  volumes: {profile: gold, targets: [{backend: lab, scope: volume}]}
"""
AFTER_IT = "2026-11-22T13:05:00Z"
OLDEST, NEWEST = (f"lab/volume/a@gold.hourly.20261122T{hour}00Z" for hour in ("09", "10"))
Outcome = tuple[str, str]


def table() -> dict[str, tuple[str, str]]:
    """Return what the page says: by what moved, what apply does and the code."""
    rows = re.findall(r"^\| (.+?) \| (\w+) \| (.*?) ?\|$", SAFETY.read_text(encoding="utf-8"), re.MULTILINE)
    return {what: (does, note) for what, does, note in rows if does in OUTCOMES}


class Stage:
    """A repository with a saved plan: two snapshots to take, and of each volume two to expire."""

    def __init__(self, inside: Inside, root: Path) -> None:
        self.inside, self.root = inside, root
        self.repository = Repository(root, HOURLY, CONFIG)
        for now in (FIRST, SECOND):
            self.run("apply", "--auto-approve", now=now)

    def run(self, *words: str, now: str = "2026-11-22T12:35:00Z", expect: int = 0) -> str:
        ran = self.inside.run(self.root, *words, now=now)
        assert ran.code == expect, f"{words}: {ran.code}\n{ran.out}\n{ran.err}"
        return ran.err

    def plan(self, *more: str) -> None:
        self.run("plan", "--out", "plan.json", *more, now=PLANNED)
        verbs = [a["verb"] for a in json.loads((self.root / "plan.json").read_text())["actions"]]
        assert sorted(verbs) == ["expire"] * 4 + ["snapshot"] * 2

    def snapshot(self, address: str) -> Path:
        return self.repository.data / ".snapplan" / "snapshots" / "volume" / "a" / address.rpartition("@")[2]

    def apply(self, now: str = APPLIED, *, about: str = "", code: str = "", said: str = "") -> str:
        """Apply the plan and return what became of the action ``about`` it: done, skipped, left, refused or blocked."""
        before = self.inside.done(self.root)
        ran = self.inside.run(self.root, "apply", "plan.json", now=now)
        assert ran.code in (0, 3, 5, 7), ran.err
        done = self.inside.done(self.root)
        assert said in ran.err, ran.err
        if ran.code == 5:
            assert code in ran.err, ran.err
            assert not done or done == before, "a refused plan did something"
            return "refused"
        if ran.code == 3:
            assert not any(verb in ("snapshot", "expire", "restore") for verb, _ in done)
            return "blocked"
        lines = [
            line for line in ran.err.splitlines() if about and about in line and ("skipped" in line or "left" in line)
        ]
        if not lines:
            assert done.total() == 6, done
            return "done"
        assert not any(about.partition(" ")[2] == subject and about.startswith(verb) for verb, subject in done)
        return "skipped" if "is skipped" in lines[0] else "left"


def nothing(stage: Stage) -> str:
    stage.plan()
    return stage.apply()


def comment(stage: Stage) -> str:
    stage.plan()
    stage.repository.write_policy(HOURLY.replace("  gold:\n", "  gold:  # ours\n    description: of no meaning\n", 1))
    before = stage.inside.run(stage.root, "apply", "plan.json", now=APPLIED)
    assert "profile gold is new; it is left" in before.err
    return "done" if before.code == 0 and stage.inside.done(stage.root).total() == 6 else "?"


def later_slot(stage: Stage) -> str:
    stage.plan()
    became = stage.apply(AFTER_IT)
    assert ("snapshot", "lab/volume/a@gold.hourly.20261122T1300Z") in stage.inside.done(stage.root)
    return became


def taken(stage: Stage) -> str:
    stage.plan()
    stage.run("apply", "--auto-approve", "--target", "lab/volume/a", "--only", "snapshot")
    return stage.apply(about="snapshot lab/volume/a@gold.hourly.20261122T1200Z")


def expired(stage: Stage) -> str:
    stage.plan()
    shutil.rmtree(stage.snapshot(OLDEST))
    return stage.apply(about=f"expire {OLDEST}")


def pinned(stage: Stage) -> str:
    stage.plan()
    stage.run("pin", OLDEST, "--reason", "audit")
    return stage.apply(about=f"expire {OLDEST}", said="pinned it since: audit")


def target_gone(stage: Stage) -> str:
    stage.plan()
    shutil.rmtree(stage.repository.data / "volumes" / "a")
    return stage.apply(about="snapshot lab/volume/a@gold.hourly.20261122T1200Z", said="its target was deleted")


def new_target(stage: Stage) -> str:
    stage.plan()
    stage.repository.write("volumes/c/file", "new")
    return stage.apply(about="snapshot lab/volume/c@gold.hourly")


def unreachable(stage: Stage) -> str:
    stage.plan()
    stage.repository.data.rename(stage.root / "away")
    ran = stage.inside.run(stage.root, "apply", "plan.json", now=APPLIED)
    assert ran.code == 7
    assert not stage.inside.done(stage.root)
    assert "6 not tried" in ran.out
    return "skipped" if ran.err.count("is skipped: backend lab is left out") == 3 else "?"


def witness(stage: Stage) -> str:
    stage.plan()
    shutil.rmtree(stage.snapshot(NEWEST))
    return stage.apply(code="SP509")


def other_snapshot(stage: Stage) -> str:
    stage.plan()
    facts = stage.snapshot(OLDEST) / "mark.json"
    facts.write_text(facts.read_text().replace('"id": "', '"id": "0'))
    return stage.apply(code="SP510")


def policy(stage: Stage) -> str:
    stage.plan()
    stage.run("apply", "--auto-approve", "--only", "profile", "--target", "lab/vm/*", now="2026-11-22T12:34:00Z")
    stage.repository.write_policy(HOURLY.replace("2h", "90m"))
    return stage.apply(code="SP506")


def same_apply(stage: Stage) -> str:
    stage.plan()
    stage.run("apply", "--auto-approve")
    return stage.apply(code="SP504")


def used(stage: Stage) -> str:
    stage.plan()
    assert stage.apply() == "done"
    return stage.apply(code="SP504", said="Since the plan was made: run 3 (apply)")


def rebuilt(stage: Stage) -> str:
    stage.plan()
    stage.run("catalog", "rebuild", "--replace")
    return stage.apply(code="SP503")


def old(stage: Stage) -> str:
    stage.plan()
    return stage.apply("2026-11-29T12:31:00Z", code="SP505", said="7d1m old")


def early(stage: Stage) -> str:
    stage.plan()
    return stage.apply("2026-11-22T12:20:00Z", code="SP505")


def ahead(stage: Stage) -> str:
    stage.plan()
    return stage.apply("2026-11-24T12:30:00Z", said="SP306")


def unrefreshed(stage: Stage) -> str:
    stage.plan("--no-refresh")
    return stage.apply(code="SP512")


def edited(stage: Stage) -> str:
    stage.plan()
    file = stage.root / "plan.json"
    file.write_text(file.read_text().replace("T0900Z", "T1000Z"))
    return stage.apply(code="SP501")


def changed_already(_: Stage) -> str:
    longer = {"daily": {"frequency": "daily", "hour": 2, "retention": "9d"}}
    case = lab(
        policy=longer,
        snapshots=["daily.20261122T0200Z", {"snapshot": "daily.20261121T0200Z", "expires": "2026-11-23T02:00Z"}],
    )
    (change,) = [action for action in case.plan().actions if action.verb == "change"]
    verified = held(case, with_changed(case, "20261121T0200Z", expires_at=change.expires_at))
    return "skipped" if "its expiration is right already" in str(verified.skipped[0]) else "?"


def made_anew(_: Stage) -> str:
    case = lab(snapshots=OLD)
    verified = held(case, moved(case, targets=[t._replace(id="new") for t in case.world.backends["lab"].targets]))
    return "skipped" if any("has its name now is another one" in text for text in map(str, verified.skipped)) else "?"


def renamed(_: Stage) -> str:
    case = lab(snapshots=OLD)
    verified = held(case, moved(case, targets=[t._replace(name="z") for t in case.world.backends["lab"].targets]))
    said = " ".join(map(str, verified.skipped))
    named = "its target is called lab/volume/z now; the next plan has it" in said
    return "left" if named and not any(a.verb == "snapshot" for a in verified.plan.actions) else "?"


def other_system(_: Stage) -> str:
    case = lab(snapshots=OLD)
    verified = held(moved(case, identity="one"), moved(case, identity="another"))
    return "refused" if [finding.code for finding in verified.refusals] == ["SP508"] else "?"


def source_gone(stage: Stage) -> str:
    root = stage.root.parent / "restores"
    repository = every_verb(stage.inside, root)
    stage.inside.run(root, "plan", "--out", "plan.json", now=PLANNED)
    shutil.rmtree(repository.data / ".snapplan" / "snapshots" / "vm" / "web")
    before = stage.inside.done(root)
    ran = stage.inside.run(root, "apply", "plan.json", now=APPLIED)
    assert not stage.inside.done(root) or stage.inside.done(root) == before
    return "refused" if ran.code == 5 and "SP511" in ran.err else "?"


def blocked_before(_: Stage) -> str:
    case = lab(snapshots=OLD)
    from snapplan.applier.approve import match, read_actions

    document = case.plan().document()
    for action in document["actions"]:
        action["blocked_by"] = ["SP302"] if action["verb"] == "expire" else []
    actions, approved = case.plan().actions, read_actions(document)
    left = [action for _, action in match(approved, actions).blocked]
    allowed = match(approved, actions, ("SP302",))
    return "left" if len(left) == 1 and not allowed.blocked and len(allowed.done) == len(actions) else "?"


def in_git(stage: Stage) -> Callable[..., None]:
    """Make the repository a checkout of one commit; return how git is called there."""
    import subprocess

    def git(*words: str) -> None:
        subprocess.run(["git", *words], cwd=stage.root, check=True, capture_output=True)

    (stage.root / ".gitignore").write_text("data/\ncatalog.db*\nplan.json\n")
    git("init", "-q")
    git("config", "user.email", "ann@example.com")
    git("config", "user.name", "Ann")
    git("add", ".")
    git("commit", "-qm", "one")
    return git


def older_commit(stage: Stage) -> str:
    git = in_git(stage)
    stage.plan()
    stage.repository.write_policy("# a newer one\n" + HOURLY)
    git("commit", "-qam", "two")
    stage.run("apply", "--auto-approve", "--target", "lab/vm/none")
    git("checkout", "-q", "HEAD^")
    plain = stage.inside.run(stage.root, "apply", "--auto-approve", now=APPLIED)
    assert plain.code == 5
    assert "SP507" in plain.err
    assert "SP507" in stage.inside.run(stage.root, "plan", now=APPLIED).out
    became = stage.apply(code="SP507")
    stage.run("apply", "--auto-approve", "--allow", "SP507", "--reason", "going back", now=APPLIED)
    assert stage.inside.done(stage.root).total() == 6
    return became


def unknown_commit(stage: Stage) -> str:
    import shutil

    in_git(stage)
    stage.run("apply", "--auto-approve", "--target", "lab/vm/none")
    stage.plan()
    shutil.rmtree(stage.root / ".git")
    return stage.apply(code="SP507")


CASES: dict[str, Callable[[Stage], str]] = {
    "nothing": nothing,
    "a comment or a description in the policy": comment,
    "a later slot is due": later_slot,
    "the slot was taken by another apply": taken,
    "a snapshot that was to expire is gone": expired,
    "a snapshot that was to expire was pinned": pinned,
    "the expiration was changed already": changed_already,
    "the target is gone": target_gone,
    "the target was made anew under its name": made_anew,
    "the target was renamed": renamed,
    "a new target matches an assignment": new_target,
    "the backend does not answer": unreachable,
    "a witness of an expiry is gone": witness,
    "another snapshot has the name of one that was to expire": other_snapshot,
    "the source of a restore is gone": source_gone,
    "another system answers under the backend's name": other_system,
    "the policy means something else": policy,
    "the policy's commit is older than the one applied last": older_commit,
    "the policy's commit is unknown, and one was applied before": unknown_commit,
    "another apply did the same": same_apply,
    "the plan was used": used,
    "the catalog was rebuilt, or is another one": rebuilt,
    "the plan is older than `max_plan_age` and expires or restores something": old,
    "the clock is before the plan": early,
    "the clock is more than a day ahead of the last apply": ahead,
    "the plan was made with `--no-refresh`": unrefreshed,
    "the file was edited": edited,
    "a guard had blocked an action of the plan": blocked_before,
}


def test_every_row_of_the_table_is_tried() -> None:
    assert list(table()) == list(CASES)


@pytest.mark.parametrize("what", CASES)
def test_the_world_moves(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = Stage(Inside(monkeypatch, capsys), tmp_path / "repository")
    assert CASES[what](stage) == table()[what][0]
