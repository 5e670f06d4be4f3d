"""``snapplan snapshot``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from snapplan.cli.options import DURATION, EXPIRATION, repository
from snapplan.errors import CommandLineError

if TYPE_CHECKING:
    from datetime import datetime, timedelta


@click.command("snapshot")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option(
    "--expires",
    type=EXPIRATION,
    required=True,
    metavar="WHEN",
    help="A duration from now on such as 48h, an instant, or never.",
)
@click.option("--key", metavar="KEY", help="A target has one snapshot of a key (default: made from the time).")
@click.option("--description", default="", help="What it is for.")
@click.option(
    "--quiesce",
    type=click.Choice(["require", "prefer", "never"]),
    default="never",
    show_default=True,
    help="Whether I/O is frozen during the capture.",
)
@click.option("--immutable", is_flag=True, help="Have the platform lock it until it expires (VergeOS: whole systems).")
@click.option("--private", is_flag=True, help="Hide it from tenants (VergeOS: whole systems).")
@click.option("--include-tag", multiple=True, metavar="TAG", help="Only what carries a tag (VergeOS: whole systems).")
@click.option(
    "--exclude-tag", multiple=True, metavar="TAG", help="All but what carries a tag (VergeOS: whole systems)."
)
@click.option("--quiesce-tag", multiple=True, metavar="TAG", help="Quiesce the VMs with a tag, in a partial snapshot.")
@click.option(
    "--lock-timeout", type=DURATION, default="60s", show_default=True, help="How long to wait for another apply."
)
@repository
def command(
    targets: tuple[str, ...],
    expires: timedelta | datetime | str,
    key: str | None,
    description: str,
    quiesce: str,
    immutable: bool,
    private: bool,
    include_tag: tuple[str, ...],
    exclude_tag: tuple[str, ...],
    quiesce_tag: tuple[str, ...],
    lock_timeout: timedelta,
) -> int:
    """Take a manual snapshot now, of one target or of several as one set.

    TARGET is an address such as lab/vm/web-01, or a glob. The addresses of the snapshots are printed, one a line, and
    nothing else goes to stdout. A key is taken once: the same order again prints what is there,
    another one under its key is an error.

    \b
    Examples:
      snapplan snapshot lab/vm/web-01 --expires 48h --description "deploy 2.14"
      snapplan snapshot 'lab/volume/*' --key before-26.2 --expires never --quiesce prefer
      snapplan snapshot dc1/cloud --expires 7d --immutable --include-tag production --quiesce-tag database
    """
    if include_tag and exclude_tag:
        raise CommandLineError("--include-tag and --exclude-tag exclude each other")
    if quiesce_tag and not (include_tag or exclude_tag):
        raise CommandLineError("--quiesce-tag needs --include-tag or --exclude-tag")
    from snapplan import clock
    from snapplan.cli.ordering import fresh_key, take
    from snapplan.models.order import Capture, SnapshotOrder
    from snapplan.models.target import Quiesce

    order = SnapshotOrder(
        targets=targets,
        key=key or fresh_key(clock.now()),
        expires=None if isinstance(expires, str) else expires,
        description=description,
        quiesce=Quiesce(quiesce),
        capture=Capture(
            immutable=immutable,
            private=private,
            type="partial_include" if include_tag else "partial_exclude" if exclude_tag else "full",
            partial_tags=include_tag or exclude_tag,
            quiesce_tags=quiesce_tag,
        ),
    )
    return take(order, lock_timeout)
