from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from snapplan.catalog.open import open_catalog
from snapplan.drivers.metering import ProcessMeter
from snapplan.metering import PORTION, CatalogMeter

if TYPE_CHECKING:
    from pathlib import Path

    from snapplan.catalog.base import Catalog

URL = "sqlite:///c.db"


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNAPPLAN_NOW", "2026-11-22T12:00:00Z")


def opened(folder: Path, *, writable: bool = True) -> Catalog:
    return open_catalog(URL, project="prod", base=folder, writable=writable)


def test_a_process_counts_the_last_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    meter = ProcessMeter()
    meter.count(13)
    meter.count()
    monkeypatch.setenv("SNAPPLAN_NOW", "2026-11-22T12:59:59Z")
    meter.count()
    assert meter.spent() == 15
    monkeypatch.setenv("SNAPPLAN_NOW", "2026-11-22T13:00:00Z")
    assert meter.spent() == 1
    monkeypatch.setenv("SNAPPLAN_NOW", "2026-11-22T11:00:00Z")
    assert meter.spent() == 1, "a clock that is set back frees nothing"


def test_processes_that_share_a_catalog_share_the_count(tmp_path: Path) -> None:
    one, other = CatalogMeter(opened(tmp_path), "dc1"), CatalogMeter(opened(tmp_path), "dc1")
    one.count(13)
    assert (one.spent(), other.spent()) == (13, 0)
    one.flush()
    other.count(2)
    assert (one.spent(), other.spent()) == (13, 15)


def test_a_killed_process_loses_less_than_a_portion(tmp_path: Path) -> None:
    killed = CatalogMeter(opened(tmp_path), "dc1")
    for _ in range(3 * PORTION - 1):
        killed.count()
    assert CatalogMeter(opened(tmp_path), "dc1").spent() == 2 * PORTION


def test_without_write_access_a_process_counts_its_own_on_top(tmp_path: Path) -> None:
    writer = CatalogMeter(opened(tmp_path), "dc1")
    writer.count(13)
    writer.flush()
    reader = CatalogMeter(opened(tmp_path, writable=False), "dc1")
    reader.count(5)
    reader.flush()
    assert (reader.spent(), writer.spent()) == (18, 13)


def test_a_catalog_that_fails_stops_no_call(tmp_path: Path) -> None:
    catalog = opened(tmp_path)
    catalog.close()
    meter = CatalogMeter(catalog, "dc1")
    meter.count(PORTION)
    meter.count(1)
    assert meter.spent() == PORTION + 1


def test_threads_share_a_meter(tmp_path: Path) -> None:
    meter = CatalogMeter(opened(tmp_path), "dc1")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: meter.count(), range(200)))
    meter.flush()
    assert CatalogMeter(opened(tmp_path), "dc1").spent() == 200
