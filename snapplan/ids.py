"""Addresses of targets and snapshots: parse and format.

``BACKEND/SCOPE/NAME`` splits at the first two slashes, so that a name may hold more; ``BACKEND/cloud`` has no name; a
snapshot follows the last ``@``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

from snapplan.models.target import Scope

BACKEND_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}\Z")
KEY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}\Z")


class TargetAddress(NamedTuple):
    """``dc1/vm/web-01``."""

    backend: str
    scope: Scope
    name: str

    def __str__(self) -> str:
        return f"{self.backend}/{self.scope}/{self.name}" if self.name else f"{self.backend}/{self.scope}"


class SnapshotAddress(NamedTuple):
    """``dc1/vm/web-01@gold.daily.20261122T0200Z``."""

    target: TargetAddress
    name: str

    def __str__(self) -> str:
        return f"{self.target}@{self.name}"


def parse_target(text: str) -> TargetAddress:
    """Return the target that ``text`` names; raise ``ValueError`` with a sentence that says what is wrong."""
    backend, _, rest = text.partition("/")
    scope_text, slash, name = rest.partition("/")
    if not BACKEND_NAME.match(backend):
        raise ValueError(f"{text!r} is not BACKEND/SCOPE/NAME: {backend!r} is not a backend's name")
    try:
        scope = Scope(scope_text)
    except ValueError:
        scopes = ", ".join(Scope)
        raise ValueError(f"{text!r} is not BACKEND/SCOPE/NAME: the scope is one of {scopes}") from None
    if scope is Scope.CLOUD and slash:
        raise ValueError(f"{text!r}: the cloud scope is the whole system and has no name; write {backend}/cloud")
    if scope is not Scope.CLOUD and not name:
        raise ValueError(f"{text!r} is not BACKEND/SCOPE/NAME: the name is missing")
    return TargetAddress(backend, scope, name)


def parse_snapshot(text: str) -> SnapshotAddress:
    """Return the snapshot that ``text`` names; raise ``ValueError`` with a sentence that says what is wrong."""
    target, at, name = text.rpartition("@")
    if not at or not name:
        raise ValueError(f"{text!r} is not TARGET@SNAPSHOT")
    return SnapshotAddress(parse_target(target), name)


def format_instant(instant: datetime) -> str:
    """Return ``2026-11-22T02:00:00Z``."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_instant(text: str) -> datetime:
    """Return an instant in UTC; raise ``ValueError`` where ``text`` has no offset, as a local time names no instant."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no UTC offset; write for example {text}Z")
    return instant.astimezone(UTC)


def compact_instant(instant: datetime) -> str:
    """Return ``20261122T0200Z``, as names carry it. Slots are whole minutes."""
    return instant.astimezone(UTC).strftime("%Y%m%dT%H%MZ")
