"""``snapplan accept``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from snapplan.cli import console
from snapplan.cli.options import data_format, repository
from snapplan.cli.session import session

if TYPE_CHECKING:
    from datetime import datetime

    from snapplan.planner.acceptance import Acceptable
    from snapplan.workspace import Workspace


@click.command("accept")
@click.argument("subject", metavar="TARGET|BACKEND")
@click.option("--reason", metavar="TEXT", required=True, help="Why it is right; recorded with who said so.")
@data_format
@repository
def command(subject: str, reason: str, form: str) -> int:
    """Say that a change which looks like an accident is right.

    Of a target: that its content is as it should be although it had vanished (SP309), that it lies where it lies now
    (SP310), or that its name is right: another one has it too (SP460), or an assignment knew it by another (SP461). Of a
    backend: that the store that answers now is meant, or that it is gone and a new one may be made (SP445); else that all
    its targets lie where they lie now. What is accepted is shown first; at a terminal you are asked. It is recorded, and
    holds for what is there now only.

    \b
    Examples:
      snapplan accept lab/volume/queue --reason "emptied for the migration, CHG-1234"
      snapplan accept lab --reason "moved to a new disk"
    """
    from snapplan import clock
    from snapplan.catalog.base import Fact
    from snapplan.catalog.owner import current_owner
    from snapplan.errors import BlockedError, CommandLineError

    if not reason.strip():
        raise CommandLineError("--reason is empty: it is recorded why this is right")
    now = clock.now()
    with session().open(writable=False, saves=True) as workspace:
        found = _found(workspace, subject, now)
        for one in found:
            console.notice(f"To accept: {one.text}")
        if found and console.at_terminal() and not console.confirmed("Is that right?"):
            raise BlockedError("not confirmed; nothing was accepted")
        facts = [Fact(*one[:4]) for one in found]
        if facts:
            workspace.catalog.accept(facts, current_owner(), reason.strip(), now)
    if form == "json":
        from snapplan.render.jsonplan import json_text

        console.result(json_text([{"subject": one.subject, "kind": one.kind, "text": one.text} for one in found]))
    elif found:
        console.result("".join(f"Accepted: {one.text}\n" for one in found))
    else:
        console.notice(f"There is nothing about {subject} to accept.")
    return 0


def _found(workspace: Workspace, subject: str, now: datetime) -> list[Acceptable]:
    """Return what there is to accept; ``CommandLineError`` where there is no such backend or target."""
    from snapplan.errors import CommandLineError
    from snapplan.planner.acceptance import acceptable, odd_names, other_places, other_store
    from snapplan.planner.addressed import targets_called, two_things

    backend, slash, _ = subject.partition("/")
    if backend not in workspace.policy.config.backends:
        raise CommandLineError(f"there is no backend {backend!r}", hint="Give BACKEND, or the address of a target.")
    world = workspace.observe(now, backends=(backend,))
    state = world.backends[backend]
    if not slash:
        if state.error is not None and backend not in workspace.strangers:
            raise CommandLineError(f"{backend} cannot be read: {state.error.text}", hint=state.error.hint)
        strange = backend in workspace.strangers
        return other_store(state, workspace.identities[backend]) if strange else other_places(state)
    if state.error is not None:
        raise CommandLineError(f"{backend} cannot be read: {state.error.text}", hint=state.error.hint)
    called = targets_called(world.backends, subject)
    if len(called) > 1:
        raise CommandLineError(two_things(subject, called).summary, hint="Write the one that you mean.")
    if not any(target.address == subject for target in state.targets):
        raise CommandLineError(f"there is no target {subject}", hint="snapplan list targets shows what there is.")
    names = odd_names(workspace.policy, world, subject)
    return [*acceptable(world, subject, workspace.policy.config.project, now), *names]
