"""Pins, ordered on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.diagnostics import Diagnostic
from snapplan.models.plan import Reason, Verb
from snapplan.models.request import ChangeRequest
from snapplan.planner.addressed import owned_at
from snapplan.planner.keeping import outlasts
from snapplan.planner.steps import precondition

if TYPE_CHECKING:
    from snapplan.models.order import PinOrder
    from snapplan.planner.context import Context, Draft


def add_pins(context: Context, draft: Draft) -> None:
    """Add the changes that set or take away a pin; a pin stands in the mark before anything else is done."""
    for order in context.orders.pins:
        snapshot = owned_at(context, order.snapshot)
        if isinstance(snapshot, Diagnostic):
            draft.diagnostics.append(snapshot)
            continue
        mark = snapshot.mark
        if mark is None or (mark.pin == order.pin and not (order.pin and outlasts(context, snapshot))):
            continue
        draft.add(
            Verb.CHANGE,
            backend=snapshot.backend,
            target=snapshot.target_address,
            snapshot=snapshot.address,
            profile=mark.profile,
            period=mark.period,
            slot=mark.slot,
            expires_at=mark.expires_at,
            change={"pin": [None if pin is None else pin._asdict() for pin in (mark.pin, order.pin)]},
            precondition={**precondition(snapshot), "expires_at": mark.expires_at},
            reasons=(_reason(order),),
            request=ChangeRequest(snapshot, mark._replace(pin=order.pin)),
        )


def _reason(order: PinOrder) -> Reason:
    if order.pin is None:
        return Reason("unpinned", "the pin is taken away")
    return Reason("pinned", f"pinned by {order.pin.owner}: {order.pin.reason}")
