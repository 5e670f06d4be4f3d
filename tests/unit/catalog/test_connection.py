from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from snapplan.catalog.open import open_catalog
from snapplan.catalog.owner import current_owner
from snapplan.errors import CatalogError
from snapplan.models.world import Tracked

from .samples import DAILY, NOW, PROJECT, observation, snapshot, take

if TYPE_CHECKING:
    from pathlib import Path

    from snapplan.catalog.base import Catalog

WRITE_FOR_EVER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from snapplan.catalog.open import open_catalog
catalog = open_catalog("sqlite:///c.db", project="prod", base=Path(sys.argv[1]))
number = 0
while True:
    number += 1
    catalog.apply_profile(1, f"p{number}", {}, datetime(2026, 1, 1, tzinfo=UTC))
    print(number, flush=True)
"""


def test_what_was_confirmed_outlives_a_kill(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITE_FOR_EVER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(20):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        confirmed = 20 + len(process.stdout.readlines())
    catalog = open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path)
    state = catalog.state()
    catalog.close()
    assert len(state.profiles) in (confirmed, confirmed + 1)
    assert state.revision == len(state.profiles), "each write is whole or not there"


def test_many_threads_share_a_catalog(catalog: Catalog) -> None:
    run = catalog.begin_run("apply", current_owner({}), NOW, None).number
    together = threading.Barrier(8)

    def work(worker: int) -> None:
        together.wait()
        for number in range(worker * 10, worker * 10 + 10):
            shot = snapshot(f"s{number}")
            catalog.intent(run, take(number, shot), NOW)
            catalog.result(run, take(number, shot), "done", "", NOW, shot)
            assert f"s{number}" in catalog.known("dc1")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(catalog.known("dc1")) == 80
    assert {row.state for row in catalog.journal(run)} == {"done"}
    assert catalog.state().revision == 80


def test_an_exception_inside_a_write_leaves_nothing(catalog: Catalog) -> None:
    bad = observation(changed=[snapshot("s1"), snapshot("s2", taken_at=NOW.replace(tzinfo=None))])
    with pytest.raises(TypeError):
        catalog.observe(bad)
    assert catalog.known("dc1") == {}
    catalog.observe(observation(changed=[snapshot("s1")]))
    assert set(catalog.known("dc1")) == {"s1"}


def test_a_read_sees_one_state(tmp_path: Path) -> None:
    reader = open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path)
    writer = open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path)
    with reader._connection.read() as db:  # type: ignore[attr-defined]
        assert db.execute("SELECT revision FROM meta").fetchone() == (0,)
        writer.track(1, {DAILY: Tracked(NOW)}, [], "all", NOW)
        assert db.execute("SELECT count(*) FROM tracked").fetchone() == (0,)
    assert set(reader.state().tracked) == {DAILY}
    reader.close()
    writer.close()


def test_a_full_disk_is_named_and_loses_nothing(tmp_path: Path) -> None:
    catalog = open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path)
    catalog.observe(observation(changed=[snapshot()]))
    with catalog._connection.read() as db:  # type: ignore[attr-defined]
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages}")
    later = NOW + timedelta(minutes=1)
    with pytest.raises(CatalogError, match="no space is left"):
        catalog.observe(observation(later, changed=[snapshot(f"n{i}", name="x" * 500) for i in range(100)]))
    assert set(catalog.known("dc1")) == {"s1"}
    catalog.close()


def test_a_catalog_that_another_process_keeps_busy_is_named(tmp_path: Path) -> None:
    catalog = open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path)
    other = open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path)
    with catalog._connection.read() as db:  # type: ignore[attr-defined]
        db.execute("PRAGMA busy_timeout = 1")
    with other._connection.write(), pytest.raises(CatalogError, match="is busy: another process"):  # type: ignore[attr-defined]
        catalog.apply_profile(1, "gold", {}, NOW)
    catalog.apply_profile(1, "gold", {}, NOW)
    catalog.close()
    other.close()


def test_a_closed_catalog_says_so(catalog: Catalog) -> None:
    catalog.close()
    catalog.close()
    with pytest.raises(CatalogError, match="closed"):
        catalog.state()


def test_a_catalog_that_was_removed_meanwhile_is_not_made_anew(tmp_path: Path) -> None:
    catalog = open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path)
    catalog.close()
    os.unlink(tmp_path / "c.db")
    with pytest.raises(CatalogError):
        open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path, create=False)
    assert list(tmp_path.iterdir()) == []
