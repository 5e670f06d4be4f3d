"""The API below ``/api/v4`` as a function: a request in, an answer out or a Refusal raised."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from snapplan.devtools.vergeos.query import filters
from snapplan.devtools.vergeos.query.answer import Query, collection, single
from snapplan.devtools.vergeos.refusal import Refusal, no_such_row
from snapplan.devtools.vergeos.rules import cloud, values
from snapplan.devtools.vergeos.rules.actions import ACTION_TABLES, OTHER_ACTIONS, act, names, table_of
from snapplan.devtools.vergeos.rules.hooks import HOOKS, Hooks
from snapplan.devtools.vergeos.rules.removal import remove
from snapplan.devtools.vergeos.tables.schema import description

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snapplan.devtools.vergeos.rules.system import System
    from snapplan.devtools.vergeos.tables.shape import Key, Row, Table

NO_HOOKS = Hooks()


@dataclass(frozen=True)
class Request:
    """One request: ``path`` is what follows ``/api/v4``, in parts; ``body`` is the JSON object that was sent."""

    method: str
    path: tuple[str, ...]
    parameters: Mapping[str, str]
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Answer:
    """A success: ``body`` is what to send as JSON, None for an empty one."""

    status: int
    body: Any = None


def answer(system: System, request: Request) -> Answer:
    """Answer a request; raises Refusal."""
    match request.method, request.path:
        case "GET", ():
            return Answer(200, [{"name": name} for name in sorted({*system.tables, *ACTION_TABLES, *OTHER_ACTIONS})])
        case "GET", ("dashboard",):
            return Answer(200, dashboard(system))
        case "GET", (name, "$table"):
            return Answer(200, schema(system, name))
        case "POST", (name,) if name in ACTION_TABLES or name in OTHER_ACTIONS:
            return _acted(system, name, request.body or {})
        case "POST" | "PUT", (name, key, *more) if more or (request.method == "PUT" and "action" in request.parameters):
            action = more[0] if more else request.parameters["action"]
            return _acted_on(system, name, key, action, request)
    return _rows(system, request)


def _rows(system: System, request: Request) -> Answer:
    table = _table(system, request.path)
    if request.method not in table.methods:
        raise Refusal(405, "Not permitted")
    if len(request.path) == 1:
        if request.method == "GET":
            return Answer(200, _listed(system, table, Query.of(request.parameters)))
        if request.method == "POST":
            return Answer(201, receipt(table.name, create(system, table, request.body or {})["$key"]))
        raise Refusal(405, "Not permitted")
    row = _row(system, table, request)
    match request.method:
        case "GET":
            return Answer(200, single(system.store, system.switches, table, Query.of(request.parameters), row))
        case "PUT":
            update(system, table, row, request.body or {})
            return Answer(200, {})
        case "DELETE":
            delete(system, table, row)
            return Answer(200)
    raise Refusal(405, "Not permitted")


def _table(system: System, path: tuple[str, ...]) -> Table:
    if not path or len(path) > 2 or path[0] not in system.tables:
        raise Refusal(404, f"Resource '/v4/{'/'.join(path)}' not found")
    return system.tables[path[0]]


def _row(system: System, table: Table, request: Request) -> Row:
    row = system.row(table.name, values.as_key(system, table.name, request.path[1]))
    if row is None:
        raise no_such_row(table.name, request.path[1], {"PUT": "update"}.get(request.method, request.method.lower()))
    return row


def _listed(system: System, table: Table, query: Query) -> list[Row]:
    unknown = system.switches["unknown_filter_column"]
    found = filters.read(query.filter or "", table, system.now, unknown)
    if table.name in ("cloud_snapshot_vms", "cloud_snapshot_tenants"):
        cloud.populate(system, found.fixed)
    return collection(system.store, system.switches, table, query, found)


def receipt(table: str, key: Key, response: Any = None) -> Row:
    """Return what a POST answers: the key as text, the number of the row, and an action's response if it has one."""
    number = key if isinstance(key, int) else 1
    sent = {"location": f"/v4/{table}/{key}", "dbpath": f"{table}/{key}", "$row": number, "$key": str(key)}
    return sent if response is None else {**sent, "response": response}


