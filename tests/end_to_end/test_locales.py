"""Names mean the same under every locale: what was protected under one stays protected under another."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .repository import COMMAND, Repository

NEXT_DAY = "2026-11-23T12:00:00Z"
CONFIG = """\
version: 1
project: e2e
catalog: sqlite:///catalog.db
backends:
  lab:
    driver: directory
    root: data
    quiesce_commands:
      "volume/Büro": {freeze: ["./einfrieren-ä", freeze], thaw: ["./einfrieren-ä", thaw], timeout: 20s}
"""
POLICY = """\
profiles: {g: {periods: {daily: {frequency: daily, hour: 1, retention: 7d, quiesce: require}}}}
assignments: {offices: {profile: g, targets: [{backend: lab, scope: volume, names: [Büro, 日本]}]}}
"""
UNSET = ("LC_ALL", "LC_CTYPE", "LANG", "LOCPATH", "PYTHONUTF8", "PYTHONCOERCECLOCALE", "PYTHONIOENCODING")


@pytest.fixture(scope="module")
def latin1(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a user with an ISO-8859-1 locale, which is made for the test."""
    if shutil.which("localedef") is None:
        pytest.skip("needs localedef, to make a locale")
    folder = tmp_path_factory.mktemp("locales")
    made = folder / "de_DE.ISO-8859-1"
    subprocess.run(["localedef", "-i", "de_DE", "-f", "ISO-8859-1", made], check=False, capture_output=True)
    if not (made / "LC_CTYPE").exists():
        pytest.skip("localedef has no de_DE here")
    return {"LC_ALL": "de_DE.ISO-8859-1", "LOCPATH": str(folder)}


@pytest.fixture
def offices(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "Ablage-Ü")
    shutil.rmtree(repository.data)
    (repository.root / "snapplan.yaml").write_text(CONFIG, encoding="utf-8")
    (repository.root / "policies" / "policy.yaml").unlink()
    (repository.root / "policies" / "bürös.yaml").write_text(POLICY, encoding="utf-8")
    for name in ("Büro", "日本"):
        repository.write(f"volumes/{name}/Datei-ß", name)
    script = repository.root / "einfrieren-ä"
    script.write_text('#!/bin/sh\necho "$1 $SNAPPLAN_TARGET" >> log\n', encoding="utf-8")
    script.chmod(0o755)
    return repository


def under(
    environment: dict[str, str], repository: Repository, *words: str, now: str
) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in UNSET}
    clocks = {"SNAPPLAN_NOW": now, "SNAPPLAN_SECOND_CLOCK": now, "NO_COLOR": "1"}
    return subprocess.run(
        [COMMAND, *words],
        cwd=repository.root,
        env={**inherited, **clocks, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def locale_of(kind: str, request: pytest.FixtureRequest) -> dict[str, str]:
    if kind == "ISO-8859-1":
        found: dict[str, str] = request.getfixturevalue("latin1")
        return {**found, "PYTHONUTF8": "0"}
    return {"LC_ALL": kind, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("kind", ["ISO-8859-1", "C", "POSIX"])
def test_a_target_is_the_same_under_every_locale(
    kind: str, offices: Repository, request: pytest.FixtureRequest
) -> None:
    policy = offices.root / "policies" / "bürös.yaml"
    policy.write_text(POLICY.replace(", 日本", ""), encoding="utf-8")
    before = under({"LC_ALL": "C.UTF-8"}, offices, "apply", "--auto-approve", now="2026-11-22T12:00:00Z")
    assert before.returncode == 0, before.stderr

    environment = locale_of(kind, request)
    ran = under(environment, offices, "apply", "--auto-approve", now=NEXT_DAY)
    assert (ran.returncode, "DRIFT" in ran.stdout, "ends" in ran.stdout) == (0, False, False), ran.stdout + ran.stderr
    assert "lab/volume/Büro@g.daily.20261123T0100Z" in ran.stderr

    listed = json.loads(under(environment, offices, "list", "snapshots", "--format", "json", now=NEXT_DAY).stdout)
    assert {row["target"] for row in listed} == {"lab/volume/Büro"}
    assert len(listed) == 2
    # The commands were found under their names, and got the name of the target, in the same bytes as before.
    assert (
        offices.root.joinpath("log").read_text(encoding="utf-8").splitlines()
        == [
            "freeze lab/volume/Büro",
            "thaw lab/volume/Büro",
        ]
        * 2
    )


def test_a_name_on_the_command_line_is_read_as_utf8(offices: Repository, request: pytest.FixtureRequest) -> None:
    environment = locale_of("ISO-8859-1", request)
    ran = under(environment, offices, "snapshot", "lab/volume/日本", "--key", "vorher", "--expires", "7d", now=NEXT_DAY)
    assert ran.returncode == 0, ran.stderr
    assert "lab/volume/日本@manual.vorher" in ran.stderr


def test_a_name_that_is_no_utf8_is_refused_and_not_another_target(offices: Repository) -> None:
    ran = subprocess.run(
        [os.fsencode(COMMAND), b"snapshot", b"lab/volume/B\xfcro", b"--key", b"k", b"--expires", b"7d"],
        cwd=offices.root,
        env={**os.environ, "SNAPPLAN_NOW": NEXT_DAY, "SNAPPLAN_SECOND_CLOCK": NEXT_DAY},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode not in (0, 2), ran.stderr
    assert b"Traceback" not in ran.stderr
    assert b"should not happen" not in ran.stderr


def test_the_commands_keep_the_locale_of_the_user(offices: Repository, request: pytest.FixtureRequest) -> None:
    script = offices.root / "einfrieren-ä"
    script.write_text('#!/bin/sh\necho "$1 $LC_ALL $PYTHONUTF8" >> log\n', encoding="utf-8")
    ran = under(locale_of("ISO-8859-1", request), offices, "apply", "--auto-approve", "--target", "lab/volume/Büro",
                now=NEXT_DAY)  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert offices.root.joinpath("log").read_text().splitlines() == [
        "freeze de_DE.ISO-8859-1 0",
        "thaw de_DE.ISO-8859-1 0",
    ]


def test_a_process_that_cannot_start_anew_is_refused(offices: Repository, request: pytest.FixtureRequest) -> None:
    program = (
        "import sys; sys.executable = ''; from snapplan.__main__ import main; sys.argv = ['snapplan', 'status']; main()"
    )
    inherited = {name: value for name, value in os.environ.items() if name not in UNSET}
    ran = subprocess.run(
        [COMMAND.with_name("python"), "-c", program],
        cwd=offices.root,
        env={**inherited, **locale_of("ISO-8859-1", request)},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=60,
        check=False,
    )
    assert ran.returncode == 1
    assert "reads names as iso8859-1, and snapplan needs UTF-8" in ran.stderr
