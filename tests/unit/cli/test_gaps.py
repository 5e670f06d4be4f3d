"""Gaps end a run with 7 when they appear or change; afterwards they are a notice, and status shows them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Ran


@pytest.fixture
def bar(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let files of these names be unreadable, even to root."""
    barred: set[str] = set()
    original = os.open

    def opened(path: Any, *arguments: Any, **options: Any) -> int:
        if path in barred:
            raise OSError(errno.EACCES, "Permission denied", path)
        return original(path, *arguments, **options)

    monkeypatch.setattr(os, "open", opened)

    def do(*names: str) -> None:
        barred.clear()
        barred.update(names)

    return do


def test_gaps_are_no_success_once(
    run: Callable[..., Ran], repository: Path, bar: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (repository / "lab/volumes/a" / name).write_text(name)
    codes = []
    for hour, names in enumerate([(), ("one",), ("one",), ("two",), ()], start=3):
        monkeypatch.setenv("SNAPPLAN_NOW", f"2026-11-22T{hour:02}:00:04Z")
        bar(*names)
        ran = run("apply", "--auto-approve")
        codes.append(ran.code)
        assert all(name in ran.out for name in names)
        if names:
            assert "not captured" in run("status").out
    assert codes == [0, 7, 0, 7, 0]
    assert "not captured" not in run("status").out
    assert "SP470" in run("why", "SP470").out
