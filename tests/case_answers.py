"""What a behaviour case's ``expect`` may speak of: a plan, and how the snapshots of its world are listed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from case_platforms import platform_change

from snapplan.models.order import Focus
from snapplan.models.plan import Action, Plan, Verb, plain
from snapplan.models.policy import Policy
from snapplan.models.request import SnapshotRequest
from snapplan.models.world import World
from snapplan.planner.listing import Listed, listed

ALWAYS = frozenset({"snapshot", "expire", "restore", "change", "missed", "findings", "blocked"})
"""These must be as the case says, and empty where it does not name them. The others count where the case names them."""
PLAIN_VERDICTS = frozenset({"unexpired", "expired", "incomplete"})


def observed(plan: Plan, policy: Policy, world: World, now: datetime) -> dict[str, Any]:
    """Return all that a case's ``expect`` may name."""
    return {**_actions(plan), **_surroundings(plan), **_listing(listed(policy, world, now, Focus()))}


def filled(answers: dict[str, Any]) -> dict[str, Any]:
    """Return the answers that say that there is something."""
    return {name: answer for name, answer in answers.items() if answer}


def _actions(plan: Plan) -> dict[str, Any]:
    by_verb = {verb: [action for action in plan.actions if action.verb is verb] for verb in Verb}
    taken = [(a, a.request) for a in plan.actions if isinstance(a.request, SnapshotRequest)]
    return {
        "snapshot": sorted(short(a.snapshot) for a in by_verb[Verb.SNAPSHOT]),
        "expire": sorted(short(a.snapshot) for a in by_verb[Verb.EXPIRE]),
        "restore": {a.change["key"]: short(a.snapshot) for a in by_verb[Verb.RESTORE]},
        "change": {short(a.snapshot): _becomes(a.change) for a in by_verb[Verb.CHANGE]},
        "assign": {
            f"{a.target} {a.profile}": filled(
                {
                    **{word: a.change[word] for word in ("begins", "ends")},
                    "platform": platform_change(a),
                }
            )
            for a in by_verb[Verb.ASSIGN]
        },
        "profile": {" ".join(filter(None, [a.backend, a.profile])): _fate(a) for a in by_verb[Verb.PROFILE]},
        "missed": sorted(f"{_period(m.target, m.profile, m.period)}.{m.slot:%Y%m%dT%H%MZ}" for m in plan.missed),
        "because": {word(a): a.reasons[0].code for a in plan.actions},
        "says": {word(a): a.reasons[0].text for a in plan.actions},
        "after": {
            (short(a.snapshot) if a.snapshot else word(a)): sorted(word(plan.actions[number - 1]) for number in a.after)
            for a in plan.actions
            if a.after
        },
        "order": [word(a) for a in plan.actions],
        "blocked": {word(a): list(a.blocked_by) for a in plan.actions if a.blocked_by},
        "unforeseen": sorted(word(a) for a in plan.actions if not a.foreseen),
        "destructive": sorted(word(a) for a in plan.actions if not a.reversible),
        "sets": {short(a.snapshot): request.mark.set for a, request in taken if request.mark.set},
        "quiesce": {short(a.snapshot): str(request.quiesce) for a, request in taken if request.quiesce != "never"},
        "options": {
            short(a.snapshot): plain(_asked(request.options)) for a, request in taken if _asked(request.options)
        },
        "expires_at": {short(a.snapshot): _shown(request.mark.expires_at) for a, request in taken},
        "loses_since": {
            a.change["key"]: _shown(a.change["loses_since"])
            for a in by_verb[Verb.RESTORE]
            if a.change.get("loses_since")
        },
    }


def _surroundings(plan: Plan) -> dict[str, Any]:
    return {
        "findings": sorted({finding.code for finding in plan.diagnostics}),
        "guards": {guard.name: guard.state for guard in plan.guards if guard.state != "ok"},
        "exact_until": _shown(plan.exact_until) if plan.exact_until else None,
        "next_due": f"{_shown(plan.next_due.at)} {plan.next_due.target}" if plan.next_due else None,
        "pending": {one.key: one.effect for one in plan.pending},
        "drift": [f"{drifted.kind} {drifted.subject}" for drifted in plan.drift],
        "foreign": plan.summary.foreign,
        "keep": plan.summary.keep,
        "pinned": plan.summary.pinned,
        "orphans": plan.summary.orphan,
        "existing": [short(address) for address in plan.existing],
        "requests": {one.name: plain(one.requests) for one in plan.backends if one.requests},
        "told": [finding.summary for finding in plan.diagnostics if finding.code in ("SP443", "SP444")],
        "hints": {finding.code: finding.hint for finding in plan.diagnostics if finding.hint},
        "left_out": [backend.name for backend in plan.backends if backend.error],
        "impact": {
            one.target: {name: [_short_instant(each) for each in plain(getattr(one, name))] for name in IMPACT}
            for one in plan.impact
        },
    }


IMPACT = ("newest", "oldest", "count")


def _short_instant(value: object) -> object:
    return value.replace(":00Z", "Z") if isinstance(value, str) else value


def _listing(snapshots: list[Listed]) -> dict[str, Any]:
    """``kept``: why what could have expired stays; ``held``: how long over; ``states``: what ``list snapshots`` shows."""
    return {
        "kept": {
            short(one.snapshot.address): one.verdict.code if one.verdict else one.state
            for one in snapshots
            if one.verdict is None or one.verdict.code not in PLAIN_VERDICTS
        },
        "held": {
            short(one.snapshot.address): one.reason.partition(",")[0]
            for one in snapshots
            if one.verdict and one.verdict.code == "held"
        },
        "states": {short(one.snapshot.address): one.state for one in snapshots},
    }


def short(address: str | None) -> str:
    """``lab/volume/a@gold.daily.20261115T0200Z`` becomes ``daily.20261115T0200Z``; other targets keep theirs."""
    assert address is not None
    target, _, name = address.rpartition("@")
    name = name.removeprefix("gold.")
    return name if target in ("", "lab/volume/a") else f"{target}@{name}"


def word(action: Action) -> str:
    """``expire daily.20261115T0200Z``, ``restore CHG-1``, ``assign lab/volume/a gold``, ``profile gold``."""
    if action.verb is Verb.RESTORE:
        return f"restore {action.change['key']}"
    if action.snapshot is not None:
        return f"{action.verb} {short(action.snapshot)}"
    return " ".join(filter(None, [str(action.verb), action.target, action.profile]))


def _asked(options: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in options.items() if value not in (None, False, (), "full")}


def _fate(action: Action) -> str:
    if action.reasons[0].code == "adopted":
        return "adopted"
    if action.change["before"] is None:
        return "new"
    return "removed" if action.change["after"] is None else "changed"


def _becomes(change: dict[str, Any]) -> str:
    if "project" in change:
        return "adopted"
    if "locked" in change:
        return "locked" if change["locked"][1] else "unlocked"
    if "pin" in change:
        return "pinned" if change["pin"][1] else "unpinned"
    return "kept" if "deletes_at" in change else _shown(change["expires_at"][1])


def _period(target: str, profile: str, period: str) -> str:
    name = period if profile == "gold" else f"{profile}.{period}"
    return name if target == "lab/volume/a" else f"{target}@{name}"


def _shown(at: datetime | None) -> str:
    return "never" if at is None else f"{at:%Y-%m-%dT%H:%MZ}"
