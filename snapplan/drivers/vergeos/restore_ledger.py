"""The restores that were begun, recorded on the platform itself before their effect: one tag for each key.

The tags of a category called after the project, which nothing can carry. Names of tags are unique in a category, so that a
key is begun once, whoever begins it; the last line of a tag's description says how far its restore has come.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.drivers.vergeos.api import quoted
from snapplan.drivers.vergeos.marks import line_of, with_line
from snapplan.drivers.vergeos.tagging import BEGUN, DONE, restore_category
from snapplan.errors import BackendError, NameTakenError, NotFoundError, OutcomeUnknownError
from snapplan.ids import KEY_NAME, format_instant

if TYPE_CHECKING:
    from snapplan.drivers.vergeos.api import Row
    from snapplan.drivers.vergeos.connection import Connection
    from snapplan.models.request import RestoreRequest

STARTED = "started"
FIELDS = "$key,name,description,category,category#name as category_name"
CATEGORY_TEXT = "The restores that snapplan began, one tag each. Without them one might be done twice."


class Entry(NamedTuple):
    """One recorded restore: its tag's key and name, and the fields of its line."""

    tag: int
    name: str
    fields: dict[str, Any]

    @property
    def key(self) -> str:
        """The restore's key."""
        return str(self.fields.get("key", self.name))

    @property
    def run(self) -> str:
        """The run that began it."""
        return str(self.fields.get("run", ""))

    @property
    def done(self) -> bool:
        """Whether it is completed."""
        return self.fields.get("state") == DONE

    @property
    def step(self) -> str:
        """How far it has come."""
        return str(self.fields.get("step", BEGUN))


def find(connection: Connection, key: str) -> Entry | None:
    """Return what is recorded of a restore, ``None`` where it was never begun.

    Raises ``RefusedError`` where something is recorded under its name that cannot be read.
    """
    name = tag_name(key)
    rows = connection.api.rows("tags", FIELDS, where=f"name eq {quoted(name)}")
    category = restore_category(connection.project)
    found = [row for row in rows if row.get("name") == name and row.get("category_name") == category]
    return _entry(connection, found[0]) if found else None


def unsettled(connection: Connection) -> list[Entry]:
    """Return the restores that were begun and are not done, in the order of their keys; unreadable ones are left out."""
    category = _category(connection)
    if category is None:
        return []
    rows = connection.api.rows("tags", FIELDS, where=f"category eq {category}")
    lines = [(row, line_of(row.get("description"))) for row in rows]
    entries = [Entry(int(row["$key"]), str(row["name"]), line) for row, line in lines if line and line.get("key")]
    return sorted((entry for entry in entries if not entry.done), key=lambda entry: entry.key)


def begin(connection: Connection, request: RestoreRequest) -> Entry:
    """Record that a restore begins; whoever has recorded it before keeps it.

    Raises ``RefusedError`` where it is known already, ``OutcomeUnknownError`` where that could not be found out.
    """
    fields = _fields(connection, request)
    text = f"restore {request.target_address} from {request.source.address} ({request.mode})"
    body = {
        "category": _category(connection) or _made_category(connection),
        "name": tag_name(request.key),
        "description": with_line(text, fields),
    }
    try:
        connection.api.post("tags", body)
    except NameTakenError as error:
        raise connection.refuse(f"restore {request.key!r} was begun by another run meanwhile") from error
    except OutcomeUnknownError as unknown:
        found = _looked(connection, request.key, unknown)
        if found is None:
            raise BackendError(connection.backend, f"{unknown}; looked: nothing was begun") from unknown
        if found.fields != {"v": 1, **fields}:
            raise connection.refuse(f"restore {request.key!r} was begun by another run meanwhile") from unknown
        return found
    found = find(connection, request.key)
    if found is None or found.fields != {"v": 1, **fields}:
        raise connection.failed(f"restore {request.key!r}: the system does not show its record as it was written")
    return found


def advance(connection: Connection, entry: Entry, **changes: Any) -> Entry:
    """Record how far a restore has come; raises ``OutcomeUnknownError`` where that could not be written."""
    row = connection.api.row("tags", entry.tag, FIELDS)
    if row is None or row.get("name") != entry.name:
        raise connection.failed(f"the record of restore {entry.key!r} is gone")
    fields = {**entry.fields, **changes}
    text = str(row.get("description") or "").rpartition("\n")[0]
    description = with_line(text, {name: value for name, value in fields.items() if name != "v"})
    try:
        connection.api.put("tags", entry.tag, {"description": description})
    except OutcomeUnknownError as unknown:
        found = _looked(connection, entry.key, unknown)
        if found is None or found.fields != fields:
            raise OutcomeUnknownError(
                connection.backend, f"restore {entry.key!r} could not be recorded: {unknown}"
            ) from unknown
    return entry._replace(fields=fields)


def forget(connection: Connection, entry: Entry) -> None:
    """Remove the record of a restore that had no effect; it may be begun again then."""
    found = find(connection, entry.key)
    if found is None or found.tag != entry.tag:
        return
    try:
        connection.api.delete("tags", entry.tag)
    except NotFoundError:
        return
    except OutcomeUnknownError as unknown:
        if _looked(connection, entry.key, unknown) is not None:
            raise


def tag_name(key: str) -> str:
    """Return the name of a restore's tag: its key, or what is left of one that is no name, with a hash."""
    if KEY_NAME.match(key):
        return key
    kept = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "_.-") else "-" for sign in key[:40])
    return f"{kept}-{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def _fields(connection: Connection, request: RestoreRequest) -> dict[str, Any]:
    return {
        "key": request.key,
        "run": request.run,
        "state": STARTED,
        "step": BEGUN,
        "target_id": request.target_id,
        "scope": str(request.scope),
        "name": request.name,
        "mode": str(request.mode),
        "as": request.as_name,
        "source": request.source.native_id,
        "source_scope": str(request.source.scope),
        "at": format_instant(connection.api.now()),
        "content": request.content,
        "power_on": request.power_on,
    }


def _entry(connection: Connection, row: Row) -> Entry:
    line = line_of(row.get("description"))
    if not line or "key" not in line:
        raise connection.refuse(
            f"the tag {row['name']} of {restore_category(connection.project)} records a restore and cannot be read",
            hint="find out what became of that restore, then delete the tag",
        )
    return Entry(int(row["$key"]), str(row["name"]), line)


def _looked(connection: Connection, key: str, unknown: OutcomeUnknownError) -> Entry | None:
    with connection.looking(str(unknown)):
        return find(connection, key)


def _category(connection: Connection) -> int | None:
    name = restore_category(connection.project)
    rows = connection.api.rows("tag_categories", "$key,name", where=f"name eq {quoted(name)}")
    return next((int(row["$key"]) for row in rows if row.get("name") == name), None)


def _made_category(connection: Connection) -> int:
    body = {"name": restore_category(connection.project), "description": CATEGORY_TEXT}
    try:
        connection.api.post("tag_categories", body)
    except (NameTakenError, OutcomeUnknownError) as error:
        made = _category(connection)
        if made is None:
            raise BackendError(connection.backend, f"{error}; looked: nothing was created") from error
        return made
    made = _category(connection)
    if made is None:
        raise connection.failed(f"the system does not show the category {restore_category(connection.project)}")
    return made
