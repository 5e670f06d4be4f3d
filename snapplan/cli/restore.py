"""``snapplan restore``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from snapplan.cli.options import DURATION, INSTANT, repository
from snapplan.cli.options import no_budget as no_budget_option

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from snapplan.models.order import RestoreOrder


@click.command("restore")
@click.argument("target")
@click.option(
    "--from", "source", metavar="latest|NAME", help="The snapshot's name, or the latest one (default: latest)."
)
@click.option("--before", type=INSTANT, metavar="TIME", help="The latest snapshot before this instant.")
@click.option(
    "--via",
    type=click.Choice(["cloud", "tenant", "vm", "volume"]),
    help="Restore out of a snapshot of this scope, such as the whole system's.",
)
@click.option(
    "--mode",
    type=click.Choice(["clone", "in_place"]),
    default="clone",
    show_default=True,
    help="Make a new object, or replace the target's content.",
)
@click.option("--as", "as_name", metavar="NAME", help="Name of the clone.")
@click.option("--power-off", is_flag=True, help="In place: switch the target off first if it is on.")
@click.option("--power-on", is_flag=True, help="Switch on what was restored.")
@click.option("--preserve-macs", is_flag=True, help="Clone: keep the addresses of its network cards.")
@click.option("--auto-approve", is_flag=True, help="Do not ask. Never enough for a restore in place.")
@click.option("--confirm", "confirmed", metavar="TARGET", help="Approve the restore in place: the target once more.")
@no_budget_option
@click.option("--reason", metavar="TEXT", help="Why --no-budget is needed; recorded.")
@click.option(
    "--lock-timeout", type=DURATION, default="60s", show_default=True, help="How long to wait for another apply."
)
@repository
def command(
    target: str,
    source: str | None,
    before: datetime | None,
    via: str | None,
    mode: str,
    as_name: str | None,
    power_off: bool,
    power_on: bool,
    preserve_macs: bool,
    auto_approve: bool,
    confirmed: str | None,
    no_budget: bool,
    reason: str | None,
    lock_timeout: timedelta,
) -> int:
    """Restore a target from one of its snapshots: show the plan, ask, do it.

    A clone is a new object beside the old one. In place replaces the target's content, and what is replaced is kept for
    seven days as a safety snapshot; the target's name has to be typed, or given with --confirm.

    \b
    Examples:
      snapplan restore lab/vm/web-01 --as web-01-restored
      snapplan restore lab/vm/web-01 --before 2026-11-22T01:00Z --via cloud --as web-01-old
      snapplan restore lab/volume/home --from gold.daily.20261121T0200Z --mode in_place
      snapplan restore lab/volume/home --mode in_place --confirm lab/volume/home
      snapplan restore dc1/vm/web-01 --mode in_place --power-off --power-on
      snapplan restore dc1/vm/web-01 --as web-01-old --no-budget --reason INC-7
    """
    from snapplan.cli.applying import Wish, carry_out
    from snapplan.cli.lifting import lifted
    from snapplan.errors import CommandLineError
    from snapplan.models.order import Orders

    if power_off and mode == "clone":
        raise CommandLineError("--power-off goes with a restore in place; a clone leaves the target as it is")
    if preserve_macs and mode == "in_place":
        raise CommandLineError("--preserve-macs goes with a clone; in place the target keeps its addresses")
    order = _order(target, source, before, via, mode, as_name)
    order = order._replace(power_off=power_off, power_on=power_on, preserve_macs=preserve_macs)
    wish = Wish(
        orders=Orders(restores=(order,)),
        auto_approve=auto_approve,
        confirmed=frozenset({confirmed} if confirmed else ()),
        lifted=lifted((), reason, no_budget=no_budget),
        lock_timeout=lock_timeout,
        command="restore",
    )
    return carry_out(wish)


def _order(
    target: str, source: str | None, before: datetime | None, via: str | None, mode: str, as_name: str | None
) -> RestoreOrder:
    from snapplan import clock
    from snapplan.cli.ordering import fresh_key
    from snapplan.errors import CommandLineError
    from snapplan.ids import parse_target
    from snapplan.models.order import RestoreOrder
    from snapplan.models.target import RestoreMode, Scope

    try:
        parse_target(target)
    except ValueError as error:
        raise CommandLineError(str(error)) from None
    if mode == "clone" and not as_name:
        raise CommandLineError(
            "a clone needs a name", hint="Give it with --as NAME; --mode in_place replaces the target."
        )
    if mode == "in_place" and as_name:
        raise CommandLineError("--as names a clone; in place the target keeps its name")
    if before is not None and source not in (None, "latest"):
        raise CommandLineError(
            "--before chooses the latest snapshot before an instant; --from names one", hint="Give one."
        )
    return RestoreOrder(
        key=f"restore-{fresh_key(clock.now())}",
        target=target,
        snapshot=source or "latest",
        before=before,
        via=Scope(via) if via else None,
        mode=RestoreMode(mode),
        as_name=as_name or "",
    )
