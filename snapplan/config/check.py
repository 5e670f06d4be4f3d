"""What the policy means: everything that a model of one entry cannot see. All findings are collected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.config.check_assignments import check_assignments
from snapplan.config.check_config import check_config
from snapplan.config.check_periods import check_profiles
from snapplan.config.check_restores import check_restores
from snapplan.config.check_selectors import check_objectives, check_snapshots

if TYPE_CHECKING:
    from snapplan.config.checked import Checked


def check(checked: Checked) -> None:
    """Add what is wrong or doubtful about a policy to its findings."""
    check_config(checked)
    check_profiles(checked)
    check_assignments(checked)
    check_snapshots(checked)
    check_objectives(checked)
    check_restores(checked)
    _check_moved(checked)


def _check_moved(checked: Checked) -> None:
    """A rename leads from a name that is gone to one that exists, each used once."""
    if not checked.complete or checked.alone:
        return
    seen: set[str] = set()
    for index, moved in checked.entries.moved.items():
        path = ("moved", index)
        error = checked.findings.error
        source, to = moved.source.split(".")[1:], moved.to.split(".")[1:]
        if len(source) != len(to):
            error("SP221", (*path, "to"), "a profile moves to a profile and a period to a period", value=True)
        elif moved.source == moved.to:
            error("SP221", (*path, "to"), f'"{moved.to}" is moved to itself', value=True, hint="remove the entry")
        elif _exists(checked, source):
            hint = "remove the old one, or this entry"
            error("SP221", (*path, "from"), f'"{moved.source}" still exists', value=True, hint=hint)
        elif not _exists(checked, to):
            error("SP221", (*path, "to"), f'"{moved.to}" does not exist', value=True)
        if moved.source in seen:
            error("SP221", (*path, "from"), f'"{moved.source}" is moved twice', value=True, hint="keep one of them")
        seen.add(moved.source)


def _exists(checked: Checked, name: list[str]) -> bool:
    if name[0] not in checked.entries.defined["profiles"]:
        return False
    profile = checked.entries.sections["profiles"].get(name[0])
    return len(name) == 1 or profile is None or name[1] in profile.periods
