"""``snapplan show``."""

from __future__ import annotations

import click

from snapplan.cli.console import out_style, result
from snapplan.cli.options import data_format, repository, trust
from snapplan.cli.session import session


@click.group("show")
@repository
def command() -> None:
    """Show what a run did.

    \b
    Examples:
      snapplan show run 12
    """


@command.command("run")
@click.argument("number", type=click.IntRange(min=1))
@data_format
@trust
@repository
def run(number: int, form: str) -> int:
    """Show one run: who, when, by which plan, what was allowed and why, and what became of each action.

    \b
    Examples:
      snapplan show run 12
      snapplan show run 12 --format json
    """
    from snapplan.cli.rows import run_row
    from snapplan.errors import CommandLineError
    from snapplan.models.plan import plain

    with session().open(writable=False, may_be_empty=True) as workspace:
        found = workspace.catalog.run(number)
        journal = [plain(row._asdict()) for row in workspace.catalog.journal(number)]
    if found is None:
        raise CommandLineError(f"there is no run {number}", hint="snapplan list runs shows them.")
    document = {**run_row(found), "journal": journal}
    if form == "json":
        from snapplan.render.jsonplan import json_text

        result(json_text(document))
    else:
        from snapplan.render.listing import run_text

        result(run_text(document, style=out_style()))
    return 0
