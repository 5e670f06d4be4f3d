"""Which snapshots expire, and why the others are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.models.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from snapplan.models.snapshot import Pin, Snapshot


class Verdict(NamedTuple):
    """What is to become of a snapshot.

    ``code``: expired, incomplete (both expire); unexpired, held, pinned, locked, in_use, source, future, unfinished,
    damaged (all kept). ``position`` counts from the newest, from 1: a sound one among the sound ones of the triple, one
    with gaps among all that "latest" may be; ``None`` where it counts for no minimum. ``needs_new`` says that it may only
    expire if the snapshot planned in the same run is made, and is worth as much as it.
    """

    snapshot: Snapshot
    expires: bool
    code: str
    text: str
    position: int | None = None
    needs_new: bool = False


def age_order(snapshot: Snapshot) -> tuple[datetime, str]:
    """Return the key that sorts snapshots from oldest to newest, the same in every run."""
    return (snapshot.taken_at, snapshot.native_id)


def expires_at(snapshot: Snapshot) -> datetime | None:
    """Return when an owned snapshot expires (UTC); ``None`` is never."""
    return snapshot.mark.expires_at if snapshot.mark else None


def active_pin(snapshot: Snapshot, now: datetime) -> Pin | None:
    """Return the pin that holds a snapshot at ``now``, if any."""
    pin = snapshot.mark.pin if snapshot.mark else None
    return pin if pin is not None and (pin.until is None or pin.until > now) else None


def pin_text(pin: Pin) -> str:
    """Return who pinned a snapshot, until when and why."""
    until = f" until {pin.until:%Y-%m-%d %H:%MZ}" if pin.until else ""
    return f"pinned by {pin.owner}{until}: {pin.reason}"


def protection(snapshot: Snapshot, now: datetime, sources: Collection[str] = ()) -> tuple[str, str] | None:
    """Return what forbids that an owned, complete snapshot is deleted, as code and text, or ``None``.

    ``sources`` are the native ids that open restores need.
    """
    pin = active_pin(snapshot, now)
    if pin is not None:
        return "pinned", pin_text(pin)
    if snapshot.locked_until is not None and snapshot.locked_until > now:
        return "locked", f"locked by the platform until {snapshot.locked_until:%Y-%m-%d %H:%MZ}"
    if snapshot.in_use:
        return "in_use", f"in use: {snapshot.in_use}"
    if snapshot.native_id in sources:
        return "source", "a restore needs it"
    return None


def judge(
    snapshots: Iterable[Snapshot],
    minimum: int,
    now: datetime,
    *,
    new: bool = False,
    live_runs: Collection[str] = (),
    sources: Collection[str] = (),
) -> list[Verdict]:
    """Say for each owned snapshot of one (target, profile, period) whether it expires, and why.

    Counting from the newest, the first ``minimum`` sound ones are held even past their expiration, as VergeOS holds them
    ("Minimum Snapshots"); and the first ``minimum`` of all that a restore of "latest" may take, those with gaps among
    them, so that gaps for good neither drop the last whole one nor leave fewer than ``minimum``. ``new`` says that one
    more is planned in this run: it counts first. Snapshots dated after ``now`` count for nothing and stay; so do damaged
    ones. Returns one verdict per snapshot, oldest first.
    """
    verdicts: list[Verdict] = []
    sound = usable = 1 if new else 0
    for snapshot in sorted(snapshots, key=age_order, reverse=True):
        standing = snapshot.standing
        if snapshot.taken_at > now:
            verdicts.append(Verdict(snapshot, False, "future", "dated in the future; counts for nothing else"))
        elif snapshot.completed_at is None:
            verdicts.append(_judge_incomplete(snapshot, live_runs))
        elif not standing.expires:
            verdicts.append(Verdict(snapshot, False, "damaged", f"{snapshot.flaw}; it counts for nothing and stays"))
        else:
            sound += standing.holds
            usable += standing.latest
            position = sound if standing.holds else usable if standing.latest else None
            verdicts.append(_judge_complete(snapshot, position, minimum, now, new, sources))
    verdicts.reverse()
    return verdicts


def newest_sound(snapshots: Iterable[Snapshot], minimum: int, now: datetime) -> list[Snapshot]:
    """Return the newest sound snapshots of one (target, profile, period), which hold the minimum, newest first.

    At most ``minimum``, and the newest one in any case: an expiry of an older one is only right while they exist.
    """
    sound = [one for one in snapshots if one.standing.holds and one.taken_at <= now]
    return sorted(sound, key=age_order, reverse=True)[: max(1, minimum)]


def judge_manual(
    snapshot: Snapshot, now: datetime, *, live_runs: Collection[str] = (), sources: Collection[str] = ()
) -> Verdict:
    """Say whether an owned manual snapshot expires: by its own expiration, with no minimum."""
    return judge([snapshot], 0, now, live_runs=live_runs, sources=sources)[0]


def _judge_incomplete(snapshot: Snapshot, live_runs: Collection[str]) -> Verdict:
    if snapshot.mark is not None and snapshot.mark.run in live_runs:
        return Verdict(snapshot, False, "unfinished", f"run {snapshot.mark.run} is taking it")
    return Verdict(snapshot, True, "incomplete", "incomplete, and the run that took it is over")


def _judge_complete(
    snapshot: Snapshot, position: int | None, minimum: int, now: datetime, new: bool, sources: Collection[str]
) -> Verdict:
    expiration = expires_at(snapshot)
    if expiration is None:
        return Verdict(snapshot, False, "unexpired", "kept for ever", position)
    if expiration > now:
        text = f"expires in {format_duration(expiration - now)}"
        return Verdict(snapshot, False, "unexpired", text, position)
    over = f"{format_duration(now - expiration)} over"
    protected = protection(snapshot, now, sources)
    if protected is not None:
        return Verdict(snapshot, False, protected[0], f"{protected[1]} ({over})", position)
    if position is None:
        return Verdict(snapshot, True, "expired", f"{over}; {snapshot.flaw}; it counts for no minimum")
    if position <= minimum:
        return Verdict(snapshot, False, "held", f"{over}, held: {ordinal(position)} of {minimum}", position)
    text = f"{over}; {ordinal(position)} newest, the newest {minimum} are held" if minimum else over
    return Verdict(snapshot, True, "expired", text, position, new and position - 1 <= minimum)


def ordinal(number: int) -> str:
    """Return ``1st``, ``2nd``, ``3rd``, ``4th`` ..."""
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
