"""What a driver is asked besides the expiration: the optional fields of a period or of a manual snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.planner.acceptance import is_content_accepted

if TYPE_CHECKING:
    from snapplan.models.order import Capture
    from snapplan.models.policy import Period
    from snapplan.models.target import Capabilities, Scope, Target
    from snapplan.models.world import World

FIELDS = ("max_tier", "immutable", "private", "type", "partial_tags", "quiesce_tags")


def capture_options(asked: Period | Capture, capabilities: Capabilities, scope: Scope) -> dict[str, object]:
    """Return the fields of ``asked`` that the driver honours at ``scope`` when it takes a snapshot itself."""
    return {name: getattr(asked, name) for name in FIELDS if hasattr(asked, name) and capabilities.honours(name, scope)}


def emptiness(world: World, target: Target, *, allowed: bool) -> dict[str, object]:
    """Return ``{"may_be_empty": True}`` where content that has vanished is not suspicious: it was said so, or accepted."""
    return {"may_be_empty": True} if allowed or is_content_accepted(world, target) else {}
