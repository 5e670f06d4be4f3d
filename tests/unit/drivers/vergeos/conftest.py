"""One simulated system per module; each test begins with a seed of its own on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina
from pydantic import SecretStr
from vergeos_sim.conftest import NOON, SEED, Sim

from snapplan.devtools.vergeos import seed as seeds
from snapplan.devtools.vergeos.web.serving import Simulator
from snapplan.devtools.vergeos.web.stage import Stage
from snapplan.drivers.metering import ProcessMeter
from snapplan.drivers.vergeos.api import ATTEMPTS, Api
from snapplan.drivers.vergeos.options import VergeosOptions

from .writer import PROJECT, Writer

Connect = Callable[..., Api]


@pytest.fixture(scope="module")
def module_sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sim]:
    folder = tmp_path_factory.mktemp("vergeos")
    with Simulator(Stage.of(seeds.parse(SEED), NOON), folder) as running:
        made = Sim(running)
        yield made
        made.http.close()


@pytest.fixture(autouse=True)
def no_pauses() -> Iterator[None]:
    """Try again at once, as often as ever."""
    with stamina.set_testing(True, attempts=ATTEMPTS, cap=True):
        yield


@pytest.fixture
def sim(module_sim: Sim, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sim]:
    """The system of all tests, at noon by both clocks."""
    monkeypatch.setenv("SNAPPLAN_NOW", "2026-11-22T12:00:00Z")
    yield module_sim.seed()
    module_sim.close()


def options_of(sim: Sim, **changes: Any) -> VergeosOptions:
    """Return the options of a backend on the simulator, with secrets already resolved."""
    fields: dict[str, Any] = {
        "host": sim.host,
        "username": "admin",
        "password": "${env:PASSWORD}",
        "ca_file": str(sim.ca_file),
        **changes,
    }
    made = VergeosOptions.model_validate({name: value for name, value in fields.items() if value is not None})
    secrets = {"password": SecretStr("admin")} if made.password is not None else {"token": SecretStr("simulated-key")}
    return made.model_copy(update=secrets)


@pytest.fixture
def connect(sim: Sim, tmp_path: Path) -> Iterator[Connect]:
    """Return a function that connects; ``secret`` replaces the credential."""
    made: list[Api] = []

    def connected(secret: str = "", **changes: Any) -> Api:
        options = options_of(sim, **changes)
        if secret:
            name = "password" if options.password is not None else "token"
            options = options.model_copy(update={name: SecretStr(secret)})
        made.append(Api("dc1", options, tmp_path, ProcessMeter()))
        return made[-1]

    yield connected
    for api in made:
        api.close()


@pytest.fixture
def api(connect: Connect) -> Api:
    return connect()


@pytest.fixture
def write_to(sim: Sim, tmp_path: Path) -> Iterator[Callable[..., Writer]]:
    """Return a function that connects a driver that writes; its arguments are options of the backend."""
    made: list[Writer] = []

    def connected(project: str = PROJECT, **changes: Any) -> Writer:
        made.append(Writer(sim, options_of(sim, **{"requests_per_hour": 1_000_000, **changes}), tmp_path, project))
        return made[-1]

    yield connected
    for each in made:
        each.close()


@pytest.fixture
def writer(write_to: Callable[..., Writer]) -> Writer:
    return write_to()
