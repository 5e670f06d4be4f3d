"""``snapplan verify``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from snapplan.cli.console import notice, out_style, result
from snapplan.cli.exit_codes import ExitCode, exit_code
from snapplan.cli.options import data_format, repository, trust
from snapplan.cli.session import session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from snapplan.drivers.base import VerifyDriver
    from snapplan.models.request import Verification
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.world import BackendState
    from snapplan.workspace import Workspace

# More readers at once only move the heads of a disk.
_MOST_AT_ONCE = 4


@click.command("verify")
@click.argument("snapshots", nargs=-1, metavar="[SNAPSHOT]...")
@click.option("--backend", "backends", multiple=True, metavar="GLOB", help="Only these backends; may be repeated.")
@click.option(
    "--sample",
    type=click.IntRange(1, 100),
    default=100,
    metavar="PERCENT",
    help="Read the content of this share of the files, other ones each day; names, sizes and times are always compared.",
)
@data_format
@trust
@repository
def command(snapshots: tuple[str, ...], backends: tuple[str, ...], sample: int, form: str) -> int:
    """Compare snapshots with what was recorded when they were taken: all of ours, or those named.

    Content is compared where hashes were recorded (driver directory: of all data that was copied, not of what it shares by
    reflink, unless content_hashes is true); else names, types, sizes, times, modes and links are. Nothing is written. Ends
    with 8 where a snapshot is not as it was recorded.

    \b
    Examples:
      snapplan verify
      snapplan verify lab/volume/home@gold.daily.20261122T0200Z
      snapplan verify --sample 5 --format json      for a timer: five percent of the content each day
    """
    from snapplan import clock

    with session().open(writable=False, may_be_empty=True) as workspace:
        world = workspace.observe(clock.now(), backends=_backends(snapshots, backends))
        chosen = _named(snapshots, world.backends) if snapshots else list(_ours(workspace, world.backends))
        rows = [_row(snapshot, found) for snapshot, found in _verified(workspace, chosen, sample)]
        document = _document(rows, sample, world.backends)
    if form == "json":
        from snapplan.render.jsonplan import json_text

        result(json_text(document))
    else:
        from snapplan.render.checks import verification_text

        result(verification_text(document, style=out_style()))
    counts = document["counts"]
    return exit_code(
        *(ExitCode.FAILED for backend in document["backends"] if backend["error"]),
        ExitCode.FAILED if counts["failed"] else None,
        ExitCode.DRIFT if counts["differs"] else None,
    )


class _Failed(NamedTuple):
    """A snapshot that could not be compared, and why."""

    text: str


_Found = tuple["Snapshot", "Verification | _Failed"]


def _backends(snapshots: Sequence[str], backends: tuple[str, ...]) -> tuple[str, ...]:
    named = tuple(dict.fromkeys(address.partition("/")[0] for address in snapshots))
    return named or backends or ("*",)


def _named(addresses: Sequence[str], backends: Mapping[str, BackendState]) -> list[Snapshot]:
    """Return the snapshots with these addresses, whoever's. Raises ``CommandLineError`` for one that is not listed."""
    from snapplan.errors import BackendError, CommandLineError

    listed = {snapshot.address: snapshot for state in backends.values() for snapshot in state.snapshots}
    found = []
    for address in dict.fromkeys(addresses):
        state = backends.get(address.partition("/")[0])
        if state is not None and state.error is not None:
            raise BackendError(state.name, str(state.error))
        if address not in listed:
            raise CommandLineError(f"there is no snapshot {address!r}", hint="snapplan list snapshots shows them all.")
        if state is not None and not state.capabilities.verifies:
            raise CommandLineError(f"the driver of {state.name!r} keeps no record to compare its snapshots with")
        found.append(listed[address])
    return found


def _ours(workspace: Workspace, backends: Mapping[str, BackendState]) -> Iterator[Snapshot]:
    """Yield our complete snapshots and all damaged ones, of the backends that can compare them."""
    project = workspace.policy.config.project
    for state in backends.values():
        if state.error is not None:
            continue
        if not state.capabilities.verifies:
            notice(f"{state.name} is skipped: its driver keeps no record to compare its snapshots with")
            continue
        for snapshot in state.snapshots:
            ours = snapshot.mark is not None and snapshot.mark.project == project
            if snapshot.completed_at is not None and (ours or snapshot.damage):
                yield snapshot


def _verified(workspace: Workspace, snapshots: Sequence[Snapshot], sample: int) -> Iterator[_Found]:
    """Compare snapshots, a few at once, and yield what was found in their order; stderr hears of each."""
    from concurrent.futures import ThreadPoolExecutor

    drivers: dict[str, Any] = {name: workspace.driver(name) for name in {each.backend for each in snapshots}}
    at_once = min([_MOST_AT_ONCE, *(driver.capabilities.parallel for driver in drivers.values())])
    pool = ThreadPoolExecutor(max_workers=max(at_once, 1))
    try:
        futures = [pool.submit(_verify, drivers[each.backend], each, sample) for each in snapshots]
        for number, (snapshot, future) in enumerate(zip(snapshots, futures, strict=True), start=1):
            found = future.result()
            _progress()(f"{number} of {len(snapshots)}  {snapshot.address}: {_word(found)}")
            yield snapshot, found
    finally:
        pool.shutdown(cancel_futures=True)
        if snapshots and _progress() is _line:
            sys.stderr.write("\r\x1b[K")


def _verify(driver: VerifyDriver, snapshot: Snapshot, sample: int) -> Verification | _Failed:
    from snapplan.errors import BackendError

    try:
        return driver.verify(snapshot, sample)
    except BackendError as error:
        return _Failed(str(error))


def _progress() -> Callable[[str], None]:
    return _line if sys.stderr.isatty() else notice


def _line(text: str) -> None:
    sys.stderr.write(f"\r\x1b[K{text[:200]}")
    sys.stderr.flush()


def _word(found: Verification | _Failed) -> str:
    if isinstance(found, _Failed):
        return "not compared"
    return f"differs ({len(found.differences)})" if found.differences else "as recorded"


def _row(snapshot: Snapshot, found: Verification | _Failed) -> dict[str, Any]:
    row: dict[str, Any] = {"snapshot": snapshot.address, "state": "ok", "text": ""}
    if isinstance(found, _Failed):
        return row | {
            "state": "failed",
            "text": found.text,
            "entries": 0,
            "hashed": 0,
            "hashable": 0,
            "differences": [],
        }
    if found.differences:
        row["state"] = "differs"
    if found.differences and snapshot.set_aside:
        # Programs that had files of it open may have gone on writing: what is there is what there is.
        row |= {"state": "ok", "text": "changed since a restore set it aside, which is no fault"}
    return row | {
        "entries": found.entries,
        "hashed": found.hashed,
        "hashable": found.hashable,
        "differences": [
            {"path": each.path, "what": each.what, "expected": each.expected, "found": each.found}
            for each in found.differences
        ],
    }


def _document(rows: list[dict[str, Any]], sample: int, backends: Mapping[str, BackendState]) -> dict[str, Any]:
    counts = {state: sum(row["state"] == state for row in rows) for state in ("ok", "differs", "failed")}
    errors = [
        {"backend": name, "error": None if state.error is None else str(state.error)}
        for name, state in backends.items()
    ]
    return {
        "format": "snapplan.verification/1.0",
        "sample": sample,
        "counts": counts,
        "backends": errors,
        "snapshots": rows,
    }
