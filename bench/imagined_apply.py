"""Brings a catalog to where an apply would have left it, without taking any snapshot."""

from __future__ import annotations

from datetime import datetime

from snapplan.catalog.base import Acceptance
from snapplan.catalog.owner import current_owner
from snapplan.models.plan import Verb
from snapplan.workspace import Workspace


def record_applied(workspace: Workspace, now: datetime) -> None:
    """Record what the backends list, and the profiles and assignments of the policy, as applied."""
    catalog = workspace.catalog
    world = workspace.observe(now)
    if not world.catalog.tracked:
        run = catalog.begin_run("bench", current_owner(), now, None)
        for action in workspace.plan(now).actions:
            if action.verb is Verb.PROFILE:
                catalog.apply_profile(run.number, action.request.name, action.request.document, now)
            elif action.verb is Verb.ASSIGN:
                catalog.track(run.number, action.request.added, action.request.ended, action.request.assignment, now)
        catalog.end_run(run.number, "done", now, confirm=Acceptance({}, frozenset({"lab"}), None))
