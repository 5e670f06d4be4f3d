"""``snapplan drivers check`` on a simulated VergeOS system: what is right, what is not, and nothing written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from vergeos_sim.conftest import NOON, Sim

from snapplan.devtools.vergeos import seed as seeds
from snapplan.devtools.vergeos.web.serving import Simulator
from snapplan.devtools.vergeos.web.stage import Stage

from .simulated import SimulatedRepository
from .test_import import SYSTEM

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with Simulator(Stage.of(seeds.parse(SYSTEM), NOON), tmp_path_factory.mktemp("sim")) as made:
        yield made


@pytest.fixture
def sim(running: Simulator) -> Iterator[Sim]:
    running.stage.begin_anew(seeds.parse(SYSTEM), NOON)
    made = Sim(running)
    yield made
    made.http.close()


@pytest.fixture
def repository(tmp_path: Path, sim: Sim) -> SimulatedRepository:
    return SimulatedRepository(tmp_path / "repository", sim)


def test_a_system_that_is_all_right(repository: SimulatedRepository, sim: Sim) -> None:
    sim.requests()
    ran = repository.run("drivers", "check", "dc1")
    assert ran.stdout.startswith("dc1  driver vergeos\n")
    assert "26.1.7" in ran.stdout
    assert "0 problems" in ran.stdout
    asked = sim.requests()
    assert asked
    assert {line.split()[0] for line in asked} == {"GET"}


def test_as_json_for_scripts(repository: SimulatedRepository) -> None:
    document = repository.json("drivers", "check", "dc1")
    assert (document["backend"], document["driver"], document["counts"]["problem"]) == ("dc1", "vergeos", 0)
    assert {found["state"] for found in document["findings"]} <= {"ok", "note", "warning", "problem"}
    assert all(found["subject"] and found["text"] for found in document["findings"])


def test_credentials_that_are_refused_are_a_problem(repository: SimulatedRepository, sim: Sim) -> None:
    sim.seed(**{**SYSTEM, "accounts": [{"name": "admin", "password": "admin"}]})
    ran = repository.run("drivers", "check", "dc1", expect=1)
    assert "problem" in ran.stdout
    assert "simulated-key" not in ran.stdout + ran.stderr


def test_a_table_that_this_user_may_not_read_is_named(repository: SimulatedRepository, sim: Sim) -> None:
    denied = {"name": "snapplan", "password": "unused", "keys": ["simulated-key"], "denied": ["tenant_snapshots"]}
    sim.seed(**{**SYSTEM, "accounts": [{"name": "admin", "password": "admin"}, denied]})
    ran = repository.run("drivers", "check", "dc1", expect=1)
    assert any("problem" in line and "tenant_snapshots" in line for line in ran.stdout.splitlines())


def test_a_system_that_does_not_answer_is_a_problem(repository: SimulatedRepository) -> None:
    config = repository.root / "snapplan.yaml"
    config.write_text(config.read_text().replace(repository.sim.host, "127.0.0.1:9"))
    ran = repository.run("drivers", "check", "dc1", expect=1)
    assert "127.0.0.1:9" in ran.stdout or "no connection" in ran.stdout


def test_a_certificate_that_nobody_vouches_for_is_a_problem_with_its_remedy(repository: SimulatedRepository) -> None:
    config = repository.root / "snapplan.yaml"
    config.write_text(config.read_text().replace(", ca_file: ca.pem", ""))
    ran = repository.run("drivers", "check", "dc1", expect=1)
    assert "ca_file" in ran.stdout
