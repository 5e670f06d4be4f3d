"""Settings that all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from isolation import isolate

isolate()

# The same examples every time: a gate that fails by chance is asked again until it passes. `--hypothesis-profile=search`
# looks for new ones.
settings.register_profile("gate", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("search", deadline=None, max_examples=1_000)
settings.load_profile("gate")

pytest_plugins = ["snapplan.drivers.conformance.selection"]

SLOW = (
    "end_to_end",
    "vergeos_sim",
    "conformance/test_vergeos.py",
    "unit/drivers/vergeos",
    "test_examples.py",
    "test_docs.py",
)
"""Folders and files that start many processes or a server; ``make test-quick`` leaves them out."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in the slow folders and files."""
    slow = [Path(__file__).parent / part for part in SLOW]
    for item in items:
        if any(item.path.is_relative_to(path) for path in slow):
            item.add_marker(pytest.mark.slow)
