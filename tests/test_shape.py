"""The shape of the project: the tree of errors, how long files and functions are, what pages and files may name.

Every check is a function over text that returns what it found, and is tried on a text that breaks it.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from snapplan import errors

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "snapplan"
MOST_LINES_OF_A_FUNCTION = 60
FORBIDDEN_PATHS = re.compile("|".join(["/work" + r"/(main|shared)\b", r"\.\./" + "shared", "DESIGN" + r"\.md"]))


def drawn(docstring: str) -> dict[str, tuple[str, int]]:
    """Return parent and exit code of each class of the drawn tree; without a code of its own a class has its parent's."""
    found: dict[str, tuple[str, int]] = {}
    above: list[str] = []
    for line in docstring.splitlines():
        match = re.match(r"((?:[│ ]   )*(?:[├└]── )?)(\w+(?:Error))(?:\s+(\d+))?", line)
        if match is None:
            continue
        depth = len(match[1]) // 4
        parent = above[depth - 1] if depth else ""
        found[match[2]] = (parent, int(match[3]) if match[3] else found[parent][1])
        above[depth:] = [match[2]]
    return found


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    real = {
        cls.__name__: (cls.__base__.__name__ if cls is not errors.SnapplanError else "", cls.exit_code)
        for cls in classes
    }
    assert drawn(errors.__doc__ or "") == real


def test_a_drawn_tree_is_read_with_its_depths() -> None:
    tree = "AError   1\n├── BError   6  text\n│   ├── CError  text\n│   └── DError 1\n└── EError 3\n    └── FError\n"
    assert drawn(tree) == {
        "AError": ("", 1),
        "BError": ("AError", 6),
        "CError": ("BError", 6),
        "DError": ("BError", 1),
        "EError": ("AError", 3),
        "FError": ("EError", 3),
    }


def long_functions(text: str) -> list[str]:
    """Return the functions of a source with more than 60 lines, decorators not counted, docstrings counted."""
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    lengths = [(f.name, (f.end_lineno or 0) - f.lineno + 1) for f in functions]
    return [f"{name}: {length} lines" for name, length in lengths if length > MOST_LINES_OF_A_FUNCTION]


def shipped() -> list[Path]:
    return sorted(path for kind in ("*.py", "*.sql", "*.j2") for path in PACKAGE.rglob(kind))


def test_functions_are_short() -> None:
    texts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    assert {name: long_functions(text) for name, text in texts.items() if long_functions(text)} == {}


def test_a_long_function_is_found() -> None:
    body = "    x = 1\n"
    assert long_functions("def f():\n" + body * 59) == []
    assert long_functions("class C:\n  async def g(self):\n" + body * 60) == ["g: 61 lines"]


PAGES = sorted((ROOT / "docs").rglob("architecture*.md"))


def named_paths(page: str) -> Iterator[str]:
    """Yield the folders and files that a page names in its drawn tree and between backticks."""
    for block in re.findall(r"```text\nsnapplan/\n(.*?)```", page, re.DOTALL):
        yield from (f"snapplan/{name}" for name in re.findall(r"^  ([\w./]+)", block, re.MULTILINE))
    for name in re.findall(r"`([\w.*-]+/[\w./*-]*)`", re.sub(r"```.*?```", "", page, flags=re.DOTALL)):
        yield name if (ROOT / name.split("/")[0]).is_dir() else f"snapplan/{name}"


def test_the_architecture_page_names_every_package() -> None:
    drawn_parts = {name.split("/")[1] for page in PAGES for name in named_paths(page.read_text(encoding="utf-8"))}
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert packages
    assert packages <= drawn_parts


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_the_architecture_page_names_exists(page: Path) -> None:
    names = set(named_paths(page.read_text(encoding="utf-8")))
    assert len(names) > 20
    assert [name for name in sorted(names) if not list(ROOT.glob(name.rstrip("/")))] == []


def test_a_page_is_read_for_its_paths() -> None:
    page = (
        "```text\nsnapplan/\n  models/  y\n  gone.py  x\n```\n`planner/build.py`, `config/check_*.py`, `docs/x/`; `a`."
    )
    assert list(named_paths(page)) == [
        "snapplan/models/",
        "snapplan/gone.py",
        "snapplan/planner/build.py",
        "snapplan/config/check_*.py",
        "docs/x/",
    ]


def project_files() -> list[Path]:
    """Return what is or would be committed; in an unpacked archive, which has no git, what the package holds."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        return shipped()
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_mentions_a_path_of_the_machine_that_it_was_written_on() -> None:
    files = project_files()
    assert len(files) >= len(shipped())
    texts = {path: path.read_text(encoding="utf-8", errors="replace") for path in files if not path.is_symlink()}
    assert [str(path.relative_to(ROOT)) for path, text in texts.items() if FORBIDDEN_PATHS.search(text)] == []


@pytest.mark.parametrize("text", ["see /work" + "/main/x", "`../" + "shared/a`", "section 3 of DESIGN" + ".md"])
def test_a_path_of_the_machine_is_found(text: str) -> None:
    assert FORBIDDEN_PATHS.search(text)
    assert not FORBIDDEN_PATHS.search("/srv/network/maintenance, /srv/workshop/mainstream, data/root/shared")
