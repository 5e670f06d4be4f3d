"""The digest of a plan's meaning: equal for plans that do the same, whatever their texts and times of making."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from snapplan.models.plan import Verb, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from snapplan.models.plan import Action, Pending

MEANING = (
    *("verb", "backend", "target", "snapshot", "profile", "period", "slot", "expires_at", "change", "precondition"),
    *("foreseen", "blocked_by"),
)
MOVES_WITH_THE_CLOCK = frozenset({"snapshot", "slot", "expires_at"})


def digest(actions: Iterable[Action], pending: Iterable[Pending] = ()) -> str:
    """Return the digest of a plan with these actions and pending restores, as ``digest_of`` its document."""
    fields = (*MEANING, "reasons")
    document = {"actions": [{name: plain(getattr(action, name)) for name in fields} for action in actions]}
    return digest_of({**document, "pending": [plain(one) for one in pending]})


def digest_of(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what the actions of a plan document do, in hexadecimal; order and numbers do not count.

    Of a snapshot that is the first of its period, slot and name follow the moment of apply and do not count; of any
    snapshot with a retention the same holds for its expiration. Raises ``KeyError`` or ``TypeError`` where ``document`` is
    none. A pending restore counts that an apply completes.
    """
    meanings = sorted(json.dumps(_meaning(action), sort_keys=True) for action in document["actions"])
    completed = [one for one in document.get("pending", ()) if one["effect"] == "complete"]
    meanings += sorted(json.dumps([one["effect"], one["backend"], one["key"], one["run"]]) for one in completed)
    return hashlib.sha256("\n".join(meanings).encode()).hexdigest()


def _meaning(action: Mapping[str, Any]) -> dict[str, Any]:
    left_out: set[str] = set()
    if action["verb"] == Verb.SNAPSHOT:
        left_out.add("expires_at")
        if any(reason["code"] == "initial" for reason in action["reasons"]):
            left_out |= MOVES_WITH_THE_CLOCK
    return {name: action[name] for name in MEANING if name not in left_out}
