"""The layers of the package: what may import what, what is pure, and who asks for the time.

Every check is a function over source text that returns what it found, and is tried on a source that breaks it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "snapplan"

# Data flows from left to right. A package knows what stands to its left, and of its right only the named seams.
FLOW = ["config", "catalog", "planner", "applier", "drivers"]

# part        may import, besides itself      | seams: single modules to its right
ALLOWED = """
version     -
crash       -
clock       -
diagnostics -
collector   -
redaction   -
devtools    clock
codes       -
errors      diagnostics
encoding    errors
ids         models
models      ids diagnostics
config      models ids diagnostics errors collector clock | planner.cron planner.slots planner.native drivers.base
            drivers.registry
catalog     models ids errors clock collector redaction | planner.ownership planner.resolve
planner     models ids diagnostics
imports     models ids planner.native
applier     models ids diagnostics errors clock crash redaction catalog.base planner.sets planner.resolve | drivers.base
drivers     models ids errors clock crash redaction config.secrets catalog.admission
render      ids
second_clock models clock
metering    errors clock catalog.base drivers.metering
trust       diagnostics errors models config planner.guards
origin      diagnostics errors config catalog.base applier.stale
plan_check  errors ids config.schema planner.digest applier.approve applier.stale
plan_file   errors redaction planner.digest plan_check
workspace   models diagnostics errors clock second_clock collector config catalog planner applier execution
            drivers.base drivers.registry metering encoding origin trust
execution   models ids diagnostics errors clock crash collector catalog.base catalog.owner planner.policy_digest
            planner.guards.sticky
            plan_file applier drivers.base workspace origin
cli         models ids diagnostics errors clock second_clock version codes redaction config.checkout config.files
            config.load config.schema catalog.base catalog.owner planner applier drivers.base drivers.registry
            plan_check plan_file render workspace imports encoding trust
__main__    cli version encoding
__init__    version
"""

# What the planner and the models may reach. Whatever is not here is I/O, a clock, a log or a driver until shown otherwise.
PURE = frozenset(
    {
        *(
            "__future__",
            "collections",
            "dataclasses",
            "datetime",
            "enum",
            "functools",
            "itertools",
            "operator",
            "types",
        ),
        *("array", "bisect", "calendar", "difflib", "fnmatch", "hashlib", "json", "re", "typing", "zoneinfo"),
        *("shlex", "textwrap", "unicodedata"),
        *("cronsim", "jinja2", "pydantic", "pydantic_core"),
    }
)
IMPURE = ["os", "time", "random", "logging", "sqlite3", "subprocess", "socket", "pathlib", "secrets", "click", "rich"]
DOING = frozenset({"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint", "globals"})

ASKS_FOR_THE_TIME = frozenset(
    {
        *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"),
        *("time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter", "os.times"),
        *("time.perf_counter_ns", "time.process_time", "time.process_time_ns", "time.thread_time", "time.gmtime"),
        *(
            "time.localtime",
            "time.ctime",
            "time.asctime",
            "time.strftime",
            "time.clock_gettime",
            "time.clock_gettime_ns",
        ),
    }
)
TIME_IN_SQL = re.compile(r"current_timestamp|current_time\b|current_date|julianday|\(\s*'now'", re.IGNORECASE)


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


@cache
def sources() -> dict[str, str]:
    """Every module of the package by its dotted name; ``snapplan/__init__.py`` is ``snapplan.__init__``."""
    return {module_name(path): path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}


def part_of(module: str) -> str:
    """Return the package or top-level module below ``snapplan`` that a module belongs to."""
    return module.split(".")[1] if "." in module else "__init__"


def imports(text: str, modules: Mapping[str, str] | frozenset[str]) -> Iterator[str]:
    """Yield the dotted name of each module that a source imports, in functions and for type checking too."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            assert node.module is not None
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            found = [name for name in inner if name in modules]
            yield from found
            if len(found) < len(inner):
                yield node.module


def reached(roots: list[str], texts: Mapping[str, str]) -> dict[str, str]:
    """Return every module outside the package that ``roots`` reach, with the chain of imports that leads there."""
    chains = {root: root for root in roots}
    outside: dict[str, str] = {}
    waiting = list(roots)
    while waiting:
        module = waiting.pop()
        for name in imports(texts[module], texts):
            chain = f"{chains[module]} -> {name}"
            if name in texts and name not in chains:
                chains[name] = chain
                waiting.append(name)
            elif name not in texts and name != "snapplan":
                outside.setdefault(name.split(".")[0], chain)
    return outside


def impurities(roots: list[str], texts: Mapping[str, str]) -> list[str]:
    return [chain for name, chain in sorted(reached(roots, texts).items()) if name not in PURE]


