"""About how many requests an action takes: what the plan shows, and what the budget of an hour is asked for."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUEST_COSTS: Mapping[str, int] = MappingProxyType(
    {
        "snapshot": 3,
        "snapshot.cloud": 6,
        "change": 3,
        "expire": 2,
        "restore": 12,
        "assign": 1,
        "profile": 12,
    }
)
"""By ``VERB.SCOPE`` or ``VERB``: reading what it is about, writing, and reading back."""


def cost_of(verb: str, scope: str = "") -> int:
    """Return about how many requests an action takes."""
    return REQUEST_COSTS.get(f"{verb}.{scope}", REQUEST_COSTS[verb])
