"""Orders that are repeated or cannot be carried out, and what is then advised; pins as the reason why something stays."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import pytest

from snapplan.cli.planning import order_command
from snapplan.models.order import Orders, RestoreOrder, SnapshotOrder
from snapplan.models.target import RestoreMode

from .repository import HOURLY, NOW, Repository

LATER = "2026-11-22T12:10:00Z"
TAKE = ("snapshot", "lab/volume/*", "--key", "CHG-7", "--expires", "2d")
TAKEN = ["lab/volume/a@manual.CHG-7", "lab/volume/b@manual.CHG-7"]
NAMED = """\
version: 1
project: e2e
backends:
  lab: {driver: directory, store: store, volumes: {a: data/volumes/a, b: data/volumes/b}}
catalog: sqlite:///catalog.db
"""


def test_an_order_that_is_repeated_is_no_error_and_takes_nothing(repository: Repository) -> None:
    assert repository.run(*TAKE).stdout.splitlines() == TAKEN
    again = repository.run(*TAKE, now=LATER)
    assert again.stdout.splitlines() == TAKEN
    assert "lab/volume/a was already taken as manual.CHG-7 at 2026-11-22T12:00:00Z" in again.stderr
    assert [row["created_at"] for row in repository.snapshots(LATER)] == [NOW, NOW]


def test_an_order_with_a_new_target_takes_that_alone(repository: Repository) -> None:
    repository.run(*TAKE)
    repository.write("volumes/c/file", "new")
    assert repository.run(*TAKE, now=LATER).stdout.splitlines() == [*TAKEN, "lab/volume/c@manual.CHG-7"]
    taken = {row["target"]: row["created_at"] for row in repository.snapshots(LATER)}
    assert taken == {"lab/volume/a": NOW, "lab/volume/b": NOW, "lab/volume/c": LATER}


@pytest.mark.parametrize(
    ("expires", "now", "why"),
    [
        ("3d", LATER, "which expires at 2026-11-24T12:00:00Z"),
        ("never", LATER, "which expires at 2026-11-24T12:00:00Z"),
        ("2d", "2026-11-24T12:00:00Z", "which is gone or past its expiration"),
    ],
)
def test_another_order_under_a_used_key_is_an_error(repository: Repository, expires: str, now: str, why: str) -> None:
    repository.run(*TAKE)
    other = repository.run(*TAKE[:-1], expires, now=now, expect=1)
    assert other.stdout == ""
    assert f"the key 'CHG-7' was used for a snapshot of lab/volume/a before, {why}" in other.stderr
    assert len(repository.snapshots(now)) == 2


def test_a_snapshot_that_expired_is_not_taken_again_by_the_same_order(repository: Repository) -> None:
    repository.run(*TAKE)
    repository.apply("2026-11-25T12:00:00Z")
    gone = repository.run(*TAKE, now="2026-11-25T12:01:00Z", expect=1)
    assert gone.stdout == ""
    assert "is gone" in gone.stderr


def test_a_clone_that_has_no_place_is_refused_by_the_plan(tmp_path: Path) -> None:
    lab = Repository(tmp_path / "repository", HOURLY, NAMED)
    lab.apply()
    before = lab.json("list", "runs")
    order = ("restore", "lab/volume/a", "--as", "copy", "--auto-approve")
    refused = lab.run(*order, expect=1)
    assert "SP427" in refused.stderr
    assert (
        "lab cannot make a clone: a clone needs a root to lie in, and this backend only has named paths"
        in refused.stderr
    )
    assert lab.json("list", "runs") == before
    lab.write("volumes/a/file", "changed")
    lab.run("restore", "lab/volume/a", "--mode", "in_place", "--confirm", "lab/volume/a")
    assert lab.read("volumes/a/file") == "one"


def test_what_is_advised_after_an_order_failed_repeats_the_order(repository: Repository) -> None:
    (repository.root / "snapplan.yaml").write_text(
        (repository.root / "snapplan.yaml")
        .read_text()
        .replace("root: data}", 'root: data, quiesce_commands: {"*": {freeze: ["false"], thaw: ["true"]}}}')
    )
    failed = repository.run(*TAKE, "--quiesce", "require", expect=7)
    assert f"To continue:  snapplan {shlex.join(TAKE)} --quiesce require " in failed.stderr


@pytest.mark.parametrize(
    ("orders", "confirmed", "command"),
    [
        (
            Orders(restores=(RestoreOrder("k", "lab/vm/a", "gold.daily", mode=RestoreMode.IN_PLACE),)),
            {"lab/vm/a"},
            "snapplan restore lab/vm/a --from gold.daily --mode in_place --confirm lab/vm/a",
        ),
        (
            Orders(restores=(RestoreOrder("k", "lab/vm/a b", as_name="c"),)),
            (),
            "snapplan restore 'lab/vm/a b' --from latest --as c",
        ),
        (
            Orders(snapshots=(SnapshotOrder(("lab/*",), "k", None, "why not"),)),
            (),
            "snapplan snapshot 'lab/*' --key k --expires never --description 'why not'",
        ),
    ],
)
def test_an_order_is_written_as_it_can_be_typed(orders: Orders, confirmed: set[str], command: str) -> None:
    with click.Context(click.Command("snapplan")):
        assert order_command(orders, frozenset(confirmed)) == command


def test_a_pin_is_the_reason_before_the_expiration_too(repository: Repository) -> None:
    repository.apply()
    address = "lab/volume/a@gold.hourly.20261122T1200Z"
    repository.run("pin", address, "--reason", "audit")
    row = next(row for row in repository.snapshots(LATER) if row["snapshot"] == address)
    assert row["pinned"]
    assert row["reason"].startswith("pinned by ")
    assert row["reason"].endswith(": audit (without the pin: expires in 2h50m)")
    told = repository.json("why", address, now=LATER)
    assert told["because"][0] == {"word": "kept", "text": row["reason"]}
    expires = next(line["text"] for line in told["because"] if line["word"] == "expires")
    assert expires == "when the pin is taken away, and not before 2026-11-22T15:00:00Z"


def test_a_pin_that_ended_is_no_reason(repository: Repository) -> None:
    repository.apply()
    address = "lab/volume/a@gold.hourly.20261122T1200Z"
    repository.run("pin", address, "--reason", "audit", "--until", "2026-11-22T12:05Z")
    row = next(row for row in repository.snapshots(LATER) if row["snapshot"] == address)
    assert (row["pinned"], row["reason"]) == (False, "expires in 2h50m")
