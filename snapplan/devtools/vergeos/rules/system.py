"""A simulated system: its rows, its bytes, its time, and what is due later."""

from __future__ import annotations

import hashlib
import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.devtools.vergeos.store import Store
from snapplan.devtools.vergeos.tables.schema import offered

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from snapplan.devtools.vergeos.rules.switches import Switches
    from snapplan.devtools.vergeos.tables.shape import Key, Row, Table
    from snapplan.devtools.vergeos.tables.version import Version

DAY = 86_400
# The log keeps 25,000 entries (the platform's documentation of its log).
MOST_LOGS = 25_000


@dataclass(frozen=True)
class Timings:
    """How long the platform takes, in seconds. All are ours: the documentation gives none but ``request``'s minimum."""

    blank: int = 1
    building: int = 5
    recover: int = 3
    provision: int = 10
    request: int = 15
    find: int = 0


class Event(NamedTuple):
    """Something that falls due; ``order`` keeps those of one second in the order of their scheduling."""

    due: int
    order: int
    kind: str
    table: str
    key: Key


class Blobs:
    """Bytes by their SHA-256: copies of a drive cost nothing, and equal digests prove equal bytes."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def put(self, content: bytes) -> str:
        """Keep bytes; returns their digest."""
        digest = hashlib.sha256(content).hexdigest()
        self.held[digest] = content
        return digest

    def get(self, digest: str | None) -> bytes:
        """Return bytes by their digest; none for None."""
        return self.held[digest] if digest else b""


@dataclass
class System:
    """A system of the platform. Time is epoch seconds in UTC and only moves when ``events.advance`` moves it."""

    version: Version
    switches: Switches
    now: int
    zone: ZoneInfo
    timings: Timings = field(default_factory=Timings)
    actor: str = "admin"
    blobs: Blobs = field(default_factory=Blobs)
    tables: Mapping[str, Table] = field(init=False)
    store: Store = field(init=False)
    agenda: list[Event] = field(default_factory=list)
    scheduled: int = 0
    # Row of the profile's period that ran last, by profile: old versions run one of two that are due together.
    ran: dict[Key, int] = field(default_factory=dict)
    receipts: dict[str, int] = field(default_factory=dict)
    # Images of VMs that are still right, by VM: system snapshots take all of them every hour.
    images: dict[Key, tuple[int, Mapping[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tables = offered(self.version, self.switches)
        self.store = Store(self.tables, self.switches["key_reuse"])

    def configure(self, values: Mapping[str, str]) -> None:
        """Set switches; tables and columns that depend on them appear and vanish, rows stay."""
        self.switches.update(values)
        for name, table in offered(self.version, self.switches).items():
            if name in self.store.tables:
                self.store.redefine(table)
            else:
                self.store.add_table(table)
        self.store.key_reuse = self.switches["key_reuse"]
        self.tables = offered(self.version, self.switches)

    def later(self, due: int, kind: str, table: str, key: Key) -> None:
        """Note what falls due; the handler must find out whether it still applies."""
        self.scheduled += 1
        heapq.heappush(self.agenda, Event(due, self.scheduled, kind, table, key))

    def row(self, table: str, key: Any) -> Row | None:
        """Return a row by its key, or None."""
        return self.store.get(table, key)

    def log(self, level: str, text: str, object_type: str, object_name: str) -> None:
        """Write a row of the log, in microseconds as the platform does, and drop the oldest beyond its limit."""
        entry = {"level": level, "text": text, "timestamp": self.now * 1_000_000, "user": self.actor}
        self.store.insert("logs", {**entry, "object_type": object_type, "object_name": object_name})
        rows = self.store.rows("logs")
        if len(rows) > MOST_LOGS:
            self.store.remove("logs", next(iter(rows)))

    def identity(self, table: str, key: Key) -> str:
        """Return 40 hexadecimal digits that are the same in every run and different for every row ever made."""
        self.scheduled += 1
        return hashlib.sha1(f"{table}/{key}/{self.scheduled}".encode(), usedforsecurity=False).hexdigest()

    def receipt(self, table: str) -> int:
        """Return the next number of an action's receipt."""
        self.receipts[table] = self.receipts.get(table, 0) + 1
        return self.receipts[table]


def uuid_text(digest: str) -> str:
    """Return the UUID form of hexadecimal digits."""
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
