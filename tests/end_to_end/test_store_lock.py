"""Two applies on one store, of one catalog and of two, while the first is stopped."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from snapplan import crash

from .repository import CONFIG, Repository

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

LATER = "2026-11-22T13:30:00Z"


def _state(pid: int) -> str:
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[0]


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[tuple[Repository, subprocess.Popen[str]]]:
    """A repository of which a restore in place is stopped right before its exchange."""
    repository = Repository(tmp_path / "repository")
    repository.apply()
    words = ("restore", "lab/volume/a", "--mode", "in_place", "--confirm", "lab/volume/a")
    process = repository.start(*words, now=LATER, env={crash.PAUSE_VARIABLE: "restore.built"})
    deadline = time.monotonic() + 30
    while _state(process.pid) != "T":
        assert time.monotonic() < deadline, "it did not stop"
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    yield repository, process
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=30)


@pytest.mark.parametrize("catalog", ["the same", "another", "memory:"])
def test_a_second_apply_ends_with_6_and_names_the_process_that_is_stopped(
    stopped: tuple[Repository, subprocess.Popen[str]], catalog: str
) -> None:
    repository, process = stopped
    if catalog == "the same":
        unlocked = repository.run("catalog", "unlock", "lab", "--yes", now=LATER)
        assert "keeps the lock of that store" in unlocked.stderr
    else:
        url = catalog if catalog == "memory:" else "sqlite:///another.db"
        config = CONFIG.replace("sqlite:///catalog.db", f'"{url}"')
        (repository.root / "snapplan.yaml").write_text(config)
    second = repository.run("apply", "--auto-approve", "--lock-timeout", "1s", now=LATER, expect=6)
    assert f"process {process.pid}" in second.stderr
    assert "stopped (T)" in second.stderr
    # Looking waits for nobody.
    repository.run("status", now=LATER)
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=30)
    # The same catalog had unlocked it, so it is fenced; with two catalogs it goes on, and nothing happened in between.
    assert (process.returncode == 0) is (catalog != "the same")
    repository.apply(LATER)
    assert repository.leftovers() == []
