"""The documentation is current, complete, and does what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from snapplan.cli.reference import command_helps
from snapplan.codes import CODES
from snapplan.drivers import registry
from snapplan.models import policy

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from docs import generate, keys  # noqa: E402

PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "examples").glob("*/README.md"),
    ]
)
RUN = [
    ROOT / "README.md",
    *sorted((ROOT / "examples").glob("*/README.md")),
    pytest.param(ROOT / "docs" / "tutorial.md", marks=pytest.mark.slow),
]
CODE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize(("name", "text"), sorted(generate.pages().items()), ids=lambda value: value[:20])
def test_generated_pages_are_current(name: str, text: str) -> None:
    assert (generate.REFERENCE / name).read_text(encoding="utf-8") == text, "run make docs-update"


def test_every_command_is_documented_with_an_example() -> None:
    page = (generate.REFERENCE / "cli.md").read_text(encoding="utf-8")
    for words, text in command_helps():
        assert f"`{' '.join(words)}`\n" in page
        assert "Example" in text, f"{' '.join(words)} has no example"


def test_every_code_has_its_place() -> None:
    headings = re.findall(r"^## (SP\d+)$", (generate.REFERENCE / "codes.md").read_text("utf-8"), re.MULTILINE)
    assert headings == list(CODES)


def test_every_key_has_its_place() -> None:
    page = (generate.REFERENCE / "policy.md").read_text(encoding="utf-8")
    shown = {level.model for level in (*keys.CONFIG, *keys.POLICY)}
    models = {
        model
        for model in vars(policy).values()
        if isinstance(model, type) and issubclass(model, policy.Model) and model is not policy.Model
    }
    assert models == shown
    for model in models:
        for name, field in model.model_fields.items():
            assert f"| `{field.alias or name}` |" in page


def test_every_key_says_what_it_means() -> None:
    levels = [*keys.CONFIG, *keys.POLICY]
    levels += [level for driver in registry.installed() for level in keys.driver_levels(driver)]
    assert len(levels) > 20
    silent = [
        f"{level.path}: {name}"
        for level in levels
        for name, field in level.model.model_fields.items()
        if not (field.description or "").endswith(".")
    ]
    assert silent == []


def test_the_keys_below_those_of_a_driver_have_their_place() -> None:
    paths = {level.path for driver in registry.installed() for level in keys.driver_levels(driver)}
    assert {"volumes.NAME of driver: directory", "snapshots[].pin of driver: memory"} <= paths


def anchors(page: Path) -> set[str]:
    """Return the anchors that the headings of a page make, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", CODE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_can_be_reached() -> None:
    reached, found = set(), [ROOT / "README.md"]
    while found:
        page = found.pop()
        reached.add(page)
        links = (link.partition("#")[0] for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link)
        targets = ((page.parent / link).resolve() for link in links if link.endswith(".md"))
        found += [target for target in targets if target not in reached]
    assert set((ROOT / "docs").rglob("*.md")) <= reached


def commands(text: str) -> list[tuple[str, list[str]]]:
    """Return the commands of the ``console`` blocks, each with the lines of output that the page shows."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        end = ""
        for line in block.splitlines():
            if end:
                found[-1] = (f"{found[-1][0]}\n{line}", [])
                end = "" if line == end else end
            elif line.startswith("$ "):
                found.append((line[2:], []))
                here = re.search(r"<<'(\w+)'", line)
                end = here[1] if here else ""
            else:
                found[-1][1].append(line)
    return found


def test_a_page_is_read_as_commands_and_output() -> None:
    page = (
        "```console\n$ cat > a <<'X'\n$ text\nX\n$ cat a\n$ text\n```\n```sh\n$ no\n```\n```console\n$ ls\na\nb\n```\n"
    )
    assert commands(page) == [("cat > a <<'X'\n$ text\nX", []), ("cat a", []), ("text", []), ("ls", ["a", "b"])]


@pytest.mark.parametrize("page", RUN, ids=_name)
def test_what_a_page_shows_can_be_typed(page: Path, tmp_path: Path) -> None:
    shown = commands(page.read_text(encoding="utf-8"))
    assert shown
    mark = "--8<-- {}"
    steps = [f"echo '{mark.format(number)}'\n{command}" for number, (command, _) in enumerate(shown)]
    script = "\n".join(["set -e", *steps]).replace("/tmp/", f"{tmp_path}/")
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "XDG_STATE_HOME": str(tmp_path / "state"),
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outputs = re.split(r"^--8<-- \d+\n", done.stdout, flags=re.MULTILINE)[1:]
    for (command, lines), output in zip(shown, outputs, strict=True):
        assert [line for line in lines if line not in output.splitlines()] == [], f"{command}\n{output}"


def test_every_threat_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "explain" / "threats.md").read_text(encoding="utf-8")
    rows = [line for line in page.partition("\n## ")[2].splitlines() if line.startswith("| ") and "| who" not in line]
    assert len(rows) > 25
    for row in rows:
        proofs = re.findall(r"`((?:tests|snapplan)/[^`:]+\.(?:py|yaml))(?:::([^`]+))?`", row.rpartition(" | ")[2])
        assert proofs, row
        for file, name in proofs:
            text = (ROOT / file).read_text(encoding="utf-8")
            parts = [part for part in name.split("::") if part]
            assert all(re.search(rf"^ *(?:def|class) {part}\b", text, re.MULTILINE) for part in parts), (
                f"{file}::{name}"
            )
