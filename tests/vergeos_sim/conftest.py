"""One server per test process; each test gets a system of its own on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from pyvergeos import VergeClient

from snapplan.devtools.vergeos import seed as seeds
from snapplan.devtools.vergeos.web.serving import Simulator
from snapplan.devtools.vergeos.web.stage import Stage

NOON = 1795348800  # 2026-11-22T12:00:00Z, a Sunday
DAY = 86_400
INSTANT = {"blank": 0, "building": 0, "recover": 0, "provision": 0, "request": 0, "find": 0}
SEED: dict[str, Any] = {
    "now": "2026-11-22T12:00:00Z",
    "clock": "frozen",
    "timings": INSTANT,
    "shipped_profiles": False,
    "system_profile": None,
    "tags": [{"category": "backup", "tags": ["DB", "Web"]}],
    "profiles": [{"name": "gold", "periods": [{"name": "Daily", "frequency": "daily", "hour": 2, "retention": "7d"}]}],
    "vms": [
        {"name": "web-01", "agent": "8.2", "tags": ["Web"], "drives": {"disk0": "web one"}},
        {"name": "db-01", "tags": ["DB"], "running": False, "drives": {"disk0": "db one", "disk1": "db two"}},
    ],
    "tenants": [{"name": "acme", "running": False, "contents": "acme data"}],
    "volumes": [{"name": "shared", "contents": "files"}],
}


class Sim:
    """What a test does with the simulator: raw HTTP, the SDK, the control interface."""

    def __init__(self, running: Simulator) -> None:
        self.running = running
        self.host, self.control_url, self.ca_file = running.host, running.control_url, running.ca_file
        self.http = self.session()
        self.http.auth = ("admin", "admin")
        self.clients: list[VergeClient] = []

    def session(self) -> requests.Session:
        made = requests.Session()
        made.trust_env = False
        made.verify = str(self.running.ca_file)
        return made

    def seed(self, **changes: Any) -> Sim:
        """Begin with the seed of all tests, some members replaced."""
        self.running.stage.begin_anew(seeds.parse({**SEED, **changes}), NOON)
        return self

    @property
    def system(self) -> Any:
        return self.running.stage.system

    def raw(self, method: str, path: str, body: Any = None, **query: str) -> requests.Response:
        return self.http.request(method, f"https://{self.host}/api/v4/{path}", params=query, json=body, timeout=10)

    def get(self, path: str, **query: str) -> Any:
        return self.ok(self.raw("GET", path, **query))

    def post(self, path: str, body: Any) -> Any:
        return self.ok(self.raw("POST", path, body))

    def key(self, path: str, body: Any) -> Any:
        """POST a row; returns its key as the API's rows have it."""
        found = self.post(path, body)["$key"]
        return int(found) if found.isdigit() else found

    def put(self, path: str, body: Any) -> Any:
        return self.ok(self.raw("PUT", path, body))

    def delete(self, path: str) -> None:
        self.ok(self.raw("DELETE", path))

    @staticmethod
    def ok(response: requests.Response) -> Any:
        assert response.status_code in (200, 201), response.text
        return response.json() if response.content else None

    def refused(self, method: str, path: str, body: Any = None, **query: str) -> tuple[int, str]:
        response = self.raw(method, path, body, **query)
        assert response.status_code >= 400, response.text
        return response.status_code, response.json()["err"]

    def names(self, path: str, **query: str) -> list[str]:
        return [row["name"] for row in self.get(path, fields="name", **query)]

    def control(self, method: str, path: str, body: Any = None) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        response = self.http.request(method, f"{self.control_url}/{path}", data=data, timeout=10)
        assert response.status_code in (200, 201), response.text
        binary = response.headers["content-type"].startswith("application/octet")
        return response.content if binary else response.json()

    def step(self, seconds: int) -> None:
        self.control("POST", "clock/step", {"seconds": seconds})

    def days(self, count: int) -> None:
        for _ in range(count):
            self.step(DAY)

    def bytes(self, path: str) -> bytes:
        return self.control("GET", f"bytes/{path}")

    def requests(self) -> list[str]:
        """Return the requests since the last call as ``METHOD path``."""
        found = [f"{each['method']} {each['path']}" for each in self.control("GET", "requests")["requests"]]
        self.control("DELETE", "requests")
        return found

    def client(self, **more: Any) -> VergeClient:
        """Return the SDK connected to the simulator."""
        credentials = {} if "token" in more else {"username": "admin", "password": "admin"}
        made = VergeClient(self.host, session=self.session(), close_session=True, **{**credentials, **more})
        self.clients.append(made)
        return made

    def close(self) -> None:
        for client in self.clients:
            client.disconnect()
        self.clients.clear()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    folder = tmp_path_factory.mktemp("vergeos-sim")
    with Simulator(Stage.of(seeds.parse(SEED), NOON), folder) as running:
        yield running


@pytest.fixture(scope="session")
def session_sim(server: Simulator) -> Iterator[Sim]:
    made = Sim(server)
    yield made
    made.http.close()


@pytest.fixture
def sim(session_sim: Sim) -> Iterator[Sim]:
    """The simulator with the seed of all tests."""
    yield session_sim.seed()
    session_sim.close()


@pytest.fixture
def seed_file(tmp_path: Path) -> Path:
    path = tmp_path / "seed.yaml"
    path.write_text(json.dumps(SEED), encoding="utf-8")
    return path
