"""``snapplan unpin``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from snapplan.cli.options import DURATION, repository

if TYPE_CHECKING:
    from datetime import timedelta


@click.command("unpin")
@click.argument("snapshot")
@click.option(
    "--lock-timeout", type=DURATION, default="60s", show_default=True, help="How long to wait for another apply."
)
@repository
def command(snapshot: str, lock_timeout: timedelta) -> int:
    """Take a snapshot's pin away; from then on its expiration counts again.

    \b
    Examples:
      snapplan unpin lab/vm/web-01@gold.daily.20261121T0200Z
    """
    from snapplan.cli.ordering import order_pin

    return order_pin(snapshot, None, lock_timeout)
