"""What an import found, as the entries of a policy file that is still to be written."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snapplan.models.target import Scope


class DraftProfile(NamedTuple):
    """One profile: ``fields`` and ``periods`` are keys and values as a policy file has them, ``remarks`` are comments."""

    key: str
    fields: Mapping[str, Any]
    periods: Mapping[str, Mapping[str, Any]]
    remarks: tuple[str, ...] = ()


class DraftAssignment(NamedTuple):
    """A profile on the targets of one scope. ``globs`` match exactly one name each, sorted; none for the cloud scope."""

    key: str
    profile: str
    scope: Scope
    globs: tuple[str, ...] = ()
    fields: Mapping[str, Any] = MappingProxyType({})


class Draft(NamedTuple):
    """A whole file.

    ``source`` says in a few words where it comes from. ``unmarked`` are the addresses of profiles that snapplan may compare
    but not change until they are adopted. ``missing`` are sentences about what could not be expressed.
    """

    backend: str
    source: str
    profiles: tuple[DraftProfile, ...] = ()
    assignments: tuple[DraftAssignment, ...] = ()
    unmarked: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
