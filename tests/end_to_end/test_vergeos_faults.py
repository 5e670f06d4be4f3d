"""Each fault at each write of an apply that has every verb: after a second apply all is as without a fault, nothing twice.

A cell takes a second or two, so that ``make test`` tries one of each write, each fault among them; ``make
fault-matrix`` tries all of them and prints the table.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from .vergeos_faults.matrix import Calm, calm, tried
from .vergeos_faults.remains import differences, remains
from .vergeos_faults.rig import Rig, rig
from .vergeos_faults.scenario import APPLY
from .vergeos_faults.strikes import FAULTS
from .vergeos_faults.table import lines
from .vergeos_faults.writes import writes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
EVERY = 1 if os.environ.get("SNAPPLAN_FAULTS") == "all" else len(FAULTS)
CELLS = [
    (at, fault) for row, at in enumerate(writes()) for column, fault in enumerate(FAULTS) if (row + column) % EVERY == 0
]


@pytest.fixture(scope="module")
def rigged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, Calm]]:
    with rig(tmp_path_factory.mktemp("faults")) as made:
        yield made, calm(made)


def test_the_apply_has_every_verb_and_these_writes(rigged: tuple[Rig, Calm]) -> None:
    assert sorted(rigged[1].writes) == sorted(writes())
    assert set(writes().values()) == {"profile", "assign", "snapshot", "change", "expire", "restore"}


@pytest.mark.parametrize(("at", "fault"), CELLS, ids=lambda part: part.replace(" ", "-"))
def test_a_fault_leaves_nothing_undone_and_nothing_twice(
    rigged: tuple[Rig, Calm], at: str, fault: str, record_property: Any
) -> None:
    made, expected = rigged
    cell = tried(made, expected, fault, at)
    record_property("fault cell", (at, fault, str(cell)))
    assert cell.wrong == [], "\n".join(cell.wrong)


def test_what_would_be_wrong_is_seen(rigged: tuple[Rig, Calm]) -> None:
    made, expected = rigged
    root = made.begin("spoilt")
    assert made.run(root, *APPLY).code == 0
    assert differences(remains(made.sim.system, root), expected.remains) == []
    vms = {row["name"]: row for row in made.sim.get("vms", fields="$key,name,machine")}
    made.sim.post("vm_actions", {"vm": vms["db-own"]["$key"], "action": "clone", "params": {"name": "db-own"}})
    made.sim.put(f"vms/{vms['joins']['$key']}", {"snapshot_profile": None})
    made.sim.control("PUT", "bytes/vms/web/disk0", b"something else")
    told = "\n".join(differences(remains(made.sim.system, root), expected.remains))
    assert 'vms: 1x too much {"cloudinit_datasource"' in told
    assert "machines: 1x missing" in told
    assert "machine_drives: 1x missing" in told


def test_the_table_has_a_row_for_each_write_that_was_tried() -> None:
    at, other = list(writes())[:2]
    table = list(lines({(at, "late"): "7+6", (other, "cut"): "0+0"}))
    assert table[0].split() == " ".join(FAULTS).split()
    assert [line.split()[-len(FAULTS) :] for line in table[1:3]] == [
        ["7+6", *["."] * (len(FAULTS) - 1)],
        [*["."] * 6, "0+0", *["."] * (len(FAULTS) - 7)],
    ]
