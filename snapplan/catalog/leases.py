"""The lease of a backend: who may change it now, and how the next one takes over from an owner that is gone.

Each function runs inside the caller's transaction. On one boot of one kernel the age of a heartbeat is measured by the
clock that never steps; between machines by the wall clock. A live owner whose heartbeat is too old is paused: it is
taken over from, and its token fences it off when it wakes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.catalog import record
from snapplan.catalog.base import Lease, Owner
from snapplan.catalog.owner import boot_id, is_alive
from snapplan.catalog.rows import Instants, seconds
from snapplan.clock import monotonic
from snapplan.errors import FencedError, LockedError

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

LEASE_SECONDS = 60
RENEW_SECONDS = 20
_HELD = """
SELECT token, held, run, heartbeat_at, beat, user, host, boot_id, pid, process_started, job FROM lease WHERE backend = ?
"""


class Held(NamedTuple):
    """A row of the table of leases."""

    token: int
    held: bool
    run: int
    heartbeat_at: float
    beat: float
    owner: Owner


def _held(db: sqlite3.Connection, backend: str) -> Held | None:
    row = db.execute(_HELD, (backend,)).fetchone()
    if row is None:
        return None
    token, held, run, heartbeat_at, beat, *owner = row
    return Held(token, bool(held), run, heartbeat_at, beat, Owner(*owner))


def is_valid(lease: Held, now: datetime) -> bool:
    """Whether the lease still keeps others out at ``now``."""
    if not lease.held:
        return False
    alive = is_alive(lease.owner)
    if alive is False:
        return False
    if lease.owner.boot_id and lease.owner.boot_id == boot_id():
        return 0 <= monotonic() - lease.beat < LEASE_SECONDS
    age = seconds(now) - lease.heartbeat_at
    return -LEASE_SECONDS < age < LEASE_SECONDS


def acquire(db: sqlite3.Connection, backend: str, run: int, owner: Owner, now: datetime) -> tuple[Lease, int | None]:
    """Take the lease; return it and the run that it was taken over from, if any.

    Raises ``LockedError`` when another run holds it.
    """
    earlier = _held(db, backend)
    if earlier is not None and earlier.run != run and is_valid(earlier, now):
        raise LockedError(backend, _holder(earlier), hint="Wait for it, or see --lock-timeout.")
    token = 1 if earlier is None else earlier.token + 1
    db.execute(
        "INSERT OR REPLACE INTO lease VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (backend, token, run, seconds(now), monotonic(), *record.storable_owner(owner)),
    )
    taken_from = earlier.run if earlier is not None and earlier.held and earlier.run != run else None
    return Lease(backend, token, run), taken_from


def renew(db: sqlite3.Connection, lease: Lease, now: datetime) -> None:
    """Prolong the lease; raise ``FencedError`` when it is no longer ours."""
    changed = db.execute(
        "UPDATE lease SET heartbeat_at = ?, beat = ? WHERE backend = ? AND token = ? AND held",
        (seconds(now), monotonic(), lease.backend, lease.token),
    ).rowcount
    if not changed:
        raise _fenced(db, lease)


def needs_renewal(db: sqlite3.Connection, lease: Lease) -> bool:
    """Whether the heartbeat is old; raise ``FencedError`` when the lease is no longer ours."""
    row = db.execute(
        "SELECT beat FROM lease WHERE backend = ? AND token = ? AND held", (lease.backend, lease.token)
    ).fetchone()
    if row is None:
        raise _fenced(db, lease)
    return not 0 <= monotonic() - row[0] < RENEW_SECONDS


def prolong(db: sqlite3.Connection, lease: Lease) -> None:
    """Prolong the lease by what passed on the clock that never steps; raise ``FencedError`` when it is not ours."""
    changed = db.execute(
        "UPDATE lease SET heartbeat_at = heartbeat_at + max(0, ?1 - beat), beat = ?1"
        " WHERE backend = ?2 AND token = ?3 AND held",
        (monotonic(), lease.backend, lease.token),
    ).rowcount
    if not changed:
        raise _fenced(db, lease)


def _fenced(db: sqlite3.Connection, lease: Lease) -> FencedError:
    now_held = _held(db, lease.backend)
    if now_held is None or not now_held.held:
        return FencedError(f"the lease of backend {lease.backend!r} was taken away; nothing more is done")
    return FencedError(f"{now_held.owner} took over backend {lease.backend!r}; nothing more is done")


def release(db: sqlite3.Connection, lease: Lease) -> None:
    """Give the lease back; the row stays, so that the token goes on rising."""
    db.execute("UPDATE lease SET held = 0 WHERE backend = ? AND token = ?", (lease.backend, lease.token))


def unlock(db: sqlite3.Connection, backend: str, owner: Owner, now: datetime) -> str | None:
    """End the lease whoever holds it; return who did, if anybody. The token rises, so that the holder is fenced off."""
    held = _held(db, backend)
    if held is None or not held.held:
        return None
    holder = _holder(held)
    db.execute("UPDATE lease SET held = 0, token = token + 1 WHERE backend = ?", (backend,))
    owner = record.storable_owner(owner)
    who = {"user": owner.user, "host": owner.host, "pid": owner.pid, "job": owner.job}
    record.append(db, "unlocked", held.run, {"backend": backend, "holder": holder, **who}, now)
    return holder


def load_leases(db: sqlite3.Connection, now: datetime) -> list[tuple[str, str, datetime, bool]]:
    """Return each held lease as backend, holder, last heartbeat and whether it still keeps others out."""
    instants = Instants()
    backends = [backend for (backend,) in db.execute("SELECT backend FROM lease WHERE held ORDER BY 1").fetchall()]
    leases = [(backend, held) for backend in backends if (held := _held(db, backend)) is not None]
    return [(backend, _holder(held), instants[held.heartbeat_at], is_valid(held, now)) for backend, held in leases]


def _holder(held: Held) -> str:
    return f"{held.owner}, run {held.run}"


def live_run_numbers(db: sqlite3.Connection, now: datetime) -> set[int]:
    """Return the runs that hold a valid lease."""
    backends = [backend for (backend,) in db.execute("SELECT backend FROM lease WHERE held").fetchall()]
    leases = (_held(db, backend) for backend in backends)
    return {lease.run for lease in leases if lease is not None and is_valid(lease, now)}
