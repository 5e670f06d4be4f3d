"""Carries out what is to be done about a platform's own schedule, through its driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from snapplan import crash
from snapplan.models.plan import Verb
from snapplan.redaction import redact

if TYPE_CHECKING:
    from snapplan.applier.site import Site
    from snapplan.drivers.base import ScheduleDriver
    from snapplan.models.plan import Action


def on_platform(action: Action) -> bool:
    """Whether a profile or assign action is carried out on a platform, and not only recorded."""
    return getattr(action.request, "platform", None) is not None


def set_on_platform(site: Site, action: Action) -> tuple[str, ...]:
    """Carry the action out on its platform; return what the operator is to know. Raises what the driver answers."""
    assert action.backend is not None
    driver = cast("ScheduleDriver", site.drivers[action.backend])
    crash.point("apply.call.before")
    if action.verb is Verb.PROFILE:
        outcome = driver.set_profile(action.request.platform)
    else:
        outcome = driver.set_assignment(action.request.platform)
    crash.point("apply.call.after")
    if outcome.error is not None:
        raise outcome.error
    return tuple(redact(notice) for notice in outcome.notices)
