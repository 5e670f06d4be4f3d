"""Whatever a client sends is answered or refused: no request is an error of the simulator."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from snapplan.devtools.vergeos import seed as seeds
from snapplan.devtools.vergeos.query import field_syntax, filters
from snapplan.devtools.vergeos.refusal import Refusal
from snapplan.devtools.vergeos.rules import events
from snapplan.devtools.vergeos.rules.actions import ACTION_TABLES
from snapplan.devtools.vergeos.rules.service import Answer, Request, answer
from snapplan.devtools.vergeos.tables.schema import TABLES

from .conftest import DAY, NOON, SEED

OFFERED = {"vm_import": "offered", "volume_restore": "offered", "volume_import": "offered", "cloud_restore": "offered"}
VMS = next(table for table in TABLES if table.name == "vms")
WORDS = [
    "name",
    "eq",
    "and",
    "or",
    "(",
    ")",
    "'a'",
    "'",
    "{",
    "}",
    "$now",
    "1",
    "null",
    "rx",
    "machine#name",
    "\\",
    " ",
]
FIELDS = [
    "all",
    "name",
    "$key",
    "$display",
    "#",
    "(",
    ")",
    "[",
    "]",
    ",",
    " as ",
    "machine",
    "status",
    "count",
    "drives",
]
NAMES = sorted(
    {column.name for table in TABLES for column in table.columns} | {"params", "action", "rows", "vm", "volume"}
)
SCALARS = (
    st.none() | st.booleans() | st.integers(-1, 500003) | st.sampled_from(["", "a", "1", "never", "date", "vms/1"])
)
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.sampled_from(NAMES), SCALARS, max_size=2)
KEYED = st.just(1) | VALUES
KEYS = st.sampled_from(["0", "1", "2", "500001", "x", "$table"])


def handled(make):
    try:
        return make()
    except Refusal:
        return None


@given(st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join) | st.text(max_size=12))
@settings(max_examples=200)
def test_any_filter(text):
    found = handled(lambda: filters.read(text, VMS, NOON))
    if found is not None:
        found.test({"$key": 1, "name": "a", "machine": 1})


@given(st.lists(st.sampled_from(FIELDS), max_size=8).map("".join) | st.text(max_size=12))
@settings(max_examples=200)
def test_any_fields(text):
    handled(lambda: field_syntax.read(text))


def grown():
    system, _ = seeds.grow(seeds.parse({**SEED, "switches": OFFERED}), NOON)
    volume = next(iter(system.store.rows("volumes")))
    for path, body in {
        "machine_snapshots": {"machine": 500001, "name": "s"},
        "cloud_snapshots": {"name": "s"},
        "tenant_snapshots": {"tenant": 1, "name": "s"},
        "volume_snapshots": {"volume": volume, "name": "s"},
    }.items():
        answer(system, Request("POST", (path,), {}, body))
    events.advance(system, NOON + 1)
    answer(system, Request("GET", ("cloud_snapshot_vms",), {}))
    return system


ACTIONS = sorted({action for each in ACTION_TABLES.values() for action in (*each.actions, *(each.on_rows or {}))})


@given(
    st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    st.sampled_from([*(table.name for table in TABLES), *ACTION_TABLES]),
    st.none() | KEYS,
    st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6),
    st.sampled_from(["all", "most", "", "machine[all]", "count(drives) as n"]),
)
@settings(max_examples=300)
@example("POST", "cloud_snapshot_vm_actions", None, {"action": "recover", "params": {"rows": 1}}, "all")
def test_any_request(method, table, key, body, fields):
    system = grown()
    path = (table,) if key is None else (table, key)
    found = handled(lambda: answer(system, Request(method, path, {"fields": fields}, body)))
    assert found is None or isinstance(found, Answer)
    events.advance(system, NOON + 2 * DAY)


@given(
    st.sampled_from(sorted(ACTION_TABLES)),
    st.sampled_from(ACTIONS),
    st.sampled_from([1, 2, 3, "1"]),
    st.none()
    | st.fixed_dictionaries(
        {}, optional={"name": VALUES, "snapshot": KEYED, "rows": VALUES, "cloud_snapshot": KEYED, "expires": VALUES}
    ),
)
@settings(max_examples=300)
def test_any_action(table, action, key, params):
    system = grown()
    row = next(iter(system.store.rows("volumes"))) if table == "volume_actions" else key
    body = {ACTION_TABLES[table].member: row, "action": action, "params": params}
    handled(lambda: answer(system, Request("POST", (table,), {}, body)))
    events.advance(system, NOON + 2 * DAY)
