from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .folders import Dying, Folders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    folders = Folders(tmp_path)
    folders.write(
        volumes__a__file="one",
        volumes__b__deep__file="two",
        vms__web__disk="three",
        tenants__acme__volumes__x__file="four",
        tenants__acme__vms__db__disk="five",
    )
    return folders


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A scratch folder that other users reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def dying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dying]:
    process = Dying(tmp_path_factory.mktemp("dying"))
    yield process
    process.close()


@pytest.fixture
def mount() -> Iterator[Callable[..., None]]:
    """Mount something at a folder until the test is over (needs root)."""
    mounted: list[Path] = []

    def do(place: Path, *arguments: str) -> None:
        if os.geteuid() != 0:
            pytest.skip("needs root to mount")
        place.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["mount", *arguments, str(place)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"cannot mount here: {done.stderr}")
        mounted.append(place)

    yield do
    for place in reversed(mounted):
        subprocess.run(["umount", "-l", str(place)], check=True)
