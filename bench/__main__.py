"""Prints every row of the benchmark: figure, peer or limit of the same run, and whether the limit holds."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import vergeos
from bench.row import Row
from bench.trees import copy_rows

HERE = Path(__file__).parent
SNAPPLAN = str(Path(sys.executable).with_name("snapplan"))
QUICKSTART = HERE.parent / "examples" / "quickstart"


def cpu(words: list[str], *, cwd: Path | None = None, rounds: int = 7) -> float:
    """Return the least user and system CPU seconds that a command took in ``rounds`` runs."""
    best = float("inf")
    for _ in range(rounds):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(words, cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best


def start_up(scratch: Path) -> list[Row]:
    shutil.copytree(QUICKSTART, scratch / "quickstart")
    floor = cpu([sys.executable, "-c", "pass"], rounds=15)
    rows = [("--version", ["--version"], 2.0), ("--help", ["--help"], 6.0)]
    rows += [("validate (quickstart)", ["validate"], 18.0), ("plan (quickstart)", ["plan"], 18.0)]
    return [
        Row(
            f"start-up: {what}, ratio to python -c pass",
            cpu([SNAPPLAN, *words], cwd=scratch / "quickstart") / floor,
            limit,
            "x",
        )
        for what, words, limit in rows
    ]


def validation(scratch: Path) -> Row:
    root = scratch / "large"
    (root / "policies").mkdir(parents=True)
    (root / "snapplan.yaml").write_text("version: 1\nproject: large\nbackends: {lab: {driver: memory}}\n")
    lines = ["profiles:"]
    for number in range(20):
        periods = "{hourly: {frequency: hourly, retention: 2d}, daily: {frequency: daily, hour: 2, retention: 14d}}"
        lines.append(f"  p{number}: {{timezone: Europe/Berlin, periods: {periods}}}")
    lines.append("assignments:")
    for number in range(8_800):
        lines += [
            f"  assignment-of-team-{number:05}:",
            f"    profile: p{number % 20}",
            "    targets:",
            f"      - {{backend: lab, scope: vm, names: [application-{number:05}-production]}}",
        ]
    text = "\n".join(lines) + "\n"
    (root / "policies" / "large.yaml").write_text(text)
    what = f"validate {len(text) / 1e6:.1f} MB with 8,800 assignments, CPU"
    return Row(what, cpu([SNAPPLAN, "validate"], cwd=root, rounds=5), 0.8, "s")


def many_snapshots(scratch: Path) -> list[Row]:
    figures = {}
    for targets in (100, 1_000):
        root = scratch / f"many-{targets}"
        _child("prepare", root, targets)
        runs = [_child("plan", root, targets) for _ in range(5)]
        figures[targets] = (min(run["cpu"] for run in runs), min(run["megabytes"] for run in runs))
    return [
        Row("plan 1,000 targets x 100 snapshots, CPU", figures[1_000][0], 1.5, "s"),
        Row("the same, peak memory", figures[1_000][1], 200, "MB"),
        Row("growth from 10,000 to 100,000 snapshots", figures[1_000][0] / figures[100][0], 11, "x"),
    ]


def _child(what: str, root: Path, targets: int) -> dict[str, float]:
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    words = [sys.executable, str(HERE / "many_snapshots.py"), what, str(root), str(targets)]
    done = subprocess.run(words, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def main() -> int:
    """Print all rows; the exit code is 1 when a limit does not hold."""
    with tempfile.TemporaryDirectory(prefix="snapplan-bench-") as folder:
        scratch = Path(folder)
        rows = [*start_up(scratch), validation(scratch), *many_snapshots(scratch)]
        rows += [Row(what, ratio, 2.0, "x") for what, ratio in copy_rows(scratch)]
        rows += vergeos.rows(scratch / "vergeos")
        for row in rows:
            sys.stdout.write(f"{row}\n")
    return 0 if all(row.figure <= row.limit for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
