"""What is sent to take a snapshot, and what is not sent at all because the platform would refuse or misunderstand it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from snapplan import clock
from snapplan.drivers.vergeos.expiration import expiring, first_expiration
from snapplan.drivers.vergeos.keys import parent_column
from snapplan.drivers.vergeos.marks import MarkTooLongError, described, mark_of
from snapplan.drivers.vergeos.profiles import EXCLUDING, UnknownTagError, joined_keys
from snapplan.drivers.vergeos.reads import PARTIAL_SINCE, TAG_FIELDS
from snapplan.drivers.vergeos.tagging import tag_keys
from snapplan.errors import QuiesceError
from snapplan.models.target import Quiesce, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from snapplan.drivers.vergeos.connection import Connection
    from snapplan.models.request import SnapshotRequest

QUIESCABLE: Mapping[Scope, str] = MappingProxyType({Scope.VM: "quiesced", Scope.VOLUME: "quiesce"})
"""The column that tells whether I/O was frozen, of the scopes that have one."""
MANUALLY = frozenset({Scope.VM, Scope.VOLUME})
FULL = "full"


def refuse_unfit(connection: Connection, request: SnapshotRequest) -> None:
    """Raise ``RefusedError`` for what must not be asked of the platform."""
    _refuse_name(connection, request.name)
    mark, target = request.mark, request.target
    if mark.project != connection.project or mark.target_id != target.id:
        raise connection.refuse(
            f"the mark of {request.name} is not of {target.address} and project {connection.project}"
        )
    if request.quiesce is Quiesce.REQUIRE and target.scope not in QUIESCABLE:
        raise QuiesceError(connection.backend, f"{target.address}: the platform freezes no I/O at scope {target.scope}")
    if target.scope is Scope.CLOUD and _is_partial(request) and connection.api.version_numbers < PARTIAL_SINCE:
        # An older one would drop the type without a word and take the whole system.
        raise connection.refuse(f"VergeOS {connection.api.version} takes no partial system snapshots; 26.1 does")


def _refuse_name(connection: Connection, name: str) -> None:
    capabilities = connection.capabilities
    length = len(name.encode())
    if not 0 < length <= capabilities.max_name_length:
        raise connection.refuse(f"a snapshot's name has 1 to {capabilities.max_name_length} bytes, not {length}")
    if any(sign in capabilities.reserved_in_names or not sign.isprintable() for sign in name) or name != name.strip():
        raise connection.refuse(f"{name!r} is not a name for a snapshot")


def body_of(connection: Connection, request: SnapshotRequest, parent: int | str | None) -> dict[str, Any]:
    """Return the body of the POST. The expiration always stands in it: what is left out differs by table.

    Raises ``RefusedError`` for a tag that the system does not have, and for a mark that fits into no description.
    """
    scope = request.target.scope
    api = connection.api
    locked = scope is Scope.CLOUD and bool(request.options.get("immutable"))
    expires = first_expiration(request.mark, clock.now(), api.now(), locked=locked)
    body: dict[str, Any] = {"name": request.name, "description": _description(connection, request)}
    body |= expiring(scope, expires)
    column = parent_column(scope)
    if column is not None:
        body[column] = parent
    if scope in MANUALLY:
        body |= {"created_manually": True, "quiesce": request.quiesce is not Quiesce.NEVER}
    return body | _of_the_system(connection, request) if scope is Scope.CLOUD else body


def _description(connection: Connection, request: SnapshotRequest) -> str:
    name = request.name if request.target.scope is Scope.CLOUD else ""
    try:
        description = described(request.description, request.mark, name)
    except MarkTooLongError as error:
        raise connection.refuse(f"{request.target.address}@{request.name}: {error}") from error
    if mark_of(description, request.name) != request.mark:
        # What cannot be read again would be a snapshot that is nobody's.
        raise connection.refuse(f"the mark of {request.target.address}@{request.name} cannot be written")
    return description


def _of_the_system(connection: Connection, request: SnapshotRequest) -> dict[str, Any]:
    options = request.options
    body: dict[str, Any] = {"min_snapshots": 0}
    body |= {name: True for name in ("immutable", "private") if options.get(name)}
    if not _is_partial(request):
        return body
    names = {column: _names(options.get(column)) for column in ("partial_tags", "quiesce_tags")}
    keys = tag_keys(connection.api.rows("tags", TAG_FIELDS))
    try:
        excluding = options.get("type") == EXCLUDING
        joined = {
            column: joined_keys(each, keys, first=excluding and column == "partial_tags")
            for column, each in names.items()
        }
    except UnknownTagError as error:
        raise connection.refuse(f"{request.target.address}: {error}") from error
    return body | {"type": options.get("type"), **{column: text for column, text in joined.items() if text}}


def _is_partial(request: SnapshotRequest) -> bool:
    return (request.options.get("type") or FULL) != FULL


def _names(value: object) -> Sequence[str]:
    return tuple(map(str, value)) if isinstance(value, (list, tuple, frozenset, set)) else ()
