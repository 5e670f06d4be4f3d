"""``snapplan catalog``."""

from __future__ import annotations

import click

from snapplan.cli.console import notice, result
from snapplan.cli.options import repository
from snapplan.cli.session import session


@click.group("catalog")
@repository
def command() -> None:
    """Look after the catalog, the record of what was decided and done.

    \b
    Examples:
      snapplan catalog rebuild
    """


@command.command("rebuild")
@repository
def rebuild() -> int:
    """Rebuild a lost catalog from the marks that the backends carry.

    All backends must answer. Declared manual snapshots and restores that nothing shows evidence of are listed as unknown
    and not carried out by themselves.

    \b
    Examples:
      snapplan catalog rebuild
    """
    from snapplan import clock
    from snapplan.workspace import Workspace

    with Workspace.open(session().root, writable=True) as workspace:
        rebuilt = workspace.rebuild_catalog(clock.now())
        result(f"{workspace.catalog.url}\n")
    notice(f"Rebuilt: {len(rebuilt.tracked)} periods of targets, {len(rebuilt.manual)} manual snapshots.")
    return 0
