"""``snapplan list``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from snapplan.cli.console import out_style, result
from snapplan.cli.options import data_format, repository, trust
from snapplan.cli.session import session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snapplan.workspace import Workspace


@click.group("list")
@repository
def command() -> None:
    """List targets, snapshots, profiles, assignments or runs.

    \b
    Examples:
      snapplan list targets
      snapplan list snapshots --target 'lab/vm/*' --format json
      snapplan list runs
    """


def _show(kind: str, rows: Sequence[dict[str, Any]], form: str) -> int:
    if form == "json":
        from snapplan.render.jsonplan import json_text

        result(json_text(rows))
    else:
        from snapplan.render.listing import listing_text

        result(listing_text(kind, rows, style=out_style()))
    return 0


def _open() -> Workspace:

    return session().open(writable=False, may_be_empty=True)


@command.command("targets")
@click.option("--backend", "backends", multiple=True, metavar="GLOB", help="Only these backends; may be repeated.")
@data_format
@trust
@repository
def targets(backends: tuple[str, ...], form: str) -> int:
    """List what can be snapshotted, and the profiles that apply to it.

    \b
    Examples:
      snapplan list targets
      snapplan list targets --backend lab --format json
    """
    from snapplan import clock
    from snapplan.cli.planning import tell_world
    from snapplan.cli.rows import target_rows

    with _open() as workspace:
        world = workspace.observe(clock.now(), backends=backends or ("*",))
        tell_world(workspace)
        rows = target_rows(workspace.policy, world)
    return _show("targets", rows, form)


@command.command("snapshots")
@click.option("--target", "globs", multiple=True, metavar="GLOB", help="Only of these targets; may be repeated.")
@click.option("--backend", "backends", multiple=True, metavar="GLOB", help="Only these backends; may be repeated.")
@data_format
@trust
@repository
def snapshots(globs: tuple[str, ...], backends: tuple[str, ...], form: str) -> int:
    """List snapshots, ours and foreign ones, with what keeps each.

    \b
    Examples:
      snapplan list snapshots --target lab/vm/web-01
      snapplan list snapshots --format json
    """
    from snapplan import clock
    from snapplan.cli.planning import tell_world
    from snapplan.planner.listing import snapshot_rows
    from snapplan.planner.resolve import matches

    now = clock.now()
    with _open() as workspace:
        world = workspace.observe(now, backends=backends or ("*",))
        tell_world(workspace)
        rows = snapshot_rows(workspace.policy, world, now)
    kept = [row for row in rows if not globs or any(matches(glob, row["target"]) for glob in globs)]
    return _show("snapshots", kept, form)


@command.command("profiles")
@data_format
@trust
@repository
def profiles(form: str) -> int:
    """List the profiles of the policy and their periods.

    \b
    Examples:
      snapplan list profiles
    """
    from snapplan.cli.rows import profile_rows

    with _open() as workspace:
        rows = profile_rows(workspace.policy)
    return _show("profiles", rows, form)


@command.command("assignments")
@data_format
@trust
@repository
def assignments(form: str) -> int:
    """List which profile was applied to which target, and when.

    \b
    Examples:
      snapplan list assignments --format json
    """
    from snapplan.cli.rows import assignment_rows

    with _open() as workspace:
        rows = assignment_rows(workspace)
    return _show("assignments", rows, form)


@command.command("runs")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many of the newest.")
@data_format
@trust
@repository
def runs(limit: int, form: str) -> int:
    """List the runs that changed something, newest first.

    \b
    Examples:
      snapplan list runs --limit 10
    """
    from snapplan.cli.rows import run_row

    with _open() as workspace:
        rows = [run_row(run) for run in workspace.catalog.runs(limit=limit)]
    return _show("runs", rows, form)
