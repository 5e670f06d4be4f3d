from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .repository import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the matrix of faults where one was made; with xdist it comes from several processes."""
    from .vergeos_faults.table import lines

    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    properties = [each for report in reports for each in getattr(report, "user_properties", ())]
    cells = {(at, fault): text for name, value in properties if name == "fault cell" for at, fault, text in [value]}
    if cells:
        terminalreporter.section("faults at the writes of one apply")
        for line in lines(cells):
            terminalreporter.write_line(line)
