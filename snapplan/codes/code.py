"""The form of an explanation."""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """``title`` names the finding, ``meaning`` says what it means for the snapshots, ``fix`` what to do about it."""

    code: str
    title: str
    meaning: str
    fix: str
