"""Which plan a run may carry out, which plans were used, and plans that wait to be approved.

Each function runs inside the caller's transaction. A plan that was made before (in a file, or saved here) is used once.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from snapplan.catalog import record
from snapplan.catalog.rows import EPOCH, seconds
from snapplan.errors import CatalogError, PlanStaleError
from snapplan.ids import format_instant, parse_instant
from snapplan.redaction import redact

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from snapplan.catalog.base import Approval, Owner

KEPT_DOCUMENTS = 50
KEPT_PLANS = 200
AGAIN = "Make a new plan with `snapplan plan --out`."
_DROP_DOCUMENTS = """
DELETE FROM approved_plan WHERE run NOT IN (SELECT run FROM approved_plan ORDER BY run DESC LIMIT ?1)
AND run NOT IN (
    SELECT run FROM approved_plan JOIN run ON run.number = run WHERE state != 'done' ORDER BY run DESC LIMIT ?1
)
"""


def approve(db: sqlite3.Connection, run: int, approval: Approval, now: datetime) -> None:
    """Record what a run may do; ``PlanStaleError`` where its plan was used, ``CatalogError`` for a run that is not open."""
    document = approval.document
    identity, digest = document["id"], document["digest"]
    row = db.execute("SELECT started_at, state FROM run WHERE number = ?", (run,)).fetchone()
    if row is None or row[1] != "running":
        raise CatalogError(f"run {run} is not open", hint="Start the command again.")
    if approval.resumes is not None:
        _check_resumed(db, approval.resumes, identity)
    elif approval.saved:
        _check_unused(db, run, document)
    text = compact(document)
    reason = record.storable(approval.reason)
    allowed = json.dumps(sorted(approval.allowed))
    db.execute(
        "UPDATE run SET plan_id = ?, plan_digest = ?, allowed = ?, reason = ? WHERE number = ?",
        (identity, digest, allowed, reason, run),
    )
    db.execute("INSERT OR REPLACE INTO approved_plan VALUES (?, ?)", (run, text))
    if document["actions"]:
        db.execute("INSERT OR IGNORE INTO used_plan VALUES (?, ?, ?, ?)", (identity, digest, run, row[0]))
    db.execute(_DROP_DOCUMENTS, (KEPT_DOCUMENTS,))
    record.append(db, "approved", run, _entry(approval, text, reason), now)


def _entry(approval: Approval, text: str, reason: str) -> dict[str, Any]:
    document = approval.document
    return {
        "plan": document["id"],
        "digest": document["digest"],
        "document": fingerprint(text),
        "counts": {verb: count for verb, count in document["summary"].items() if count},
        "uses": bool(document["actions"]),
        "saved": approval.saved,
        "resumes": approval.resumes,
        "allowed": sorted(approval.allowed),
        "reason": reason,
    }


def compact(document: Mapping[str, Any]) -> str:
    """Return the JSON of a plan without blanks, in its own order; what is not valid Unicode stays, escaped.

    A plan is made without secrets; one that slipped in is taken out, and then the plan is no longer the one approved.
    """
    text = json.dumps(document, separators=(",", ":"))
    return text if redact(text) == text else json.dumps(_redacted(document), separators=(",", ":"))


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: _redacted(item) for key, item in value.items()}
    return [_redacted(item) for item in value] if isinstance(value, (list, tuple)) else value


def fingerprint(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal."""
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


def _check_resumed(db: sqlite3.Connection, resumed: int, plan: str) -> None:
    row = db.execute("SELECT plan_id FROM run WHERE number = ?", (resumed,)).fetchone()
    if row is None or row[0] != plan:
        raise PlanStaleError(f"run {resumed} was not approved to carry out this plan", hint=AGAIN)


def _check_unused(db: sqlite3.Connection, run: int, document: Mapping[str, Any]) -> None:
    """Raise ``PlanStaleError`` where another run used the plan, or one of the same meaning since it was made."""
    used = db.execute("SELECT run, at FROM used_plan WHERE id = ? AND run != ?", (document["id"], run)).fetchone()
    if used is None:
        made_at = seconds(parse_instant(document["as_of"]))
        used = db.execute(
            "SELECT run, at FROM used_plan WHERE digest = ? AND at >= ? AND run != ? ORDER BY run LIMIT 1",
            (document["digest"], made_at, run),
        ).fetchone()
    if used is not None:
        when = format_instant(EPOCH + _seconds(used[1]))
        raise PlanStaleError(f"run {used[0]} of {when} used this plan; a plan is used once", hint=AGAIN)


def _seconds(number: float) -> timedelta:
    from datetime import timedelta

    return timedelta(seconds=number)


def approved_plan(db: sqlite3.Connection, run: int) -> dict[str, Any] | None:
    """Return the plan that a run was approved to carry out; ``None`` where there is none, or it is kept no longer."""
    row = db.execute("SELECT document FROM approved_plan WHERE run = ?", (run,)).fetchone()
    return None if row is None else json.loads(row[0])


def save_plan(db: sqlite3.Connection, document: Mapping[str, Any], owner: Owner, now: datetime) -> None:
    """Keep a plan under its digest; of two with the same meaning the later one stays."""
    row = (document["digest"], compact(document), seconds(now), str(record.storable_owner(owner)))
    db.execute("INSERT OR REPLACE INTO saved_plan VALUES (?, ?, ?, ?)", row)
    db.execute(
        "DELETE FROM saved_plan WHERE digest NOT IN (SELECT digest FROM saved_plan ORDER BY saved_at DESC, digest LIMIT ?)",
        (KEPT_PLANS,),
    )


def saved_plans(db: sqlite3.Connection, digest: str) -> list[dict[str, Any]]:
    """Return the plans whose digest begins with ``digest``, the one that was saved last first."""
    query = "SELECT document FROM saved_plan WHERE substr(digest, 1, ?) = ? ORDER BY saved_at DESC, digest"
    return [json.loads(text) for (text,) in db.execute(query, (len(digest), digest))]
