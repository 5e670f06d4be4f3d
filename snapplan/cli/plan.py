"""``snapplan plan``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from snapplan.cli.console import notice, out_style, result
from snapplan.cli.exit_codes import ExitCode, exit_code, is_stopped, unread
from snapplan.cli.options import INSTANT, commit, focus, repository, trust
from snapplan.cli.session import session

if TYPE_CHECKING:
    from datetime import datetime


@click.command("plan")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="How the plan is printed.",
)
@click.option("--detailed-exitcode", is_flag=True, help="End with 2 when there is something to do.")
@click.option(
    "--at", type=INSTANT, metavar="INSTANT", help="Plan as if it were this instant, such as 2026-11-22T02:00Z."
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write it to a file, for apply FILE.",
)
@click.option("--save", is_flag=True, help="Keep the plan in the catalog, for apply --approved DIGEST.")
@click.option(
    "--refresh/--no-refresh",
    default=True,
    help="Without: ask no backend; the catalog's record stands for them. Such a plan is not carried out.",
)
@commit
@focus
@click.option("--full", is_flag=True, help="Fold nothing: one line for each action.")
@click.option(
    "-v", "--verbose", is_flag=True, help="Also show dependencies, preconditions and how many requests it takes."
)
@trust
@repository
def command(
    form: str,
    detailed_exitcode: bool,
    at: datetime | None,
    out: Path | None,
    save: bool,
    refresh: bool,
    targets: tuple[str, ...],
    backends: tuple[str, ...],
    full: bool,
    verbose: bool,
) -> int:
    """Show what apply would do; changes nothing.

    The backends are read and compared with the policy and the catalog. What cannot be undone comes first.

    \b
    Examples:
      snapplan plan
      snapplan plan --target 'lab/volume/*' --full
      snapplan plan --format markdown > plan.md
      snapplan plan --detailed-exitcode    ends with 2 when there is something to do
      snapplan plan --out plan.json        to review it, and carry out that one
      snapplan plan --save                 the same, kept in the catalog under its digest
      snapplan plan --trust origin/main    of a change that a stranger made
    """
    from snapplan import clock
    from snapplan.cli.keeping import kept, refuse_in_memory
    from snapplan.cli.planning import check_focus, focus_of

    with session().open(writable=False, saves=save) as workspace:
        focus = focus_of(targets, backends)
        if out is not None or save:
            refuse_in_memory(workspace)
        document = workspace.plan(at or clock.now(), focus=focus, refresh=refresh).document()
        check_focus(workspace, focus)
        document, following = kept(workspace, document, out, save=save, seal=form == "json")
    if session().trust is not None and out is None:
        following = ""  # an apply of this checkout is refused
    result(
        rendered(document, form, full=full, verbose=verbose, command=(following or None) if form == "text" else None)
    )
    if form != "text" and (out is not None or save):
        notice(f"To carry it out:  {following}")
    return plan_exit_code(document, detailed=detailed_exitcode)


def rendered(
    document: dict[str, Any], form: str, *, full: bool = False, verbose: bool = False, command: str | None = None
) -> str:
    """Return a plan document in one of the formats of ``plan``; ``command`` is what carries it out."""
    match form:
        case "json":
            from snapplan.render.jsonplan import json_text

            return json_text(document)
        case "markdown":
            from snapplan.render.markdown import plan_markdown

            return plan_markdown(document, full=full)
        case _:
            from snapplan.render.text import plan_text

            return plan_text(document, full=full, verbose=verbose, style=out_style(), command=command)


def plan_exit_code(document: dict[str, Any], *, detailed: bool) -> int:
    """Return the exit code of a plan: what it found wrong, and with ``detailed`` whether there is something to do."""
    stopped = is_stopped(document)
    invalid = any(finding["severity"] == "error" for finding in document["diagnostics"])
    return exit_code(
        ExitCode.BLOCKED if stopped else None,
        *unread(document),
        ExitCode.FAILED if invalid else None,
        ExitCode.PENDING if detailed and document["actions"] else None,
    )
