"""Looks for damage and for changes that no run made. Each function runs inside the caller's transaction and reads only.

The record vouches for the runs, their journals and the plans that were used. A run whose row was removed because of its age
is no finding; one that is younger is.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.catalog import record
from snapplan.catalog.approvals import fingerprint
from snapplan.catalog.prune import KEPT_SECONDS
from snapplan.catalog.runs import recorded_actions

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

MOST_FINDINGS = 200


class Vouched(NamedTuple):
    """What the record says of one run: its newest entry of each kind, and its journal by the numbers of the actions."""

    begun: dict[str, Any]
    approved: dict[str, Any]
    ended: dict[str, Any]
    actions: dict[int, dict[str, Any]]


class Reading:
    """One reading of the record: what is wrong with it, and what it says of each run.

    ``before`` is the number of the last run that is older than the record. ``unclear`` are the runs of entries that were
    changed: nothing vouches for them. Journals are kept of ``runs`` only.
    """

    def __init__(self, runs: set[int]) -> None:
        self.before = 0
        self.unclear: set[int] = set()
        self.vouched: dict[int, Vouched] = {}
        self._runs = runs

    def findings(self, db: sqlite3.Connection) -> Iterator[str]:
        """Read the record, and yield in sentences what is wrong with it."""
        number, previous = 0, record.START
        for entry in record.entries(db):
            if entry.number != number + 1:
                yield f"the record lacks {_span(number + 1, entry.number - 1)}"
            elif entry.previous != previous:
                yield f"entry {entry.number} of the record does not follow the one before it"
            if record.chained(entry.previous, *entry[:5]) != entry.hash or not self._understood(entry):
                yield f"entry {entry.number} of the record ({entry.kind}{_of(entry.run)}) was changed"
                self.unclear.update(() if entry.run is None else (entry.run,))
            number, previous = entry.number, entry.hash
        newest, head = record.head(db)
        if newest > number:
            yield f"the record lacks {_span(number + 1, newest)}, at its end"
        elif (newest, head) != (number, previous):
            yield "the end of the record is not the one that the catalog knows"

    def _understood(self, entry: record.Entry) -> bool:
        try:
            self._learn(entry, json.loads(entry.body))
        except (ValueError, KeyError, TypeError, AttributeError):
            return False
        return True

    def _learn(self, entry: record.Entry, body: dict[str, Any]) -> None:
        if entry.kind == "created":
            self.before = int(body["runs_before"])
        if entry.run is None or entry.kind not in ("begun", "approved", "ended", "late"):
            return
        vouched = self.vouched.setdefault(entry.run, Vouched({}, {}, {}, {}))
        if entry.kind == "ended":
            vouched.actions.clear()
        actions = [body["action"]] if entry.kind == "late" else body.pop("actions", [])
        if entry.run in self._runs:
            vouched.actions.update((action["number"], action) for action in actions)
        if entry.kind != "late":
            said: dict[str, Any] = getattr(vouched, entry.kind)
            said.clear()
            said.update(body, at=entry.at)


def verify(db: sqlite3.Connection) -> list[str]:
    """Return in sentences what is wrong; at most 200, and then that there is more."""
    found: list[str] = []
    for finding in _findings(db):
        if len(found) == MOST_FINDINGS:
            return [*found, f"and more; only the first {MOST_FINDINGS} are told"]
        found.append(finding)
    return found


def _findings(db: sqlite3.Connection) -> Iterator[str]:
    for (text,) in db.execute("PRAGMA integrity_check").fetchall():
        if text != "ok":
            yield f"the file is damaged: {text}"
    for table, key, parent, _ in db.execute("PRAGMA foreign_key_check").fetchall():
        yield f"table {table}: row {key} refers to a row of {parent} that is not there"
    reading = Reading({number for (number,) in db.execute("SELECT number FROM run")})
    yield from reading.findings(db)
    yield from _runs(db, reading)
    yield from _used_plans(db, reading.vouched)


def _span(first: int, last: int) -> str:
    return f"entry {first}" if first == last else f"entries {first} to {last}"


def _of(run: int | None) -> str:
    return "" if run is None else f" of run {run}"


def _runs(db: sqlite3.Connection, reading: Reading) -> Iterator[str]:
    columns = "number, id, command, user, host, pid, job, policy_commit, started_at, ended_at, state"
    columns += ", plan_id, plan_digest, allowed, reason, notices"
    newest = db.execute("SELECT ifnull(max(at), 0) FROM record").fetchone()[0]
    there: set[int] = set()
    for row in db.execute(f"SELECT {columns} FROM run ORDER BY number").fetchall():
        values = dict(zip(columns.split(", "), row, strict=True))
        number = values["number"]
        there.add(number)
        if number in reading.unclear or number <= reading.before:
            continue
        if number in reading.vouched:
            yield from _run(db, values, reading.vouched[number])
        else:
            yield f"run {number} is not in the record"
    for number, vouched in sorted(reading.vouched.items()):
        ended_at = vouched.ended.get("at", newest)
        if number not in there and number > reading.before and ended_at > newest - KEPT_SECONDS:
            yield f"run {number} is in the record, and its row was removed"


def _run(db: sqlite3.Connection, row: Mapping[str, Any], vouched: Vouched) -> Iterator[str]:
    number = row["number"]
    for name, said in _said(vouched).items():
        if row[name] != said:
            yield f"run {number}: its {name.replace('_', ' ')} is {row[name]!r} and the record says {said!r}"
    kept = db.execute("SELECT document FROM approved_plan WHERE run = ?", (number,)).fetchone()
    if kept is not None and fingerprint(kept[0]) != vouched.approved.get("document"):
        yield f"run {number}: the plan that is kept is not the one that was approved"
    if vouched.ended:
        yield from _journal(number, {a["number"]: a for a in recorded_actions(db, number)}, vouched.actions)


def _said(vouched: Vouched) -> dict[str, Any]:
    """Return what the record says of the columns of a run."""
    begun, approved, ended = vouched.begun, vouched.approved, vouched.ended
    said = {name: begun[name] for name in ("id", "command", "user", "host", "pid", "job") if begun}
    if begun:
        said |= {"policy_commit": begun["commit"], "started_at": begun["at"]}
    said |= {"plan_id": approved.get("plan"), "plan_digest": approved.get("digest")}
    said |= {"allowed": json.dumps(approved.get("allowed", [])), "reason": approved.get("reason", "")}
    said["notices"] = json.dumps(ended.get("notices", []))
    return said | {"state": ended.get("state", "running"), "ended_at": ended.get("at")}


def _journal(run: int, found: Mapping[int, Mapping[str, Any]], said: Mapping[int, Mapping[str, Any]]) -> Iterator[str]:
    for number in sorted(found.keys() | said.keys()):
        if number not in found:
            yield f"run {run}: action {number} was removed from the journal"
        elif number not in said:
            yield f"run {run}: action {number} was added to the journal"
        elif found[number] != said[number]:
            names = [
                name
                for name in dict.fromkeys((*said[number], *found[number]))
                if found[number].get(name) != said[number].get(name)
            ]
            yield f"run {run}: action {number} was changed in the journal ({', '.join(names)})"


def _used_plans(db: sqlite3.Connection, runs: Mapping[int, Vouched]) -> Iterator[str]:
    """Compare the plans that were used with what was approved; the first run that was approved for a plan used it."""
    said: dict[str, tuple[str, int, float | None]] = {}
    for number, vouched in sorted(runs.items()):
        if vouched.approved.get("uses"):
            used = (vouched.approved["digest"], number, vouched.begun.get("at"))
            said.setdefault(vouched.approved["plan"], used)
    query = "SELECT id, digest, run, at FROM used_plan"
    found = {identity: (digest, run, at) for identity, digest, run, at in db.execute(query)}
    for identity in sorted(found.keys() | said.keys()):
        if identity not in found:
            yield f"plan {identity} of run {said[identity][1]} reads as unused, and the record says that it was used"
        elif identity not in said:
            yield f"plan {identity} reads as used by run {found[identity][1]}, and the record does not know of it"
        elif found[identity] != said[identity]:
            yield f"plan {identity} reads as used by another run, time or digest than the record says"
