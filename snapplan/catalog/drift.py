"""The sentences for what changed outside snapplan, each made in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.ids import format_instant
from snapplan.models.world import Drift

if TYPE_CHECKING:
    from datetime import datetime

    from snapplan.models.snapshot import Snapshot
    from snapplan.models.target import Target


def vanished_snapshot(address: str, seen_at: datetime) -> Drift:
    """A snapshot of ours was not there any more at a refresh."""
    return Drift("vanished", address, "was removed outside snapplan", seen_at)


def lost_mark(snapshot: Snapshot, seen_at: datetime) -> Drift:
    """A snapshot of ours carries our mark no more."""
    return Drift("unmarked", snapshot.address, "lost its mark and reads as foreign: snapplan keeps off it", seen_at)


def lost_period(snapshot: Snapshot, seen_at: datetime) -> Drift:
    """Nothing tells any more that the platform took a snapshot for a period of ours."""
    text = "reads as foreign: the period that took it is gone, or its profile has lost our mark or its target"
    return Drift("vanished", snapshot.address, text, seen_at)


def appeared(snapshot: Snapshot, run: str, seen_at: datetime) -> Drift:
    """A snapshot with our mark that this catalog did not record."""
    return Drift(
        "appeared", snapshot.address, f"is there, taken by run {run}, and this catalog did not know it", seen_at
    )


def expiration_differs(
    snapshot: Snapshot, decided: datetime | None, found: datetime | None, seen_at: datetime
) -> Drift:
    """The backend carries another expiration than the catalog decided."""
    text = f"expires {_when(found)} on the backend and {_when(decided)} in the catalog; the later counts"
    return Drift("expiration", snapshot.address, text, seen_at)


def vanished_target(address: str, seen_at: datetime) -> Drift:
    """A target with snapshots of ours was not there any more at a refresh."""
    return Drift("target_vanished", address, "is gone; its snapshots stay as orphans", seen_at)


def recreated_target(old: Target, seen_at: datetime) -> Drift:
    """A target of ours was replaced by another one of the same name."""
    text = "was made anew under the same name; the snapshots of the old one stay as orphans"
    return Drift("target_vanished", old.address, text, seen_at)


def renamed_target(old: Target, new: Target, seen_at: datetime) -> Drift:
    """A target has another name than before."""
    return Drift("renamed", new.address, f"was {old.address}; it is the same target", seen_at)


def moved_target(target: Target, before: str, seen_at: datetime) -> Drift:
    """A target lies elsewhere than the catalog knows: somebody put a link in its place, or in that of a folder above."""
    now = target.fingerprint.path if target.fingerprint is not None else ""
    text = f"is at {now}, and was at {before}; it is left alone until a person accepts it (SP310)"
    return Drift("moved", target.address, text, seen_at)


def _when(instant: datetime | None) -> str:
    return "never" if instant is None else f"at {format_instant(instant)}"
