from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from snapplan.catalog.open import open_catalog

from .samples import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from snapplan.catalog.base import Catalog


@pytest.fixture(params=["file", "memory"])
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalog]:
    """The same catalog in a file and in memory: both keep all promises except to be there again after a restart."""
    url = "sqlite:///catalog.db" if request.param == "file" else "memory:"
    opened = open_catalog(url, project=PROJECT, base=tmp_path)
    yield opened
    opened.close()
