"""How a plan that was approved before is found and carried out: from a file, by its digest, or as that of a run."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan import clock
from snapplan.cli import console
from snapplan.cli.applying import account_exit_code, execute_approved, is_undecided, mandate_of, show_account
from snapplan.cli.exit_codes import ExitCode, exit_code
from snapplan.cli.interrupts import stopping
from snapplan.cli.lifting import NO_BUDGET
from snapplan.cli.planning import command_words, in_place_targets
from snapplan.cli.progress import progress
from snapplan.cli.session import session
from snapplan.errors import CommandLineError
from snapplan.models.request import Mandate
from snapplan.plan_check import check, stale
from snapplan.plan_file import read
from snapplan.render.phrases import moment, shown, summary_sentence

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from snapplan.cli.applying import Wish
    from snapplan.workspace import Workspace

SHORTEST_DIGEST = 8
_DIGEST = re.compile(r"[0-9a-f]{1,64}")
_RUN = re.compile(r"([1-9][0-9]{0,14})(-[0-9a-z]+)?")


class Source(NamedTuple):
    """Where the approved plan is; one of these is set."""

    file: Path | None = None
    digest: str | None = None
    run: str | None = None

    def __bool__(self) -> bool:
        """Whether there is any."""
        return self != Source()


def carry_out_approved(source: Source, wish: Wish) -> int:
    """Carry out at most the plan in ``source``; return the exit code. Nobody is asked: it is approved."""
    from snapplan.models.order import Focus

    if sum(one is not None for one in source) > 1:
        raise CommandLineError("a plan file, --approved and --resume each name one plan", hint="Give one of them.")
    if wish.focus != Focus():
        hint = "--only and --except leave out a part of it."
        raise CommandLineError("an approved plan says itself what it is about", hint=hint)
    with session().open(writable=True) as workspace:
        workspace.unlimited = NO_BUDGET in wish.lifted.codes
        number = None if source.run is None else _number_of(workspace, source.run)
        if source.run is not None and number is None:
            return _decide(workspace, wish, Mandate(complete=_unfinished(workspace, source.run)))
        document = _document(workspace, source, number)
        if document is None:
            console.notice(f"Run {source.run} was carried out; nothing of it is left to do.")
            return 0
        _announce(document, source)
        confirmed = wish.confirmed | frozenset(in_place_targets(document))
        terms = wish.terms._replace(
            confirmed=confirmed,
            unattended=False,
            saved=number is None,
            resumes=number,
            mandate=mandate_of(document) if number is None else Mandate(complete=restores_of(document)),
        )
        made, account = execute_approved(workspace, document, wish, terms)
    result = made.document()
    if wish.form == "json":
        from snapplan.render.jsonplan import json_text

        console.told(json_text(account))
    else:
        show_account(account, result, shlex.join(command_words("apply", "--resume", str(account["run"]))))
    return account_exit_code(account, result, confirmed, undecided=is_undecided(made))


def take_back(source: Source, wish: Wish) -> int:
    """Take back what the run in ``source`` had exchanged for restores that it did not finish; return the exit code."""
    if source.run is None or source != Source(run=source.run):
        raise CommandLineError("--undo goes with --resume RUN, and takes back what that run had begun")
    with session().open(writable=True) as workspace:
        number = _number_of(workspace, source.run)
        if number is None:
            return _decide(workspace, wish, Mandate(undo=_unfinished(workspace, source.run)))
        document = _of_run(workspace, number)
        if document is None:
            console.notice(f"Run {number} was carried out; there is nothing to take back.")
            return 0
        return _decide(workspace, wish, Mandate(undo=restores_of(document)))


def _decide(workspace: Workspace, wish: Wish, mandate: Mandate) -> int:
    """Complete or take back half-exchanged restores, and nothing else; return the exit code."""
    with stopping() as stop, progress() as observer:
        workspace.settle(observer=observer, lock_timeout=wish.lock_timeout, stop=stop, mandate=mandate)
    made = workspace.plan(clock.now())
    return exit_code(ExitCode.PARTIAL if is_undecided(made) else None)


def _number_of(workspace: Workspace, run: str) -> int | None:
    """Return the number under which this catalog has a run; ``None`` where it does not know it."""
    found = _RUN.fullmatch(run)
    if found is None:
        raise CommandLineError(f"{run!r} is no run", hint="snapplan list runs shows them.")
    row = workspace.catalog.run(int(found[1]))
    return row.number if row is not None and (found[2] is None or row.id == run) else None


def _unfinished(workspace: Workspace, run: str) -> frozenset[str]:
    """Return the keys of the restores that a run of another catalog, or of one that was lost, left half-exchanged.

    Raises ``CommandLineError`` where there are none, or where the number is that of several runs.
    """
    left = [one for one in workspace.plan(clock.now()).pending if run in (one.run, one.run.partition("-")[0])]
    if len({one.run for one in left}) != 1:
        names = ", ".join(sorted({one.run for one in left}))
        raise CommandLineError(
            f"several runs have the number {run}: {names}" if left else f"there is no run {run}",
            hint="Give the whole id." if left else "snapplan list runs shows them.",
        )
    return frozenset(one.key for one in left)


def restores_of(document: Mapping[str, Any]) -> frozenset[str]:
    """Return the keys of the restores in a plan document."""
    keys = (action["change"].get("key") for action in document["actions"] if action["verb"] == "restore")
    pending = (one["key"] for one in document["pending"])
    return frozenset(key for key in (*keys, *pending) if key)


def _announce(document: Mapping[str, Any], source: Source) -> None:
    what = f"Resuming run {source.run}" if source.run is not None else "Approved plan"
    summary = summary_sentence(document["summary"])
    console.notice(f"{what}: {shown(document['digest'])[:12]} of {moment(document['as_of'])}: {summary}.")


def _document(workspace: Workspace, source: Source, number: int | None) -> dict[str, Any] | None:
    """Return the approved plan, checked; ``None`` for a run of which nothing is left."""
    if source.file is not None:
        return read(source.file)
    if source.digest is not None:
        return _saved(workspace, source.digest)
    return _of_run(workspace, number or 0)


def _saved(workspace: Workspace, digest: str) -> dict[str, Any]:
    digest = digest.lower()
    if not _DIGEST.fullmatch(digest) or len(digest) < SHORTEST_DIGEST:
        raise CommandLineError(
            f"{digest!r} is no digest of a plan", hint=f"At least {SHORTEST_DIGEST} of its 64 hexadecimal digits."
        )
    found = list(workspace.catalog.saved_plans(digest))
    if not found:
        raise stale("SP514", f"no plan is saved under the digest {digest}", "snapplan plan --save keeps one")
    if len({plan["digest"] for plan in found}) > 1:
        raise CommandLineError(f"several saved plans have a digest that begins with {digest}", hint="Give more of it.")
    return check(dict(found[0]), f"the saved plan {digest[:12]}")


def _of_run(workspace: Workspace, number: int) -> dict[str, Any] | None:
    run = workspace.catalog.run(number)
    if run is None:
        raise CommandLineError(f"there is no run {number}", hint="snapplan list runs shows them.")
    if run.state == "done":
        return None
    approved = workspace.catalog.approved_plan(number)
    if approved is None:
        raise stale(
            "SP514", f"run {number} has no plan: it ended before it was to do anything, or long ago", "snapplan apply"
        )
    return check(dict(approved), f"the plan of run {number}")
