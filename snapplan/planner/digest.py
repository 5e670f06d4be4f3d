"""The digest of a plan's meaning: equal for plans that do the same, whatever their texts and times of making."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from snapplan.models.plan import Verb, plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from snapplan.models.plan import Action

MEANING = ("verb", "backend", "target", "snapshot", "profile", "period", "slot", "expires_at", "change", "precondition")
MOVES_WITH_THE_CLOCK = frozenset({"snapshot", "slot", "expires_at"})


def digest(actions: Iterable[Action]) -> str:
    """Return the SHA-256 of what the actions do, in hexadecimal; their order and numbers do not count.

    Of a snapshot that is the first of its period, slot and name follow the moment of apply and do not count; of any
    snapshot with a retention the same holds for its expiration.
    """
    meanings = sorted(json.dumps(_meaning(action), sort_keys=True) for action in actions)
    return hashlib.sha256("\n".join(meanings).encode()).hexdigest()


def _meaning(action: Action) -> dict[str, Any]:
    left_out: set[str] = set()
    if action.verb is Verb.SNAPSHOT:
        left_out.add("expires_at")
        if any(reason.code == "initial" for reason in action.reasons):
            left_out |= MOVES_WITH_THE_CLOCK
    return {name: plain(getattr(action, name)) for name in MEANING if name not in left_out}
