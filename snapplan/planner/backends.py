"""What a plan says of the backends themselves: what was read, what was left out, how many requests it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.diagnostics import Diagnostic, Severity
from snapplan.models.plan import BackendSummary, RequestCount, Verb

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from snapplan.models.plan import Action
    from snapplan.models.target import Capabilities
    from snapplan.models.world import BackendState
    from snapplan.planner.context import Context


def summaries(context: Context, actions: Sequence[Action]) -> tuple[BackendSummary, ...]:
    """Return a summary of each backend, by name."""
    return tuple(
        BackendSummary(
            name,
            len(state.targets),
            len(state.snapshots),
            None if state.error is None else state.error.text,
            state.identity,
            _requests(state, [action for action in actions if action.backend == name and not action.blocked_by]),
            "" if state.error is None else state.error.hint,
            0 if state.error is None else state.error.exit_code,
        )
        for name, state in sorted(context.world.backends.items())
    )


def findings(context: Context, actions: Sequence[Action]) -> list[Diagnostic]:
    """Return what there is to say of the backends: those left out, what a listing came with, a budget that is too small."""
    found = []
    for name, state in sorted(context.world.backends.items()):
        found += [
            *_left_out(state),
            *(Diagnostic("SP443", Severity.WARNING, f"backend {name!r}: {notice}") for notice in state.notices),
            *(Diagnostic(each.code, Severity.WARNING, each.text, hint=each.hint) for each in state.attention),
            *(_unmarked(drift.subject) for drift in state.drift if drift.kind == "unmarked"),
            *_too_many(state, [action for action in actions if action.backend == name and not action.blocked_by]),
        ]
    return found


def cost(action: Action, capabilities: Capabilities) -> int:
    """Return about how many requests an action takes; what is only recorded in the catalog takes none."""
    if action.verb in (Verb.PROFILE, Verb.ASSIGN) and getattr(action.request, "platform", None) is None:
        return 0
    scope = (action.target or "").split("/")[1:2]
    costs = capabilities.request_costs
    found = costs.get(f"{action.verb}.{scope[0]}") if scope else None
    return costs.get(str(action.verb), 1) if found is None else found


def _requests(state: BackendState, actions: Sequence[Action]) -> RequestCount | None:
    """Return the requests of a plan and of its apply, which reads once more; ``None`` where nothing limits them."""
    capabilities = state.capabilities
    if not capabilities.requests_per_hour or state.error is not None:
        return None
    needed = state.requests + sum(cost(action, capabilities) for action in actions)
    return RequestCount(state.requests, needed, state.requests_spent, capabilities.requests_per_hour)


def _left_out(state: BackendState) -> Iterator[Diagnostic]:
    if state.error is not None:
        yield Diagnostic(
            state.error.code,
            Severity.WARNING,
            f'backend "{state.name}" is skipped: {state.error.text}',
            detail="No actions are planned for it and none of its snapshots count as missing.",
            hint=state.error.hint,
        )


def _unmarked(address: str) -> Diagnostic:
    return Diagnostic(
        "SP466",
        Severity.WARNING,
        f"{address} has lost its mark: somebody edited its description",
        detail="It counts as foreign: it is never expired, and lets no older one expire.",
        hint=f"snapplan adopt '{address}' --expires WHEN makes it ours again, as a manual snapshot",
    )


def _too_many(state: BackendState, actions: Sequence[Action]) -> Iterator[Diagnostic]:
    """Say where an apply would run into the limit, and how far it gets before."""
    requests = _requests(state, actions)
    if requests is None or requests.spent + requests.apply <= requests.limit:
        return
    left = requests.limit - requests.spent - requests.read
    fitting = costly = 0
    for action in actions:
        needed = cost(action, state.capabilities)
        costly += bool(needed)
        left -= needed
        fitting += bool(needed) and left >= 0
    if costly:
        yield Diagnostic(
            "SP444",
            Severity.WARNING,
            f"backend {state.name!r}: apply will stop after about {fitting:,} of {costly:,} actions and go on next hour",
            detail=f"It needs about {requests.apply:,} requests; {requests.spent:,} of {requests.limit:,} of the last hour"
            " are used.",
            hint="snapplan apply again, or apply --resume RUN, goes on when there is room",
        )
