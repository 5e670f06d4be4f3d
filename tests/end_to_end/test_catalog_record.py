"""What the catalog keeps of the runs, read and questioned by the installed command."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import sqlite3
from pathlib import Path

from .repository import NOW, Repository

LATER = "2026-11-22T13:00:00Z"
EVENING = "2026-11-22T17:00:00Z"


def change(repository: Repository, statement: str) -> None:
    db = sqlite3.connect(repository.root / "catalog.db")
    with db:
        assert db.execute(statement).rowcount == 1
    db.close()


def test_runs_are_listed_and_shown_with_who_and_what(repository: Repository) -> None:
    repository.run("apply", "--auto-approve", env={"CI_JOB_ID": "77"})
    (row,) = repository.json("list", "runs")
    assert row["state"] == "done"
    assert "GitLab job 77" in row["owner"]
    assert row["counts"] == {"assign": 5, "profile": 1, "snapshot": 5}
    shown = repository.json("show", "run", "1")
    assert {key: shown[key] for key in row} == row
    assert [action["state"] for action in shown["journal"]] == ["done"] * 11
    text = repository.run("show", "run", "1").stdout
    assert f"run 1   done   apply by {row['owner']}" in text
    assert "snapshot  lab/vm/web@gold.hourly.20261122T1200Z" in text
    assert repository.run("show", "run", "9", expect=64).stderr.startswith("error: there is no run 9")


def test_a_changed_record_is_found(repository: Repository) -> None:
    repository.apply()
    repository.apply(LATER)
    whole = repository.run("catalog", "verify").stdout
    newest = re.fullmatch(r"Whole: \d+ entries in the record, newest ([0-9a-f]{64})\n", whole)
    assert newest is not None
    repository.run("catalog", "verify", "--contains", newest[1])
    other = repository.run("catalog", "verify", "--contains", "0" * 64, expect=1).stdout
    assert "the record holds no entry with the hash 000" in other
    change(repository, "UPDATE action SET text = 'all well' WHERE run = 1 AND number = 1")
    told = repository.run("catalog", "verify", expect=1).stdout
    assert "run 1: action 1 was changed in the journal (text)" in told
    assert "Not as it was left" in told
    found = json.loads(repository.run("catalog", "verify", "--format", "json", expect=1).stdout)
    assert (found["whole"], len(found["findings"])) == (False, 1)


def test_the_export_holds_everything(repository: Repository) -> None:
    repository.apply()
    exported = json.loads(repository.run("catalog", "export").stdout)
    assert exported["format"] == "snapplan.catalog/1.0"
    assert exported["catalog"]["project"]
    assert {row["snapshot"] for row in exported["journal"] if row["verb"] == "snapshot"} == {
        row["snapshot"] for row in repository.snapshots()
    }
    assert len(exported["snapshots"]) == 5
    assert exported["runs"][0]["started_at"] == NOW
    assert [entry["kind"] for entry in exported["record"]][:2] == ["created", "begun"]
    assert exported["record"][-1]["hash"] in repository.run("catalog", "verify").stdout


def test_an_unlocked_holder_does_nothing_more(repository: Repository, tmp_path: Path) -> None:
    repository.apply()
    reached, go_on = tmp_path / "reached", tmp_path / "go-on"
    os.mkfifo(reached)
    os.mkfifo(go_on)
    waiting = os.open(reached, os.O_RDWR | os.O_NONBLOCK)
    config = repository.root / "snapplan.yaml"
    waits = f"{{freeze: [sh, -c, 'echo 1 > {reached}; cat {go_on}'], thaw: ['true']}}"
    config.write_text(config.read_text().replace("root: data}", f"root: data, quiesce_commands: {{'vm/*': {waits}}}}}"))
    policy = repository.root / "policies" / "policy.yaml"
    policy.write_text(policy.read_text().replace("retention: 3h", "retention: 3h, quiesce: prefer"))
    process = repository.start("apply", "--auto-approve", now=EVENING)
    try:
        assert select.select([waiting], [], [], 60)[0], "the apply came to its freeze command"
        refused = repository.run("catalog", "unlock", "lab", now=EVENING, expect=3)
        assert "is locked by" in refused.stderr
        assert "run 2" in refused.stderr
        unlocked = repository.run("catalog", "unlock", "lab", "--yes", now=EVENING)
        assert re.match(r"Unlocked lab; it was held by \S+ \(pid \d+\), run 2\.\n", unlocked.stdout)
        go_on.write_text("")
        out, err = process.communicate(timeout=60)
        assert process.returncode in (6, 7), (out, err)
        assert "taken away" in out + err
        oldest = "web@gold.hourly.20261122T1200Z"
        assert oldest in repository.run("list", "snapshots", now=EVENING).stdout, "it would have expired it next"
    finally:
        os.close(waiting)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.communicate()
    assert "is not locked" in repository.run("catalog", "unlock", "lab", now=EVENING).stderr
    assert repository.run("catalog", "unlock", "nowhere", "--yes", now=EVENING, expect=64)
    repository.run("catalog", "verify", now=EVENING)
    kinds = [entry["kind"] for entry in json.loads(repository.run("catalog", "export").stdout)["record"]]
    assert kinds.count("unlocked") == 1


def test_a_run_that_died_is_recorded_by_the_next(repository: Repository, tmp_path: Path) -> None:
    process = repository.start("apply", "--auto-approve", env={"SNAPPLAN_CRASH_AT": "apply.result.before"})
    process.communicate(timeout=60)
    assert process.returncode == 70
    repository.apply()
    first = repository.json("show", "run", "1")
    assert first["state"] == "interrupted"
    assert "intent" in {action["state"] for action in first["journal"]}
    repository.run("catalog", "verify")


def test_a_time_that_was_confirmed_by_mistake_is_taken_back(repository: Repository) -> None:
    repository.apply()
    repository.apply("2026-11-30T12:00:00Z")
    assert "SP306" in repository.apply(LATER, expect=3).stdout
    assert repository.json("catalog", "clock", now=LATER)["confirmed"] == "2026-11-30T12:00:00Z"
    repository.run("catalog", "clock", "--set", now=LATER, expect=64)
    repository.run("catalog", "clock", "--set", "--reason", "dead battery", now=LATER)
    assert "SP306" not in repository.apply(LATER).stdout
    repository.run("catalog", "verify", now=LATER)
    exported = json.loads(repository.run("catalog", "export", now=LATER).stdout)
    (entry,) = [entry for entry in exported["record"] if entry["kind"] == "clock"]
    assert "dead battery" in str(entry)
