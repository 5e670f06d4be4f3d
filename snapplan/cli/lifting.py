"""``--allow CODE --reason TEXT``: lifts a guard, or another refusal, for one run; both are recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

NO_BUDGET = "SP444"
"""Allowed, no budget of requests stops anything in this run (``--no-budget``)."""
OTHERS = frozenset({NO_BUDGET, "SP460", "SP507", "SP513"})
"""Besides that: a platform's profile for a target that came under another one's name, an older policy, and what a retention
that was shortened after the fact takes away. All else is guards."""
ACCEPTED = frozenset({"SP310"})
"""What is not lifted for a run: a person accepts the target (``snapplan accept``)."""


class Lifted(NamedTuple):
    """The codes that are lifted, and why."""

    codes: tuple[str, ...] = ()
    reason: str = ""


def lifted(codes: Sequence[str], reason: str | None, *, no_budget: bool = False) -> Lifted:
    """Return what the command line lifts; ``CommandLineError`` for what cannot be lifted, and without a reason."""
    from snapplan.codes import CODES
    from snapplan.errors import CommandLineError

    codes = (*codes, NO_BUDGET) if no_budget else codes
    if not codes:
        if reason is not None:
            raise CommandLineError("--reason says why something is allowed", hint="Give --allow CODE with it.")
        return Lifted()
    possible = sorted(OTHERS | {code for code in CODES if code.startswith("SP3")} - ACCEPTED)
    for code in codes:
        if code not in possible:
            raise CommandLineError(f"{code} cannot be allowed", hint=f"These can: {', '.join(possible)}.")
    if reason is None or not reason.strip():
        option = "--no-budget" if no_budget else "--allow"
        raise CommandLineError(f"{option} needs a reason, which is recorded", hint="Give it with --reason TEXT.")
    return Lifted(tuple(sorted(set(codes))), reason.strip())
