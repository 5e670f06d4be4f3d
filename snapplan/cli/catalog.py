"""``snapplan catalog``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from snapplan.cli import console
from snapplan.cli.console import notice, result
from snapplan.cli.options import data_format, repository
from snapplan.cli.session import session

if TYPE_CHECKING:
    from snapplan.workspace import Workspace


PIECE = 1 << 16
"""So many characters of an export are written at once."""


@click.group("catalog")
@repository
def command() -> None:
    """Look after the catalog, the record of what was decided and done.

    \b
    Examples:
      snapplan catalog verify
      snapplan catalog export > catalog.json
      snapplan catalog unlock lab
      snapplan catalog clock
      snapplan catalog rebuild
    """


@command.command("rebuild")
@click.option(
    "--replace", is_flag=True, help="Also replace a catalog that is not lost; needed where it knows anything."
)
@repository
def rebuild(replace: bool) -> int:
    """Rebuild a lost catalog from the marks that the backends carry.

    All backends must answer. Declared manual snapshots and restores that nothing shows evidence of are listed as unknown
    and not carried out by themselves. Saved plans from before are refused.

    \b
    Examples:
      snapplan catalog rebuild
    """
    from snapplan import clock
    from snapplan.errors import BlockedError

    with session().open(writable=True) as workspace:
        if not replace and workspace.catalog.state().high_water is not None:
            raise BlockedError(
                "the catalog is not lost: applies have confirmed it, and what a rebuild forgets, guards count",
                hint="--replace rebuilds it all the same.",
            )
        rebuilt = workspace.rebuild_catalog(clock.now())
        result(f"{workspace.catalog.url}\n")
    notice(f"Rebuilt: {len(rebuilt.tracked)} periods of targets, {len(rebuilt.manual)} manual snapshots.")
    return 0


@command.command("verify")
@click.option(
    "--contains",
    "known",
    metavar="HASH",
    help="Also check that the record still holds the entry with this hash, which an earlier verify printed.",
)
@data_format
@repository
def verify(known: str | None, form: str) -> int:
    """Look for damage in the catalog, and for changes that no run made.

    The record of runs is a chain of hashes: a changed, removed or added entry is found, and so is a run, an action or a
    used plan that differs from it. The last line has the hash of the newest entry. Kept outside the catalog, and given to
    --contains later, it also shows that nobody made the whole chain anew. Exits 1 where anything is wrong.

    \b
    Examples:
      snapplan catalog verify
      snapplan catalog verify --contains 5f0c6d3e9a...
      snapplan catalog verify --format json
    """
    with _open(writable=False) as workspace:
        findings = list(workspace.catalog.verify())
        number, newest = workspace.catalog.record_head()
        if known is not None and not any(row.hash == known for row in workspace.catalog.records()):
            findings.append(
                f"the record holds no entry with the hash {known}: it is not the one that was verified then"
            )
    if form == "json":
        from snapplan.render.jsonplan import json_text

        result(json_text({"whole": not findings, "entries": number, "hash": newest, "findings": findings}))
    else:
        from snapplan.render.phrases import shown

        result("".join(f"{shown(finding)}\n" for finding in findings))
        result(f"{'Not as it was left' if findings else 'Whole'}: {number} entries in the record, newest {newest}\n")
    return 1 if findings else 0


@command.command("export")
@repository
def export() -> int:
    """Print everything that the catalog holds as JSON, of format snapplan.catalog/1.0.

    \b
    Examples:
      snapplan catalog export > catalog.json
    """
    with _open(writable=False) as workspace:
        pending = ""
        for piece in workspace.catalog.export_text():
            pending += piece
            if len(pending) > PIECE:
                result(pending)
                pending = ""
        result(pending)
    return 0


@command.command("unlock")
@click.argument("backend")
@click.option("--yes", "sure", is_flag=True, help="Do not ask; needed without a terminal.")
@repository
def unlock(backend: str, sure: bool) -> int:
    """End the lock of a backend, whoever holds it.

    A lock ends by itself when its holder is gone: at once on this machine, after a minute elsewhere. The holder is kept
    from every further action; what it had begun is found and put right by the next apply. That it was unlocked, and by
    whom, is recorded.

    This cannot release the lock that a process has on a backend's store (driver directory): the kernel ends that one when
    the process lets go or dies, also where it is stopped. An apply that waits for it names the process.

    \b
    Examples:
      snapplan catalog unlock lab
      snapplan catalog unlock lab --yes
    """
    from snapplan import clock
    from snapplan.catalog.owner import current_owner
    from snapplan.errors import BlockedError, CommandLineError
    from snapplan.ids import format_instant

    with _open(writable=True) as workspace:
        held = {name: (holder, beat, valid) for name, holder, beat, valid in workspace.catalog.leases()}
        if backend not in held:
            if backend not in workspace.policy.config.backends:
                raise CommandLineError(f"there is no backend {backend!r}")
            notice(f"Backend {backend} is not locked.")
            return 0
        holder, beat, valid = held[backend]
        notice(f"Backend {backend} is locked by {holder}, last heard of at {format_instant(beat)}.")
        notice("It is at work, as far as can be seen." if valid else "It is gone; the next apply takes over by itself.")
        if not sure and not console.at_terminal():
            raise BlockedError("standard input is not a terminal, so nobody can be asked", hint="--yes unlocks it.")
        if not sure and not console.confirmed("Keep it from every further action?"):
            raise BlockedError("not confirmed; it stays locked")
        ended = workspace.catalog.unlock(backend, current_owner(), clock.now())
    result(f"Unlocked {backend}; it was held by {ended or holder}.\n")
    if valid:
        notice("Where it is writing to the backend's store now, it keeps the lock of that store until it ends.")
    return 0


@command.command("clock")
@click.option("--set", "sets", is_flag=True, help="Take the time that it is now for the confirmed one.")
@click.option("--reason", metavar="TEXT", help="Why; required with --set, and recorded.")
@data_format
@repository
def clock_command(sets: bool, reason: str | None, form: str) -> int:
    """Show the clocks that an apply compares, or confirm that this machine's is right.

    An apply that was carried out under a wrong clock confirmed a time in the future; every later one then finds that the
    clock stepped back (SP306). --set takes the present time for the confirmed one.

    \b
    Examples:
      snapplan catalog clock
      snapplan catalog clock --set --reason "ran with a dead battery"
    """
    from snapplan import clock
    from snapplan.catalog.owner import current_owner
    from snapplan.errors import CommandLineError
    from snapplan.ids import format_instant
    from snapplan.second_clock import reading

    reason = (reason or "").strip()
    if sets and not reason:
        raise CommandLineError("--set needs --reason: it is recorded why the clock was believed")
    now = clock.now()
    with _open(writable=sets) as workspace:
        if sets:
            workspace.catalog.set_clock(current_owner(), reason, now)
        state = workspace.catalog.state()
        second = reading(now, state)
    rows = {"now": now, "confirmed": state.high_water, "second_clock": second}
    shown = {name: None if instant is None else format_instant(instant) for name, instant in rows.items()}
    if form == "json":
        from snapplan.render.jsonplan import json_text

        result(json_text(shown))
    else:
        result(f"This machine's clock     {shown['now']}\n")
        result(f"Confirmed by an apply    {shown['confirmed'] or 'never'}\n")
        result(f"Second clock             {shown['second_clock'] or 'there is none'}\n")
    return 0


def _open(*, writable: bool) -> Workspace:
    """Open the repository; raise ``CatalogMissingError`` where its catalog is only to be read and is not there."""
    from snapplan.errors import CatalogMissingError

    workspace = session().open(writable=writable)
    if not workspace.catalog.exists:
        workspace.close()
        hint = "The first apply makes it; snapplan catalog rebuild brings a lost one back."
        raise CatalogMissingError(f"there is no catalog at {workspace.catalog.url}", hint=hint)
    return workspace
