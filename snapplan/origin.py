"""Where the policy at hand comes from, and whether it is older than what was applied last."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.applier.stale import shortened
from snapplan.diagnostics import Diagnostic, Severity
from snapplan.errors import CommandLineError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from snapplan.catalog.base import RunRow

OLDER_CODE = "SP507"
"""The code of a policy that is older than the one that was applied last, or of which nobody knows that it is not."""
NOT_COMPARABLE = "SP515"
RUNS_LOOKED_AT = 1_000
_DONE = ("done", "partial")


class Origin(NamedTuple):
    """The commit of the policy and whether its files differ from it; ``None``: unknown.

    ``unreadable`` says why there is a checkout that git must not or cannot read. ``named`` says that a person or a
    runner named the commit.
    """

    commit: str | None = None
    dirty: bool | None = None
    unreadable: str = ""
    named: bool = False


def origin_of(root: Path, files: Mapping[str, bytes], include: Sequence[str], named: str | None) -> Origin:
    """Return where the policy at ``root`` comes from; ``named`` is the commit that the command line gives.

    Raises ``CommandLineError`` where that is no commit's full id, or another one than git finds there.
    """
    found = Origin()
    folders = (root.absolute(), *root.absolute().parents, *root.resolve().parents)
    if any((folder / ".git").exists() or (folder / ".git").is_symlink() for folder in folders):
        from snapplan.config.revision import revision

        found = Origin(*revision(root, files, include))
    if not named:
        return found
    _require_commit(named)
    if found.commit is None:
        return Origin(named, None, found.unreadable, named=True)
    if found.commit != named:
        hint = "Leave --commit and SNAPPLAN_COMMIT out where git can read the checkout."
        raise CommandLineError(f"the checkout is of commit {found.commit}, not of {named}", hint=hint)
    return found


def _require_commit(text: str) -> None:
    from snapplan.config.revision import COMMIT

    if not COMMIT.fullmatch(text):
        hint = "A branch or a shortened id can mean another one tomorrow."
        raise CommandLineError(f"{text!r} is not the full id of a commit", hint=hint)


def applied_before(runs: Iterable[RunRow]) -> frozenset[str]:
    """Return the commits that the applies among ``runs`` carried out."""
    applies = (run for run in runs if run.command == "apply" and run.state in _DONE)
    return frozenset(run.policy_commit for run in applies if run.policy_commit is not None)


def age(origin: Origin, root: Path, applied: str | None, earlier: Iterable[str] = ()) -> Diagnostic | None:
    """Say that the policy is older than the commit ``applied`` last, or that nobody can tell.

    ``earlier`` are commits that were applied before. ``None`` where it is not older, and where nothing was applied from a
    commit yet.
    """
    if applied is None:
        return _unwatched(origin)
    if origin.commit is None:
        return _unknown(origin, applied)
    if origin.commit == applied:
        return None
    older = origin.commit in earlier if origin.named else None
    if not origin.named:
        older = _is_older(root, origin.commit, applied)
    if older:
        return _older(origin.commit, applied)
    if older is None or origin.named:
        return Diagnostic(
            NOT_COMPARABLE,
            Severity.NOTE,
            f"git does not know how commit {shortened(origin.commit)} and {shortened(applied)}, applied last, are related",
            hint="a clone with its history (git fetch --unshallow) can tell an older checkout",
        )
    return None


def _is_older(root: Path, commit: str, applied: str) -> bool | None:
    from snapplan.config.checkout import CheckoutError, find_checkout
    from snapplan.config.revision import is_older

    try:
        checkout = find_checkout(root)
    except CheckoutError:
        return None
    return None if checkout is None else is_older(checkout, commit, applied)


def _older(commit: str, applied: str) -> Diagnostic:
    return Diagnostic(
        OLDER_CODE,
        Severity.WARNING,
        f"the policy is of commit {shortened(commit)}, which is older than {shortened(applied)}, applied last",
        detail="An apply would take back what was decided since.",
        hint=f"update the checkout; --allow {OLDER_CODE} --reason TEXT goes back on purpose",
    )


def _unknown(origin: Origin, applied: str) -> Diagnostic:
    why = origin.unreadable or "it is not in git, or has no commit yet"
    return Diagnostic(
        OLDER_CODE,
        Severity.WARNING,
        f"the commit of the policy is unknown, and {shortened(applied)} was applied last: {why}",
        detail="An older checkout would not be noticed, and would take back what was decided since.",
        hint=f"name the commit with --commit SHA or SNAPPLAN_COMMIT, or give --allow {OLDER_CODE} --reason TEXT",
    )


def _unwatched(origin: Origin) -> Diagnostic | None:
    if not origin.unreadable or origin.named:
        return None
    return Diagnostic(
        NOT_COMPARABLE,
        Severity.NOTE,
        f"the commit of the policy is unknown: {origin.unreadable}",
        detail="An older checkout will not be noticed.",
        hint="name the commit with --commit SHA or SNAPPLAN_COMMIT",
    )
