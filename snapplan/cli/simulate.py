"""``snapplan simulate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from snapplan.cli.console import out_style, result
from snapplan.cli.options import DURATION, INSTANT, data_format, repository, trust
from snapplan.cli.session import session

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from snapplan.ids import TargetAddress
    from snapplan.models.policy import Policy
    from snapplan.models.world import World


@click.command("simulate")
@click.option("--from", "start", type=INSTANT, metavar="INSTANT", help="The first instant (default: now).")
@click.option("--to", "end", type=INSTANT, metavar="INSTANT", required=True, help="The last instant, itself included.")
@click.option("--every", type=DURATION, default="15m", show_default=True, help="How often apply would run.")
@click.option(
    "--targets",
    metavar="TARGET,...",
    help="Start from nothing with these targets, and contact no backend (default: start from the catalog).",
)
@click.option("--tags", metavar="TAG,...", help="Tags of the targets of --targets.")
@data_format
@trust
@repository
def command(
    start: datetime | None, end: datetime, every: timedelta, targets: str | None, tags: str | None, form: str
) -> int:
    """Run the planner over a span of time and print what apply would do at each instant; changes nothing.

    \b
    Examples:
      snapplan simulate --to 2027-01-01T00:00Z --every 1h
      snapplan simulate --targets lab/volume/a,lab/volume/b --from 2026-01-01T00:00Z --to 2027-01-01T00:00Z
    """
    from snapplan import clock
    from snapplan.errors import CommandLineError
    from snapplan.planner.simulate import simulate

    first = start or clock.now()
    if end < first:
        raise CommandLineError("--to lies before --from")
    policy, world = _world(first, targets, tags)
    document = simulate(policy, world, start=first, end=end, every=every).document()
    if form == "json":
        from snapplan.render.jsonplan import json_text

        result(json_text(document))
    else:
        from snapplan.render.simulation import simulation_text

        result(simulation_text(document, style=out_style()))
    return 0


def _world(now: datetime, targets: str | None, tags: str | None) -> tuple[Policy, World]:
    from snapplan.errors import CommandLineError

    if targets is not None:
        return _from_nothing(_split(targets), _split(tags or ""))
    if tags is not None:
        raise CommandLineError("--tags belongs to --targets")
    with session().open(writable=False) as workspace:
        return workspace.policy, workspace.observe(now)


def _from_nothing(addresses: Sequence[str], tags: Sequence[str]) -> tuple[Policy, World]:
    from snapplan.diagnostics import errors
    from snapplan.errors import PolicyInvalidError
    from snapplan.planner.simulate import imagined_world

    loaded = session().load()
    if loaded.policy is None or errors(loaded.diagnostics):
        raise PolicyInvalidError(loaded.diagnostics)
    targets = [_address(loaded.policy, text) for text in dict.fromkeys(addresses)]
    return loaded.policy, imagined_world(loaded.policy, targets, frozenset(tags))


def _address(policy: Policy, text: str) -> TargetAddress:
    from snapplan.errors import CommandLineError
    from snapplan.ids import parse_target

    try:
        address = parse_target(text)
    except ValueError as error:
        raise CommandLineError(str(error)) from None
    if address.backend not in policy.config.backends:
        known = ", ".join(sorted(policy.config.backends))
        raise CommandLineError(f"{text}: there is no backend {address.backend!r}", hint=f"The policy has {known}.")
    return address


def _split(text: str) -> list[str]:
    return [part for part in (piece.strip() for piece in text.split(",")) if part]
