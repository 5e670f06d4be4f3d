from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from snapplan.drivers.directory import quiescing
from snapplan.drivers.directory.quiescing import freezing_for
from snapplan.models.policy import QuiesceCommands
from snapplan.models.target import Quiesce

if TYPE_CHECKING:
    from pathlib import Path

    from .folders import Folders


def _commands(freeze: str, thaw: str = "true") -> QuiesceCommands:
    return QuiesceCommands(freeze=("sh", "-c", freeze), thaw=("sh", "-c", thaw), timeout=timedelta(seconds=20))


def test_one_that_fails_to_thaw_in_an_unforeseen_way_leaves_no_other_frozen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thawed: list[str] = []

    @contextmanager
    def frozen(commands: QuiesceCommands, *, target_address: str, record: Path) -> Iterator[object]:
        yield None
        thawed.append(target_address)
        if target_address == "lab/vm/b":
            raise KeyboardInterrupt

    monkeypatch.setattr(quiescing, "frozen", frozen)
    keys = ["vm/a", "vm/b", "vm/c"]
    freezing = freezing_for("lab", Quiesce.REQUIRE, keys, {"vm/*": _commands("true")}, tmp_path / "record")
    with pytest.raises(KeyboardInterrupt), freezing:
        pass
    assert thawed == ["lab/vm/c", "lab/vm/b", "lab/vm/a"]


def test_what_was_frozen_before_one_that_fails_is_thawed(folders: Folders) -> None:
    log = folders.base / "log"
    folders.quiesce = {"volume/a": _commands("true", f"echo thawed >> {log}"), "volume/b": _commands("exit 1")}
    assert folders.create(folders.request("cloud", quiesce=Quiesce.REQUIRE)).error is not None
    assert log.read_text() == "thawed\n"
    assert list((folders.store / "frozen").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_record_that_cannot_be_removed_loses_no_snapshot(folders: Folders) -> None:
    records = folders.store / "frozen"
    folders.quiesce = {"volume/a": _commands(f"chattr +i {records}")}
    try:
        outcome = folders.create(folders.request("volume/a", quiesce=Quiesce.REQUIRE))
        if isinstance(outcome.error, Exception) and "chattr" in str(outcome.error):
            pytest.skip("no immutable folders here")
        assert outcome.snapshot is not None
        assert outcome.snapshot.quiesced is True
        assert len(list(records.iterdir())) == 1
    finally:
        subprocess.run(["chattr", "-i", records], check=False)