def doings(text: str) -> list[str]:
    """Return the calls by which a source does or reads something without importing anything."""
    calls = [node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return [f"{name.id}, line {name.lineno}" for name in calls if isinstance(name, ast.Name) and name.id in DOING]


def pure_roots() -> list[str]:
    return [name for name in sources() if part_of(name) in ("planner", "models", "imports")]


def test_the_planner_and_the_models_reach_nothing_that_does_io() -> None:
    assert len(pure_roots()) > 20
    assert impurities(pure_roots(), sources()) == []


@pytest.mark.parametrize("name", pure_roots())
def test_the_planner_and_the_models_open_and_print_nothing(name: str) -> None:
    assert doings(sources()[name]) == []


@pytest.mark.parametrize("module", IMPURE)
@pytest.mark.parametrize("form", ["import {}", "from {} import x", "def f():\n    import {}.y", "import {} as re"])
def test_an_import_that_does_io_is_found_at_the_end_of_a_chain(module: str, form: str) -> None:
    texts = {
        "snapplan.planner.a": "from snapplan.models import b",
        "snapplan.models.b": "def f():\n    from snapplan.c import x",
        "snapplan.c": form.format(module),
    }
    name = f"{module}.y" if ".y" in form else module
    chain = f"snapplan.planner.a -> snapplan.models.b -> snapplan.c -> {name}"
    assert impurities(["snapplan.planner.a"], texts) == [chain]


def test_what_a_source_does_without_an_import_is_found() -> None:
    assert doings("def f(path):\n    return open(path).read()\nprint(1)\n") == ["print, line 3", "open, line 2"]
    assert doings("path.open()\nprinted()\n") == []


def aliases(tree: ast.AST) -> dict[str, str]:
    """Return what each imported name of a source stands for."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return found


def clocks(text: str) -> list[str]:
    """Return where a source asks for the time, by itself or by a database's clock."""
    tree = ast.parse(text)
    names = aliases(tree)

    def dotted(node: ast.AST) -> str:
        if isinstance(node, ast.Name):
            return names.get(node.id, "")
        return f"{dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else ""

    asked = [f"{dotted(node)}, line {node.lineno}" for node in ast.walk(tree) if dotted(node) in ASKS_FOR_THE_TIME]
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return asked + [f"SQL, line {node.lineno}" for node in texts if TIME_IN_SQL.search(node.value)]


def test_only_the_clock_asks_for_the_time() -> None:
    assert {name for name, text in sources().items() if clocks(text)} == {"snapplan.clock"}


def test_no_migration_asks_for_the_time() -> None:
    migrations = sorted(PACKAGE.rglob("*.sql"))
    assert migrations
    assert [path for path in migrations if TIME_IN_SQL.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    "text",
    [
        "import time\ntime.time()",
        "import time as t\nwait(t.monotonic)",
        "from time import monotonic as m\nm()",
        "from datetime import datetime\ndatetime.now(UTC)",
        "from datetime import date\ndate.today()",
        "import datetime as dt\ndef f():\n    return dt.datetime.utcnow()",
        "def f():\n    from time import perf_counter\n    return perf_counter()",
        "rows.execute('INSERT INTO runs VALUES (CURRENT_TIMESTAMP)')",
        "rows.execute(\"SELECT datetime('now')\")",
    ],
)
def test_a_question_for_the_time_is_found(text: str) -> None:
    assert len(clocks(text)) == 1


@pytest.mark.parametrize(
    "text", ["from snapplan import clock\nclock.now()", "import time\ntime.sleep(1)", "now = 1", "site.now()"]
)
def test_an_instant_that_was_handed_over_is_none(text: str) -> None:
    assert clocks(text) == []


def table() -> dict[str, tuple[list[str], list[str]]]:
    """Return what each part may import, and through which seams."""
    rows = {}
    for line in re.sub(r"\n +", " ", ALLOWED.strip()).splitlines():
        part, _, rest = line.partition(" ")
        left, _, seams = rest.partition("|")
        rows[part] = ([word for word in left.split() if word != "-"], seams.split())
    return rows


def crossings(texts: Mapping[str, str]) -> dict[str, set[str]]:
    """Return the modules that each part imports of other parts, without the leading ``snapplan.``."""
    found: dict[str, set[str]] = {part_of(name): set() for name in texts}
    for module, text in texts.items():
        for name in imports(text, texts):
            if name.startswith("snapplan.") and part_of(name) != part_of(module):
                found[part_of(module)].add(name.removeprefix("snapplan."))
    return found


def covers(entry: str, module: str) -> bool:
    return module == entry or module.startswith(f"{entry}.")


def trespasses(texts: Mapping[str, str]) -> list[str]:
    """Return the imports that the table does not allow."""
    rows = table()
    return sorted(
        f"{part} imports {module}"
        for part, crossed in crossings(texts).items()
        for module in crossed
        if not any(covers(entry, module) for side in rows.get(part, ([], [])) for entry in side)
    )


def test_no_part_imports_what_the_table_does_not_allow() -> None:
    assert trespasses(sources()) == []


def test_the_table_allows_nothing_that_nobody_needs() -> None:
    crossed = crossings(sources())
    idle = [
        f"{part}: {entry}"
        for part, sides in table().items()
        for side in sides
        for entry in side
        if not any(covers(entry, module) for module in crossed[part])
    ]
    assert idle == []
    assert set(crossed) == set(table())


def test_only_seams_lead_to_the_right() -> None:
    rows = table()
    for number, part in enumerate(FLOW):
        left, seams = rows[part]
        assert [entry for entry in left if entry.split(".")[0] in FLOW[number + 1 :]] == []
        assert all("." in seam and seam.split(".")[0] in FLOW[number + 1 :] for seam in seams)


def test_nothing_but_the_edge_knows_the_edge() -> None:
    rows = table()
    above = {"render": {"cli"}, "cli": {"__main__"}, "workspace": {"cli", "execution"}, "execution": {"workspace"}}
    for part, users in above.items():
        assert {
            user for user, sides in rows.items() if part in {e.split(".")[0] for side in sides for e in side}
        } == users


@pytest.mark.parametrize(
    ("module", "text", "found"),
    [
        ("snapplan.planner.x", "from snapplan.applier.y import z", "planner imports applier.y"),
        ("snapplan.planner.x", "def f():\n    from snapplan import clock", "planner imports clock"),
        ("snapplan.config.x", "import snapplan.planner.build", "config imports planner.build"),
        ("snapplan.render.x", "from snapplan.models.plan import Plan", "render imports models.plan"),
        ("snapplan.new.x", "from snapplan.ids import format_instant", "new imports ids"),
    ],
)
def test_a_trespass_is_found(module: str, text: str, found: str) -> None:
    assert trespasses({module: text, "snapplan.clock": ""}) == [found]
