"""A policy repository above the working folder that somebody else owns is not used."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from unit.cli.conftest import Ran

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a file to another user")


@needs_root
def test_one_planted_above_is_refused(
    repository: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "work").mkdir()
    monkeypatch.chdir(repository / "work")
    assert run("validate").code == 0
    os.chown(repository / "snapplan.yaml", 54321, -1)
    ran = run("plan")
    assert (ran.code, ran.out) == (64, "")
    assert "belongs to another user (id 54321)" in ran.err
    assert run("plan", "-C", str(repository)).code == 0, "named on purpose"
    monkeypatch.setenv("SUDO_UID", "54321")
    assert run("validate").code == 0, "the user who called sudo"


@needs_root
def test_one_planted_in_a_folder_of_others_is_refused(
    repository: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in ``/tmp``; a whole checkout of another user is not refused, as containers have them."""
    monkeypatch.chdir(repository)
    os.chown(repository / "snapplan.yaml", 54321, -1)
    ran = run("plan")
    assert (ran.code, ran.out) == (64, "")
    assert "belongs to another user (id 54321)" in ran.err
    assert run("validate", "-C", ".").code == 0, "named on purpose"
    os.chown(repository, 54321, -1)
    assert run("validate").code == 0
