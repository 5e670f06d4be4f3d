"""Why a snapshot is kept or expires: the rule, its place in the policy, and what would release it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.ids import format_instant
from snapplan.models.durations import format_duration
from snapplan.models.snapshot import Condition
from snapplan.planner.expiry import active_pin, expires_at, ordinal
from snapplan.planner.listing import Listed, listed, row

if TYPE_CHECKING:
    from datetime import datetime

    from snapplan.models.policy import Policy
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.world import World


class Explanation(NamedTuple):
    """What there is to say about one snapshot. ``lines`` are (word, sentence) pairs in the order of reading."""

    row: dict[str, Any]
    kept: bool
    lines: tuple[tuple[str, str], ...]

    def document(self) -> dict[str, Any]:
        """Return the row of ``list snapshots`` with ``kept`` and ``because`` added."""
        because = [{"word": word, "text": text} for word, text in self.lines]
        return {**self.row, "kept": self.kept, "because": because}


def explain(policy: Policy, world: World, now: datetime, address: str) -> Explanation | None:
    """Return why the snapshot at ``address`` is kept or expires; ``None`` where there is no such snapshot."""
    one = next((one for one in listed(policy, world, now) if one.snapshot.address == address), None)
    if one is None:
        return None
    kept = one.verdict is None or not one.verdict.expires
    return Explanation(row(one, now), kept, tuple(_lines(policy, one, now, kept=kept)))


def _lines(policy: Policy, one: Listed, now: datetime, *, kept: bool) -> list[tuple[str, str]]:
    snapshot, mark = one.snapshot, one.snapshot.mark
    lines = [("kept" if kept else "expires", one.reason)]
    if mark is not None and one.verdict is not None:
        lines.append(("rule", _rule(policy, one)))
        if one.verdict.position is not None and one.triple is not None:
            lines.append(("position", f"{ordinal(one.verdict.position)} newest; the newest {one.minimum} are held"))
        pin = mark.pin
        if pin is not None:
            end = format_instant(pin.until) if pin.until else "no end"
            lines.append(("pin", f"{pin.owner}: {pin.reason} ({end})"))
        lines.append(("expires", _when(one, now)))
        lines.append(("taken", f"{format_instant(snapshot.taken_at)} by run {mark.run}"))
    else:
        lines.append(("taken", format_instant(snapshot.taken_at)))
    if snapshot.quiesced is not None:
        lines.append(("quiesced", "yes" if snapshot.quiesced else "no"))
    if snapshot.consistent is not None:
        text = "yes" if snapshot.consistent else "no: something changed while it was captured"
        lines.append(("consistent", text))
    if snapshot.condition is not Condition.SOUND:
        lines.append((snapshot.condition.value.replace("_", "-"), _worth(snapshot)))
    if snapshot.contains:
        lines.append(("contains", ", ".join(snapshot.contains)))
    return lines


def _worth(snapshot: Snapshot) -> str:
    """Return what a snapshot that is not sound is good for, by the table of conditions."""
    standing = snapshot.standing
    words = {
        "counts for the minimum": standing.holds,
        "satisfies its slot": standing.satisfies,
        "can be restored by name": standing.restores,
        "expires by itself": standing.expires,
    }
    does = [word for word, holds in words.items() if holds]
    does_not = [f"not: {word}" for word, holds in words.items() if not holds]
    return f"{snapshot.flaw or 'it is not complete'}. " + "; ".join((*does, *does_not))


def _rule(policy: Policy, one: Listed) -> str:
    mark = one.snapshot.mark
    if mark is None or one.triple is None:
        key = mark.key if mark else ""
        where = policy.location("snapshots", key or "")
        return f"manual snapshot {key}" + (f"  {where}" if where else "")
    profile, period = one.triple.profile, one.triple.period
    text = f"profile {profile}, period {period}"
    if profile not in policy.profiles or period not in policy.profiles[profile].periods:
        return f"{text} (no longer in the policy)"
    where = policy.location("profiles", profile, "periods", period, "retention")
    return text + (f"  {where}" if where else "")


def _when(one: Listed, now: datetime) -> str:
    expiration = expires_at(one.snapshot)
    if expiration is None:
        return "never"
    if one.verdict is not None and one.verdict.code == "damaged":
        return "never by itself, as it is damaged; look at it, and remove it by hand"
    if one.verdict is not None and one.verdict.expires:
        return f"with the next apply; its time was {format_instant(expiration)}"
    if expiration > now:
        pin = active_pin(one.snapshot, now)
        if pin is not None and pin.until is None:
            return f"when the pin is taken away, and not before {format_instant(expiration)}"
        first = max(expiration, pin.until) if pin is not None and pin.until is not None else expiration
        held = f", unless it is then among the newest {one.minimum}" if one.minimum else ""
        return f"with the first apply after {format_instant(first)}{held}"
    over = format_duration(now - expiration)
    release = {
        "held": f"when {one.minimum} newer complete ones exist",
        "pinned": "when the pin is taken away or ends",
        "locked": "when the platform's lock ends",
        "in_use": "when it is no longer in use",
        "source": "when the restore is over",
    }
    code = one.verdict.code if one.verdict else ""
    return f"{release.get(code, 'later')}; it is {over} over"
