"""The schedules that platforms run themselves, held against the policy: which profile is to be made, changed, assigned.

What stands on a platform as the policy wants it needs no action. A profile that snapplan did not make is used where it is
as wanted, and never changed; neither is the assignment of a target to such a profile, unless the policy takes it over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from snapplan.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from snapplan.models.platform import PlatformProfile
    from snapplan.models.request import PlatformAssignRequest, PlatformProfileRequest
    from snapplan.models.target import Target
    from snapplan.planner.context import Context, Draft
    from snapplan.planner.resolve import Resolved

Protection = tuple[str, str, str]
"""Backend, target id, profile."""


class Detached(NamedTuple):
    """A target whose profile is to be taken away: ``profile`` of the policy, which stands there as ``current``."""

    target: Target
    profile: str
    current: PlatformProfile


@dataclass(slots=True)
class Survey:
    """What has to be done on platforms.

    ``native`` are the protections that a platform runs. Of those, ``assignments`` has what to do, ``None`` where nothing
    is; one that is missing there must be left alone now, and a diagnostic says why. ``profiles`` has the same by backend
    and profile. ``detached`` are by backend and target id, ``unwanted`` the profiles of ours that the policy has no more.
    ``names`` has what platforms call their profiles, by backend and native id.
    """

    native: dict[Protection, Resolved] = field(default_factory=dict)
    profiles: dict[tuple[str, str], PlatformProfileRequest | None] = field(default_factory=dict)
    assignments: dict[Protection, PlatformAssignRequest | None] = field(default_factory=dict)
    detached: dict[tuple[str, str], Detached] = field(default_factory=dict)
    unwanted: list[tuple[str, PlatformProfile]] = field(default_factory=list)
    names: dict[tuple[str, str], str] = field(default_factory=dict)

    def name_of(self, backend: str, native_id: str) -> str | None:
        """Return what the platform calls a profile; ``None`` for none."""
        return self.names.get((backend, native_id), native_id) or None

    def stopped(self, protection: Protection) -> bool:
        """Whether nothing may be done about a protection that a platform runs."""
        return protection in self.native and protection not in self.assignments


def survey(context: Context, draft: Draft) -> Survey:
    """Hold the policy against all platforms; what is odd goes into the draft."""
    found = Survey()
    for triple, resolved in context.resolution.triples.items():
        if resolved.native:
            found.native.setdefault(triple[:3], resolved)
    for name in sorted(context.backends):
        platform = context.backends[name].platform
        if platform is not None:
            found.names.update({(name, profile.native_id): profile.name for profile in platform.profiles})
            # Imported here: most plans are of backends without a scheduler of their own.
            from snapplan.planner.platform_survey import PlatformSurvey

            PlatformSurvey(context, draft, found, name, platform).survey()
    unread = sorted({b for b, _, _ in found.native if b in context.backends and context.backends[b].platform is None})
    for name in unread:
        draft.diagnostics.append(
            Diagnostic(
                "SP450",
                Severity.NOTE,
                f"the schedule that {name} runs was not read; nothing is planned for it",
                hint="plan with a refresh",
            )
        )
    return found
