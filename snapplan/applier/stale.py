"""What keeps an approved plan from being carried out: each refusal with its code, and what moved. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.diagnostics import Diagnostic, Severity
from snapplan.ids import format_instant, parse_instant
from snapplan.models.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from snapplan.catalog.base import RunRow
    from snapplan.models.plan import PolicyRevision

AGAIN = "make a new plan and have it approved"
CLOCKS_DIFFER = timedelta(minutes=5)
"""A plan may be made by a machine whose clock is so far ahead."""


COMMIT_LENGTH = 10


class Standing(NamedTuple):
    """What a saved plan is held against before anything is read: the policy, the catalog and the time as they are now.

    ``in_memory`` says that the catalog lives as long as the command. ``older`` is the commit last applied, where the
    plan's own is an ancestor of it. ``fresh`` says that nothing was applied with this catalog yet: a plan made before
    there was one (its id is empty) is the first thing that is.
    """

    policy: PolicyRevision
    catalog_id: str
    now: datetime
    max_age: timedelta
    in_memory: bool = False
    older: str | None = None
    fresh: bool = False


def refusal(code: str, summary: str, detail: str = "", hint: str = AGAIN) -> Diagnostic:
    """Return one reason why a plan is not carried out."""
    return Diagnostic(code, Severity.ERROR, summary, detail=detail, hint=hint)


def outdated(document: Mapping[str, Any], standing: Standing) -> list[Diagnostic]:
    """Return why a saved plan can no longer be carried out, as far as that can be said without reading a backend."""
    return [*_origin(document, standing), *_age(document, standing), *_policy(document, standing)]


def _origin(document: Mapping[str, Any], standing: Standing) -> Iterator[Diagnostic]:
    project = document["policy"]["project"]
    if project != standing.policy.project:
        yield refusal("SP503", f"the plan is of project {project!r}, not of {standing.policy.project!r}")
    elif standing.in_memory:
        yield refusal(
            "SP503", "the catalog is in memory, so the plan's own is gone", "Nobody knows which plans were used."
        )
    elif document["catalog"]["id"] != (standing.catalog_id if document["catalog"]["id"] or not standing.fresh else ""):
        yield refusal(
            "SP503",
            "the plan was made with another catalog, or this one was rebuilt since",
            "What the plan counted on, such as which slots were taken, may be unknown here.",
        )
    if not document["refreshed"]:
        yield refusal("SP512", "the plan was made without asking the backends", hint="plan again without --no-refresh")


def _age(document: Mapping[str, Any], standing: Standing) -> Iterator[Diagnostic]:
    as_of = parse_instant(document["as_of"])
    if as_of > standing.now + CLOCKS_DIFFER:
        yield refusal("SP505", f"the plan is for {format_instant(as_of)}, and it is {format_instant(standing.now)}")
    age = standing.now - as_of
    if age > standing.max_age and any(_takes_away(action) for action in document["actions"]):
        yield refusal(
            "SP505",
            f"the plan is {format_duration(age)} old, and it expires or restores something",
            f"Such a plan may be {format_duration(standing.max_age)} old (max_plan_age).",
        )


def _takes_away(action: Mapping[str, Any]) -> bool:
    return action["verb"] in ("expire", "restore") or not action["reversible"]


def _policy(document: Mapping[str, Any], standing: Standing) -> Iterator[Diagnostic]:
    planned, now = document["policy"], standing.policy
    if planned["digest"] != now.digest:
        detail = (
            f"The plan was made from {_at(planned['commit'], planned['dirty'])}; this is {_at(now.commit, now.dirty)}."
        )
        yield refusal("SP506", "the policy is another one than when the plan was made", detail)
    if standing.older is not None:
        yield refusal(
            "SP507",
            f"the plan is of commit {shortened(planned['commit'])}, which is older than {shortened(standing.older)}",
            "The newer one was applied since.",
        )


def _at(commit: str | None, dirty: bool | None) -> str:
    return "files outside git" if commit is None else f"commit {shortened(commit)}{' with changes' if dirty else ''}"


def shortened(commit: str | None) -> str:
    """Return a commit as people read it."""
    return (commit or "unknown")[:COMMIT_LENGTH]


def meanwhile(runs: Sequence[RunRow], since: datetime) -> str:
    """Return in one sentence who applied since an instant, or nothing; ``runs`` are newest first."""
    later = [run for run in runs if (run.ended_at or run.started_at) >= since and run.counts]
    if not later:
        return ""
    shown = [
        f"run {run.number} ({run.command}) by {run.owner} at {format_instant(run.started_at)}"
        + (f" from commit {shortened(run.policy_commit)}" if run.policy_commit else "")
        for run in later[:3]
    ]
    more = f" and {len(later) - 3} more" if len(later) > 3 else ""
    return f"Since the plan was made: {'; '.join(shown)}{more}."
