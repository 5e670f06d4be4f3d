"""The limits that hold: the stricter of what the policy says now and what the last confirmed apply said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snapplan.models.policy import Guards

DEFAULTS = {
    ("max_expire", "percent"): 20.0,
    ("max_expire", "per_day"): 500.0,
    ("max_expire_scheduled", "percent"): 20.0,
    ("max_unassign", "percent"): 10.0,
    ("inventory", "percent"): 20.0,
}


class Limit(NamedTuple):
    """``value`` holds; ``wanted`` is what the policy says, where the last apply's value is stricter."""

    value: float
    wanted: float | None = None

    @property
    def note(self) -> str:
        """Say that the policy's own value does not hold yet, or nothing."""
        return f"; {self.wanted:g} holds once an apply that nothing blocks has recorded it" if self.wanted else ""

    def of(self, whole: int, *, least: int) -> int:
        """Return the limit in per cent of ``whole`` as a number, ``least`` at the lowest; 0 per cent allows nothing."""
        return max(least, int(self.value * whole / 100)) if self.value else 0


Limits = dict[tuple[str, str], Limit]


def limits(guards: Guards, applied: Mapping[str, Any]) -> Limits:
    """Return every limit by guard and key.

    ``applied`` is ``Guards.model_dump(mode="json")`` of the last confirmed apply, empty where there was none. A key that it
    does not have counts with its default, which held then.
    """
    wanted = guards.model_dump(mode="json")
    return {key: _stricter(key, wanted, applied) for key in DEFAULTS}


def stricter_guards(one: Guards, other: Guards) -> dict[str, dict[str, float]]:
    """Return the stricter of two policies' values of every guard, as a policy writes them."""
    first, second = one.model_dump(mode="json"), other.model_dump(mode="json")
    found: dict[str, dict[str, float]] = {}
    for guard, key in DEFAULTS:
        value = min(_value((guard, key), first), _value((guard, key), second))
        found.setdefault(guard, {})[key] = int(value) if key == "per_day" else value
    return found


def _stricter(key: tuple[str, str], wanted: Mapping[str, Any], applied: Mapping[str, Any]) -> Limit:
    now = _value(key, wanted)
    before = _value(key, applied) if applied else now
    return Limit(now) if now <= before else Limit(before, now)


def _value(key: tuple[str, str], guards: Mapping[str, Any]) -> float:
    value = (guards.get(key[0]) or {}).get(key[1])
    return DEFAULTS[key] if value is None else float(value)
