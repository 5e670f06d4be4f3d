"""The example of a VergeOS system, the how-to page and the demonstration, against the simulator."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from test_docs import commands
from vergeos_sim.conftest import Sim

from snapplan.devtools.vergeos import seed as seeds
from snapplan.devtools.vergeos.web.serving import Simulator
from snapplan.devtools.vergeos.web.stage import Stage

from .repository import COMMAND
from .simulated import SimulatedRepository

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples" / "vergeos"
PAGE = ROOT / "docs" / "how-to" / "vergeos.md"
INSTANT = {"blank": 0, "building": 0, "recover": 0, "provision": 0, "request": 0, "find": 0}


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Sim]:
    """The system of the example; its clock stands still, and nothing takes time."""
    described = seeds.read(EXAMPLE / "simulator" / "system.yaml")
    still = described.model_copy(update={"clock": "frozen", "timings": INSTANT})
    with Simulator(Stage.of(still, 0), tmp_path / "sim") as running:
        made = Sim(running)
        yield made
        made.http.close()


@pytest.fixture
def repository(tmp_path: Path, sim: Sim) -> SimulatedRepository:
    """A copy of the example whose backend is the simulator."""
    made = SimulatedRepository(tmp_path / "repository", sim)
    shutil.copytree(EXAMPLE / "policies", made.root / "policies", dirs_exist_ok=True)
    shutil.copy(sim.ca_file, made.root / "dc1-ca.pem")
    config = (EXAMPLE / "snapplan.yaml").read_text(encoding="utf-8")
    assert "dc1.example.com" in config
    (made.root / "snapplan.yaml").write_text(config.replace("dc1.example.com", sim.host, 1), encoding="utf-8")
    return made


def test_the_example_plans_applies_and_is_up_to_date(repository: SimulatedRepository) -> None:
    repository.run("validate", "--strict")
    plan = repository.json("plan")
    jsonschema.validate(plan, json.loads((ROOT / "schemas" / "plan.schema.json").read_text(encoding="utf-8")))
    assert {action["verb"] for action in plan["actions"]} <= {"profile", "assign", "snapshot"}
    assert [action["target"] for action in plan["actions"] if action["verb"] == "snapshot"] == [
        "dc1/tenant/acme",
        "dc1/tenant/globex",
        "dc1/tenant/initech",
    ]
    assert {found["severity"] for found in plan["diagnostics"]} <= {"note"}
    repository.run("apply", "--auto-approve")
    assert repository.json("plan", "--detailed-exitcode")["actions"] == []


def test_the_policy_file_of_the_example_is_what_an_import_writes(repository: SimulatedRepository) -> None:
    file = repository.root / "policies" / "dc1.yaml"
    written = file.read_text(encoding="utf-8")
    assert written.startswith("# yaml-language-server")
    repository.run("import", "--backend", "dc1", "--out", str(file), "--force")
    assert file.read_text(encoding="utf-8") == written.partition("\n")[2]


def test_what_the_page_shows_can_be_typed(tmp_path: Path, sim: Sim) -> None:
    page = PAGE.read_text(encoding="utf-8")
    shown = commands(page)
    assert len(shown) > 20
    steps = [f"echo '--8<-- {number}'\n{command}" for number, (command, _) in enumerate(shown)]
    script = "\n".join(["set -e", *steps]).replace("/tmp/", f"{tmp_path}/").replace("dc1.example.com", sim.host)
    folder = tmp_path / "dc1-snapshots"
    folder.mkdir()
    shutil.copy(sim.ca_file, folder / "dc1-ca.pem")
    now = sim.control("GET", "clock")["instant"]
    identity = {
        f"GIT_{who}_{what}": "demo@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            **identity,
            "SNAPPLAN_NOW": now,
            "SNAPPLAN_SECOND_CLOCK": now,
            "DC1_TOKEN": "simulated-key",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "PATH": f"{COMMAND.parent}:{os.environ['PATH']}",
            "XDG_STATE_HOME": str(tmp_path / "state"),
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outputs = re.split(r"^--8<-- \d+\n", done.stdout, flags=re.MULTILINE)[1:]
    for (command, lines), output in zip(shown, outputs, strict=True):
        assert [line for line in lines if line not in output] == [], f"{command}\n{output}"


@pytest.mark.timeout(600)
def test_the_demonstration_proves_what_it_restores(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", str(EXAMPLE / "demo.sh")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PROVED:") >= 2
    assert list(tmp_path.iterdir()) == [], "it cleans up"
