"""What a restore is to do, out of its request or, after its run died, out of its record."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.drivers.vergeos.keys import RowId, parse_row_id
from snapplan.drivers.vergeos.standing import meant, row_of
from snapplan.errors import NotFoundError
from snapplan.models.target import RestoreMode, RestorePath, Scope

if TYPE_CHECKING:
    from snapplan.drivers.vergeos.api import Row
    from snapplan.drivers.vergeos.connection import Connection
    from snapplan.drivers.vergeos.restore_ledger import Entry
    from snapplan.models.request import RestoreRequest


class Wanted(NamedTuple):
    """One restore: ``target_id`` and ``name`` are the target's, ``as_name`` the clone's, ``source`` the snapshot's row."""

    scope: Scope
    name: str
    target_id: str
    source_scope: Scope
    source: RowId
    mode: RestoreMode
    as_name: str = ""
    preserve_macs: bool = False

    @property
    def path(self) -> RestorePath:
        """Which restore of the driver's it is."""
        return RestorePath(self.source_scope, self.scope, self.mode)

    def source_row(self, connection: Connection) -> Row:
        """Return the row of the snapshot; raise ``NotFoundError`` where it is gone."""
        row = row_of(connection, self.source_scope, self.source)
        if row is None:
            text = f"{connection.backend}: the {self.source_scope} snapshot {self.source.name} is not there any more"
            raise NotFoundError(connection.backend, text)
        return row


def wanted_of(connection: Connection, request: RestoreRequest) -> Wanted:
    """Return what a request asks for; raises ``RefusedError`` where its source names no row."""
    return Wanted(
        scope=request.scope,
        name=request.name,
        target_id=request.target_id,
        source_scope=request.source.scope,
        source=meant(connection, request.source),
        mode=request.mode,
        as_name=request.as_name,
        preserve_macs=request.preserve_macs,
    )


def wanted_again(entry: Entry) -> Wanted:
    """Return what a recorded restore was to do; raises ``ValueError`` where its record does not say so."""
    fields = entry.fields
    try:
        return Wanted(
            scope=Scope(fields["scope"]),
            name=str(fields["name"]),
            target_id=str(fields["target_id"]),
            source_scope=Scope(fields["source_scope"]),
            source=parse_row_id(str(fields["source"])),
            mode=RestoreMode(fields["mode"]),
            as_name=str(fields["as"]),
        )
    except KeyError as error:
        raise ValueError(f"it has no {error}") from error