def create(system: System, table: Table, body: Mapping[str, Any]) -> Row:
    """Make a row as a POST asks for it; raises Refusal."""
    row = values.new_row(system, table, body)
    links = _through(system, table, body)
    values.unique(system, table, row)
    make = HOOKS.get(table.name, NO_HOOKS).make
    made = system.store.insert(table.name, row) if make is None else make(system, row, body)
    _write_through(system, table, made, links)
    return made


def update(system: System, table: Table, row: Row, body: Mapping[str, Any]) -> None:
    """Change a row as a PUT asks for it; raises Refusal."""
    hooks = HOOKS.get(table.name, NO_HOOKS)
    wanted = values.changes(system, table, body)
    links = _through(system, table, body)
    if hooks.change is not None:
        wanted = hooks.change(system, row, wanted, body)
    values.unique(system, table, {**row, **wanted}, row["$key"])
    if table.column("modified") is not None:
        wanted = {**wanted, "modified": system.now}
    changed = system.store.change(table.name, row["$key"], **wanted)
    if hooks.changed is not None:
        hooks.changed(system, row, changed)
    _write_through(system, table, changed, links)


def delete(system: System, table: Table, row: Row) -> None:
    """Delete a row as a DELETE asks for it; raises Refusal."""
    hook = HOOKS.get(table.name, NO_HOOKS).delete
    if hook is None:
        remove(system, table.name, row["$key"])
    else:
        hook(system, row)


def _through(system: System, table: Table, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a body that belong to the row which another column refers to, checked."""
    return {
        name: values.reference(system, name, "snapshot_profiles", body[name]) for name in table.through if name in body
    }


def _write_through(system: System, table: Table, row: Row, links: Mapping[str, Any]) -> None:
    for name, value in links.items():
        via, column = table.through[name]
        spec = table.column(via)
        assert spec is not None
        system.store.change(spec.table, row[via], **{column: value})


def _acted(system: System, action_table: str, body: Mapping[str, Any]) -> Answer:
    response = act(system, action_table, body)
    number = system.receipt(action_table)
    if action_table == "vm_actions" and body.get("action") == "restore" and response is None:
        return Answer(201)
    return Answer(201, receipt(action_table, number, response))


def _acted_on(system: System, table: str, key: str, action: str, request: Request) -> Answer:
    action_table = table_of(table)
    if action_table is None:
        raise Refusal(404, f"Resource '/v4/{'/'.join(request.path)}' not found")
    body = request.body or {}
    found = ACTION_TABLES[action_table]
    rows = {"rows": [key]} if found.on_rows is not None else {}
    params = {**body.get("params", body), **rows}
    asked = {found.member: key, "action": action, "params": params}
    done = _acted(system, action_table, asked)
    return replace(done, status=200) if request.method == "PUT" else done


def schema(system: System, name: str) -> Row:
    """Return the schema of a table, or of a table of actions; raises Refusal (404)."""
    if name in system.tables:
        return description(system.tables[name])
    if name not in ACTION_TABLES:
        raise Refusal(404, f"Resource '/v4/{name}/$table' not found")
    action = {"name": "action", "type": "enum", "required": True, "list": names(system, name)}
    found = ACTION_TABLES[name]
    member = {"name": found.member, "type": "row", "table": found.table, "required": found.on_rows is None}
    return {"name": name, "fields": [member, action, {"name": "params", "type": "json"}], "methods": ["POST"]}


def dashboard(system: System) -> Row:
    """Return the counts that ``vrg system info`` shows."""
    running = [row for row in system.store.rows("machine_status").values() if row["running"]]
    online = [row for row in system.store.rows("tenant_status").values() if row["running"]]

    def count(table: str) -> int:
        return sum(not row.get("is_snapshot") for row in system.store.rows(table).values())

    quiet = ("machines_warn", "machines_error", "tenants_warn", "tenants_error", "alarms_count", "alarms_warning")
    return {
        "machines_count": {"$count": count("vms")},
        "machines_online": {"$count": len(running)},
        "tenants_count": {"$count": count("tenants")},
        "tenants_online": {"$count": len(online)},
        "nodes_count": {"$count": count("nodes")},
        "vnets_count": {"$count": count("vnets")},
        **{name: {"$count": 0} for name in quiet},
    }
