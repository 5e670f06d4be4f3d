"""``snapplan unlock``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from snapplan.cli.options import DURATION, repository

if TYPE_CHECKING:
    from datetime import timedelta


@click.command("unlock")
@click.argument("snapshots", nargs=-1, required=True, metavar="SNAPSHOT...")
@click.option(
    "--lock-timeout", type=DURATION, default="60s", show_default=True, help="How long to wait for another apply."
)
@repository
def command(snapshots: tuple[str, ...], lock_timeout: timedelta) -> int:
    """Begin to take a platform's lock away.

    VergeOS gives the snapshot free a week later, or when it expires; until then nobody can delete it.

    \b
    Examples:
      snapplan unlock dc1/cloud@gold.daily.20261121T0200Z
    """
    from snapplan.cli.ordering import order_locks

    return order_locks(snapshots, lock=False, lock_timeout=lock_timeout)
