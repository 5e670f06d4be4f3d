"""Every code that a finding may carry is explained, and every explained code is used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import snapplan
from snapplan.codes import CODES

CODE = re.compile(r"\bSP[1-9][0-9]{2}\b")
PACKAGE = Path(snapplan.__file__).parent
PARTS = ("files", "meaning", "guards", "plans", "platforms", "names", "content", "saved")
EXPLANATIONS = [PACKAGE / "codes" / f"{part}.py" for part in PARTS]
SOURCES = [path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE / "codes"]
USED = sorted({code for path in SOURCES for code in CODE.findall(path.read_text(encoding="utf-8"))})


@pytest.mark.parametrize("code", USED)
def test_used_codes_are_explained(code: str) -> None:
    assert code in CODES


@pytest.mark.parametrize("code", sorted(CODES))
def test_explanations_are_whole_and_used(code: str) -> None:
    entry = CODES[code]
    assert entry.code == code
    assert code in USED
    assert not entry.title.endswith(".")
    for text in (entry.meaning, entry.fix):
        assert text.endswith((".", "}"))
        assert "  " not in text


def test_codes_are_explained_once_and_in_order() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in EXPLANATIONS)
    written = re.findall(r'Code\(\s*"(SP[0-9]{3})"', text)
    assert written == sorted(set(written))
    assert len(written) == len(CODES)
