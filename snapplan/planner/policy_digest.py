"""The digest of what a policy means: equal for policies that resolve to the same, however they are written.

The canonical form is JSON with sorted keys and without blanks. In it are the configuration and the sections as they are
after files were merged and defaults filled in. Not in it are descriptions, objectives, comments, places, which files
there are and where the catalog lies. A secret stands in it as its reference, never as its value.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from snapplan.models.policy import Policy

NOT_MEANT = {"description"}


def policy_digest(policy: Policy) -> str:
    """Return the SHA-256 of the resolved policy, in hexadecimal."""
    meaning = {
        "config": policy.config.model_dump(mode="json", by_alias=True, exclude={"catalog", "include"}),
        "profiles": _section(policy.profiles),
        "assignments": _section(policy.assignments),
        "snapshots": _section(policy.snapshots),
        "restores": _section(policy.restores),
        "moved": [entry.model_dump(mode="json", by_alias=True) for entry in policy.moved],
    }
    text = json.dumps(meaning, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _section(entries: Mapping[str, BaseModel]) -> dict[str, Any]:
    return {name: entry.model_dump(mode="json", by_alias=True, exclude=NOT_MEANT) for name, entry in entries.items()}
