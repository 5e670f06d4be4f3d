"""What a guard says: its arithmetic, and the actions that it stops."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from snapplan.models.plan import GuardResult

OK, BLOCKED, ALLOWED = "ok", "blocked", "allowed"
MOST_NAMES = 20
"""So many targets are named in a guard's arithmetic; the plan itself names all."""


class Judgement(NamedTuple):
    """A guard's result, as if nothing were allowed, and the numbers of the actions that it stops."""

    result: GuardResult
    stops: frozenset[int] = frozenset()


def counted(number: int, noun: str) -> str:
    """Return ``1 target`` or ``2 targets``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def share(part: int, whole: int) -> float:
    """Return ``part`` of ``whole`` in per cent, with one decimal; of nothing it is 0."""
    return round(100 * part / whole, 1) if whole else 0.0
