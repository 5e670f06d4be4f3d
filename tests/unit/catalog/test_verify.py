"""Whatever is changed of the record, the runs or the used plans behind the catalog's back is found."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from snapplan.catalog.base import Catalog
from snapplan.catalog.open import open_catalog
from snapplan.catalog.owner import current_owner
from snapplan.catalog.prune import KEPT_SECONDS
from snapplan.catalog.verify import verify

from .samples import ACCEPTED, ELSEWHERE, NOW, accept, approval, begin, snapshot, take, unforeseen

MINUTE = timedelta(minutes=1)


def history(catalog: Catalog) -> None:
    """Leave all kinds of entries: run 1 did something, run 2 died, run 3 goes on."""
    run = begin(catalog)
    catalog.approve_run(run, approval(allowed=("SP301",), reason="CHG-1"), NOW)
    catalog.intent(run, take(), NOW)
    catalog.result(run, take(), "done", "", NOW, snapshot())
    catalog.result(run, unforeseen(2, snapshot("s2")), "done", "", NOW, None)
    catalog.end_run(run, "done", NOW + MINUTE, confirm=ACCEPTED)
    dead = catalog.begin_run("apply", current_owner({})._replace(boot_id="the-boot-before"), NOW, None).number
    catalog.intent(dead, take(), NOW)
    catalog.replace(catalog.state(), NOW)
    begin(catalog)
    catalog.acquire("dc1", 3, ELSEWHERE, NOW)
    catalog.unlock("dc1", ELSEWHERE, NOW)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    catalog = open_catalog("sqlite:///c.db", project="prod", base=tmp_path)
    history(catalog)
    catalog.close()
    return tmp_path / "c.db"


def verified(file: Path) -> list[str]:
    catalog = open_catalog(f"sqlite:///{file}", project="prod", base=file.parent, writable=False)
    try:
        return list(catalog.verify())
    finally:
        catalog.close()


@pytest.fixture
def tampered(file: Path) -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(file, isolation_level=None)
    yield db
    db.close()


def test_an_honest_catalog_has_nothing_to_tell(catalog: Catalog) -> None:
    assert catalog.verify() == []
    history(catalog)
    assert catalog.verify() == []
    kinds = [(row.kind, row.run) for row in catalog.records()]
    assert kinds == [
        ("created", None), ("begun", 1), ("approved", 1), ("ended", 1), ("begun", 2), ("rebuilt", None),
        ("ended", 2), ("begun", 3), ("unlocked", 3),
    ]  # fmt: skip


CHANGES = [
    ("UPDATE run SET user = 'eve' WHERE number = 1", "run 1: its user is 'eve' and the record says"),
    ("UPDATE run SET command = 'x' WHERE number = 1", "run 1: its command is 'x'"),
    ("UPDATE run SET policy_commit = NULL WHERE number = 1", "run 1: its policy commit is None"),
    ("UPDATE run SET started_at = 0 WHERE number = 1", "run 1: its started at is 0"),
    ("UPDATE run SET ended_at = 0 WHERE number = 1", "run 1: its ended at is 0"),
    ("UPDATE run SET state = 'failed' WHERE number = 1", "run 1: its state is 'failed' and the record says 'done'"),
    ("UPDATE run SET state = 'running' WHERE number = 2", "the record says 'interrupted'"),
    ("UPDATE run SET plan_digest = 'd2' WHERE number = 1", "run 1: its plan digest is 'd2'"),
    ("UPDATE run SET allowed = '[]' WHERE number = 1", "run 1: its allowed is '[]'"),
    ("UPDATE run SET reason = '' WHERE number = 1", "run 1: its reason is ''"),
    ("UPDATE approved_plan SET document = '{}'", "run 1: the plan that is kept is not the one"),
    ("DELETE FROM action WHERE run = 1 AND number = 1", "run 1: action 1 was removed"),
    ("UPDATE action SET state = 'x' WHERE run = 1 AND number = 1", "run 1: action 1 was changed in the journal (state)"),
    ("UPDATE action SET foreseen = 1 WHERE run = 1 AND number = 2", "action 2 was changed in the journal (foreseen)"),
    ("UPDATE action SET at = 0 WHERE run = 1 AND number = 2", "action 2 was changed in the journal (at)"),
    ("UPDATE run SET notices = '[\"x\"]' WHERE number = 2", "its notices is"),
    ("UPDATE action SET notices = '[\"x\"]' WHERE run = 2", "action 1 was changed in the journal (notices)"),
    ("UPDATE action SET text = 'x', target = 'y' WHERE run = 2", "action 1 was changed in the journal (target, text)"),
    ("INSERT INTO action SELECT 1, 9, verb, backend, target, snapshot, state, text, begun_at, at, foreseen, notices"
     " FROM action WHERE run = 2", "run 1: action 9 was added"),
    ("DELETE FROM used_plan", "plan p1 of run 1 reads as unused"),
    ("UPDATE used_plan SET run = 2", "plan p1 reads as used by another run"),
    ("INSERT INTO used_plan VALUES ('p9', 'd9', 1, 0)", "plan p9 reads as used by run 1"),
    ("UPDATE record SET body = replace(body, 'CHG-1', 'CHG-2')", "entry 3 of the record (approved of run 1) was changed"),
    ("UPDATE record SET at = 0 WHERE number = 4", "entry 4 of the record (ended of run 1) was changed"),
    ("UPDATE record SET kind = 'ended' WHERE number = 2", "entry 2 of the record (ended of run 1) was changed"),
    ("UPDATE record SET run = 2 WHERE number = 2", "entry 2 of the record (begun of run 2) was changed"),
    ("UPDATE record SET hash = 'x' WHERE number = 2", "entry 3 of the record does not follow"),
    ("UPDATE record SET body = 'x' WHERE number = 1", "entry 1 of the record (created) was changed"),
    ("DELETE FROM record WHERE number = 5", "the record lacks entry 5"),
    ("DELETE FROM record WHERE number > 5", "the record lacks entries 6 to 9, at its end"),
    ("DELETE FROM record", "the record lacks entries 1 to 9, at its end"),
    ("UPDATE meta SET record_hash = 'x'", "the end of the record is not the one"),
    ("UPDATE meta SET record_number = 8", "the end of the record is not the one"),
    ("PRAGMA foreign_keys = OFF; DELETE FROM approved_plan; DELETE FROM action; DELETE FROM run WHERE number = 1",
     "run 1 is in the record, and its row was removed"),
    ("INSERT INTO run (id, command, user, host, boot_id, pid, process_started, job, started_at, state)"
     " VALUES ('x', '', '', '', '', 0, '', '', 0, 'done')", "run 4 is not in the record"),
    ("PRAGMA foreign_keys = OFF; INSERT INTO action VALUES (77, 1, 'expire', '', '', '', 'done', '', 0, 0, 1, '[]')",
     "refers to a row of run that is not there"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "told"), CHANGES, ids=[change[:60] for change, _ in CHANGES])
def test_a_change_is_found_and_named(change: str, told: str, file: Path, tampered: sqlite3.Connection) -> None:
    assert verified(file) == []
    before = tampered.total_changes
    for statement in change.split("; "):
        tampered.execute(statement)
    assert tampered.total_changes > before
    found = verified(file)
    assert any(told in finding for finding in found), found
    assert len(found) <= 5, "one change does not bury the reader"


# What no entry vouches for: it says whether a process still runs, and how long an action took.
UNVOUCHED = {("run", "boot_id"), ("run", "process_started"), ("action", "begun_at")}


def mutations(file: Path) -> Iterator[tuple[str, str]]:
    """Yield each way of changing one value of a run, an action, a used plan or the record, as statement and name."""
    db = sqlite3.connect(file)
    for table in ("run", "action", "used_plan", "approved_plan", "record"):
        columns = [(row[1], row[5]) for row in db.execute(f"PRAGMA table_info({table})")]
        keys = [name for name, key in columns if key]
        for row in db.execute(f"SELECT {', '.join(keys)} FROM {table}").fetchall():
            where = " AND ".join(f"{name} = {value!r}" for name, value in zip(keys, row, strict=True))
            for name, _ in columns:
                if (table, name) not in UNVOUCHED:
                    flag = f"1 - {name}" if name == "foreseen" else f"1000 - {name}"
                    other = f"CASE typeof({name}) WHEN 'integer' THEN {flag} ELSE ifnull({name}, '') || 'x' END"
                    yield f"UPDATE {table} SET {name} = {other} WHERE {where}", f"{table}.{name}"
    db.close()


def test_each_value_that_is_changed_is_found(file: Path, tampered: sqlite3.Connection) -> None:
    changes = list(mutations(file))
    overlooked = []
    tampered.execute("PRAGMA foreign_keys = OFF")
    for statement, name in changes:
        tampered.execute("BEGIN")
        assert tampered.execute(statement).rowcount == 1
        if verify(tampered) == []:
            overlooked.append(f"{name}: {statement}")
        tampered.execute("ROLLBACK")
    assert overlooked == []
    assert len(changes) > 130
    print(f"{len(changes)} changed values were found")


def test_a_plausible_entry_that_nobody_understands_is_told(file: Path, tampered: sqlite3.Connection) -> None:
    from snapplan.catalog.record import append

    append(tampered, "ended", 1, {"actions": [1]}, NOW)
    append(tampered, "late", 2, {}, NOW)
    assert verified(file) == [
        "entry 10 of the record (ended of run 1) was changed",
        "entry 11 of the record (late of run 2) was changed",
    ]


def test_only_so_many_findings_are_told(file: Path, tampered: sqlite3.Connection) -> None:
    tampered.executemany("INSERT INTO used_plan VALUES (?, '', 1, 0)", [(f"x{n}",) for n in range(500)])
    found = verified(file)
    assert len(found) == 201
    assert found[-1] == "and more; only the first 200 are told"


def test_a_late_word_of_a_closed_run_is_vouched_for(catalog: Catalog) -> None:
    run = catalog.begin_run("apply", ELSEWHERE, NOW, None).number
    catalog.acquire("dc1", run, ELSEWHERE, NOW)
    catalog.intent(run, take(1), NOW)
    later = NOW + 10 * MINUTE
    catalog.acquire("dc1", begin(catalog, later), current_owner({}), later)
    assert catalog.runs()[-1].state == "interrupted"
    catalog.result(run, take(1), "failed", "the lease was lost", later, None)
    catalog.result(run, take(2), "not_tried", "", later, None)
    assert catalog.verify() == []
    catalog.end_run(run, "failed", later, confirm=None)
    assert catalog.verify() == []
    assert [row.kind for row in catalog.records() if row.run == run] == ["begun", "ended", "late", "late", "ended"]


def test_runs_that_are_pruned_for_their_age_are_no_finding(catalog: Catalog) -> None:
    run = begin(catalog)
    catalog.approve_run(run, approval(), NOW)
    catalog.result(run, take(), "done", "", NOW, snapshot())
    catalog.end_run(run, "done", NOW, confirm=None)
    held = begin(catalog)
    catalog.acquire("dc1", held, current_owner({}), NOW)
    catalog.end_run(held, "done", NOW, confirm=None)
    at = NOW + timedelta(seconds=KEPT_SECONDS)
    accept(catalog, at)
    assert catalog.run(run) is not None, "not yet"
    last = accept(catalog, at + MINUTE)
    assert [row.number for row in catalog.runs()] == [last, last - 1, held], "and the lease still names its last run"
    assert (catalog.journal(run), catalog.approved_plan(run)) == ([], None)
    assert catalog.verify() == []
    assert len([row for row in catalog.records() if row.run == run]) == 3


def test_old_missed_slots_are_pruned_with_the_runs(catalog: Catalog) -> None:
    from .samples import DAILY

    begin_and_end = accept(catalog)
    assert begin_and_end == 1
    catalog.record_missed([(DAILY, NOW), (DAILY, NOW + 10 * MINUTE)], NOW)
    accept(catalog, NOW + timedelta(seconds=KEPT_SECONDS) + MINUTE)
    assert [row.slot for row in catalog.missed()] == [NOW + 10 * MINUTE]
