"""``snapplan status``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from snapplan.cli.console import out_style, result
from snapplan.cli.exit_codes import ExitCode, exit_code, unread
from snapplan.cli.options import data_format, repository, trust
from snapplan.cli.session import session

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.command("status")
@click.option("--backend", "backends", multiple=True, metavar="GLOB", help="Only these backends; may be repeated.")
@click.option("--all", "everything", is_flag=True, help="List the targets that are fine too, however many.")
@click.option("--detailed-exitcode", is_flag=True, help="End with 8 if there is drift or something needs attention.")
@data_format
@trust
@repository
def command(backends: tuple[str, ...], everything: bool, detailed_exitcode: bool, form: str) -> int:
    """Show the state of each target and what needs attention; changes nothing.

    \b
    Examples:
      snapplan status
      snapplan status --detailed-exitcode    for monitoring: ends with 8 where something is wrong
      snapplan status --format json
    """
    from snapplan import clock
    from snapplan.cli.planning import tell_world
    from snapplan.cli.rows import run_row
    from snapplan.planner.status import status

    now = clock.now()
    with session().open(writable=False) as workspace:
        world = workspace.observe(now, backends=backends or ("*",))
        document = status(workspace.policy, world, now)
        tell_world(workspace)
        runs = workspace.catalog.runs(limit=1)
    document["last_run"] = run_row(runs[0]) if runs else None
    if form == "json":
        from snapplan.render.jsonplan import json_text

        result(json_text(document))
    else:
        from snapplan.render.status import status_text

        result(status_text(document, everything=everything, style=out_style()))
    return _exit_code(document, detailed=detailed_exitcode)


def _exit_code(document: Mapping[str, Any], *, detailed: bool) -> int:
    attention = document["drift"] or document["attention"] or any(row["attention"] for row in document["targets"])
    return exit_code(
        *unread(document),
        ExitCode.BLOCKED if any(each["lasted"] for each in document["clocks"]) else None,
        ExitCode.DRIFT if detailed and attention else None,
    )
