"""An approved plan of which nothing is done: 0 only where all is so already, else 7, each with the true reason."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Ran

LATER = "2026-11-22T03:00:04Z"


@pytest.fixture
def second(run: Callable[..., Ran], repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a second volume, new since the first apply; an hour later the first one is due again."""
    assert run("apply", "--auto-approve").code == 0
    folder = repository / "lab" / "volumes" / "b"
    folder.mkdir()
    return folder


def states(run: Callable[..., Ran], number: int) -> dict[str, tuple[str, str]]:
    journal = json.loads(run("show", "run", str(number), "--format", "json").out)["journal"]
    return {row["verb"]: (row["state"], row["text"]) for row in journal}


def test_a_target_that_was_deleted_is_the_reason_and_not_the_catalog(run: Callable[..., Ran], second: Path) -> None:
    assert run("plan", "--target", "lab/volume/b", "--out", "plan.json").code == 0
    shutil.rmtree(second)
    ran = run("apply", "plan.json")
    assert ran.code == 7
    assert "its target was deleted" in ran.out
    assert "has it already" not in ran.out + ran.err
    assert states(run, 2) == dict.fromkeys(("assign", "snapshot"), ("not_tried", "its target was deleted"))
    assert json.loads(run("show", "run", "2", "--format", "json").out)["state"] == "failed"


def test_what_is_so_already_is_no_failure(
    run: Callable[..., Ran], second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("plan", "--target", "lab/volume/b", "--out", "plan.json").code == 0
    monkeypatch.setenv("SNAPPLAN_NOW", LATER)
    assert run("apply", "--auto-approve").code == 0
    ran = run("apply", "plan.json")
    assert ran.code == 0, ran.out + ran.err
    assert "There was nothing left to do." in ran.out
    assert states(run, 3)["assign"] == ("skipped", "the catalog has it already")
    assert states(run, 3)["snapshot"][1].startswith("its slot is satisfied already")


def test_what_is_done_in_part_says_what_could_not_be(
    run: Callable[..., Ran], second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNAPPLAN_NOW", LATER)
    assert run("plan", "--out", "plan.json").code == 0
    shutil.rmtree(second)
    ran = run("apply", "plan.json", "--format", "json")
    assert ran.code == 7
    account = json.loads(ran.out)
    assert account["state"] == "partial"
    assert {(a["subject"], a["state"]) for a in account["actions"] if a["verb"] == "snapshot"} == {
        ("lab/volume/a@gold.hourly.20261122T0300Z", "done"),
        ("lab/volume/b@gold.hourly.20261122T0300Z", "not_tried"),
    }


def test_a_backend_that_is_gone_is_the_reason(run: Callable[..., Ran], repository: Path, second: Path) -> None:
    assert run("plan", "--out", "plan.json").code == 0
    (repository / "lab").rename(repository / "elsewhere")
    ran = run("apply", "plan.json")
    assert ran.code == 7
    assert "backend lab is left out" in ran.out


def test_an_expiry_that_a_pin_stops_is_not_read_as_success(
    run: Callable[..., Ran], repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("snapshot", "lab/volume/a", "--key", "k", "--expires", "1h").code == 0
    monkeypatch.setenv("SNAPPLAN_NOW", "2026-11-22T04:00:04Z")
    policy = repository / "policies" / "gold.yaml"
    policy.write_text(policy.read_text().replace("scope: volume", "scope: volume, names: [none]"))
    assert run("plan", "--out", "plan.json").code == 0
    assert [a["verb"] for a in json.loads(Path("plan.json").read_text())["actions"] if a["verb"] != "profile"] == [
        "expire"
    ]
    assert run("pin", "lab/volume/a@manual.k", "--reason", "audit").code == 0
    ran = run("apply", "plan.json", "--only", "expire")
    assert ran.code == 7
    assert "pinned it since: audit" in ran.out


def test_many_of_which_the_same_is_said_are_one_line(run: Callable[..., Ran], repository: Path) -> None:
    for number in range(12):
        (repository / "lab" / "volumes" / f"v{number}").mkdir()
    assert run("plan", "--out", "plan.json").code == 0
    for number in range(12):
        (repository / "lab" / "volumes" / f"v{number}").rmdir()
    ran = run("apply", "plan.json")
    assert ran.code == 7
    assert ran.out.count("its target was deleted") == 8, "three and a count, of assignments and of snapshots"
    assert "+ ... 9 more" in ran.out
    assert ran.err.count("is skipped: its target was deleted; the same for 11 more") == 2
