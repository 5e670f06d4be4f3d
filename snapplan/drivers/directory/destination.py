"""Which folder of a snapshot goes where, decided before anything is touched."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from snapplan.drivers.directory.layout import FOLDERS, NO_PLACE_FOR_CLONES
from snapplan.drivers.directory.listing import in_place_blockers, target_id
from snapplan.drivers.directory.names import name_fault
from snapplan.drivers.directory.parts import path_in
from snapplan.errors import NameTakenError, NotFoundError, NotSupportedError, RefusedError
from snapplan.models.target import RestoreMode, Scope

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from snapplan.drivers.directory.layout import Layout
    from snapplan.models.request import RestoreRequest


class Replacement(NamedTuple):
    """``source``, a folder of a snapshot's data, goes to ``live``. ``key`` is ``vm/web-01``.

    ``folder`` is the name of the folder that the target's snapshots have.
    """

    key: str
    source: Path
    live: Path
    folder: str


def replacements_of(layout: Layout, request: RestoreRequest, data: Path) -> list[Replacement]:
    """Return what ``request`` puts where.

    Raises ``NotFoundError`` when the snapshot does not hold it or there is no place for it, ``NameTakenError``,
    ``NotSupportedError``, ``RefusedError`` (blocked), ``OSError``.
    """
    layout.check_root()
    if request.scope is Scope.CLOUD:
        return _whole(layout, request, data)
    source = _source_of(request, data)
    key = target_id(request.scope, request.name)
    if request.mode is RestoreMode.CLONE:
        return [Replacement(key, source, _clone_place(layout, request), request.as_name)]
    replacement = _in_place(layout, key, source, _own_folder(request, source))
    _refuse_blocked(layout, [replacement])
    return [replacement]


def _whole(layout: Layout, request: RestoreRequest, data: Path) -> list[Replacement]:
    if request.source.scope is not Scope.CLOUD or request.mode is not RestoreMode.IN_PLACE:
        raise NotSupportedError(layout.backend, "the whole system is restored in place, from a cloud snapshot")
    replacements = []
    for key in request.source.contains:
        scope, name = Scope(key.partition("/")[0]), key.partition("/")[2]
        source = path_in(data, scope, name)
        if source is None:
            raise NotFoundError(layout.backend, f"{request.source.address} should hold {key} and does not")
        replacements.append(_in_place(layout, key, source, source.name))
    _refuse_blocked(layout, replacements)
    _refuse_nested(layout, replacements)
    return replacements


def _source_of(request: RestoreRequest, data: Path) -> Path:
    snapshot = request.source
    if snapshot.scope is request.scope:
        if snapshot.target_id != target_id(request.scope, request.name):
            raise NotFoundError(request.backend, f"{snapshot.address} is no snapshot of {request.target_address}")
        return data
    found = path_in(data, request.scope, request.name) if snapshot.scope is Scope.CLOUD else None
    if found is None:
        raise NotFoundError(request.backend, f"{snapshot.address} does not hold {request.scope}/{request.name}")
    return found


def _own_folder(request: RestoreRequest, source: Path) -> str:
    # A snapshot of the target itself lies at STORE/snapshots/SCOPE/FOLDER/NAME/data.
    return source.name if request.source.scope is Scope.CLOUD else source.parent.parent.name


def _in_place(layout: Layout, key: str, source: Path, folder: str) -> Replacement:
    """Return what goes where a target is, or was when it is gone; ``folder`` is the name that it had then."""
    scope, name = Scope(key.partition("/")[0]), key.partition("/")[2]
    place = layout.place(scope, name)
    if place is not None:
        return Replacement(key, source, place.path, place.folder)
    return Replacement(key, source, _home(layout, scope, name, folder), folder)


def _home(layout: Layout, scope: Scope, name: str, folder: str) -> Path:
    home = layout.home(scope, name)
    if home is None:
        raise NotFoundError(
            layout.backend,
            f"{scope}/{name} is neither a named path any more, nor is there a root to restore it in",
            hint=f"name its path under {FOLDERS[scope]}: in snapplan.yaml",
        )
    home = home if (scope, name) in layout.named else home.with_name(folder)
    if os.path.lexists(home):
        raise RefusedError(layout.backend, f"{str(home)!r} is in the way, and is no folder")
    return home


def _clone_place(layout: Layout, request: RestoreRequest) -> Path:
    fault = name_fault(request.as_name)
    if fault:
        raise RefusedError(layout.backend, f"a clone cannot have this name: {fault}")
    folder = layout.folder_of(request.scope)
    if folder is None:
        raise RefusedError(
            layout.backend,
            NO_PLACE_FOR_CLONES,
            hint="give the backend a root:, or restore in place",
        )
    path = folder / request.as_name
    if os.path.lexists(path) or (request.scope, request.as_name) in layout.named:
        raise NameTakenError(layout.backend, f"{request.scope}/{request.as_name} exists already")
    return path


def _refuse_blocked(layout: Layout, replacements: Sequence[Replacement]) -> None:
    keys = {item.key for item in replacements}
    blockers = in_place_blockers(layout, [place for place in layout.places() if place.key in keys])
    for key, reason in blockers.items():
        raise RefusedError(layout.backend, f"{key} cannot be restored in place: {reason}")


def _refuse_nested(layout: Layout, replacements: Sequence[Replacement]) -> None:
    keys = {item.live: item.key for item in replacements}
    for item in replacements:
        outer = next((keys[parent] for parent in item.live.parents if parent in keys), None)
        if outer is not None:
            raise RefusedError(layout.backend, f"{item.key} lies inside {outer}, so they cannot be exchanged together")
