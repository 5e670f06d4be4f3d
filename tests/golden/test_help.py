"""The help of every command, as people see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.cli.reference import reference_markdown

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion


def test_help(snapshot: SnapshotAssertion) -> None:
    assert reference_markdown() == snapshot
