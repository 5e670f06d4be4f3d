"""Canaries stand wherever a secret can enter; none of them may come out anywhere."""

from __future__ import annotations

import base64
import urllib.parse
from pathlib import Path

import pytest

from .repository import Repository

# Each part that may come out alone is long, and has letters that no hexadecimal id, time or path has.
PART = "Qx7zWvKuoTgRm4ys"
TOKEN = "canary-Token-HyLpNwUrZk93vTqs"
PASSWORD = f'canary "pass/word" {PART}'
INNER = "canary-inner-vGjYsMtRxLo58kWu"
LITERAL = "canary-literal-zPwKqNyTuHr26mJx"
CANARIES = [TOKEN, PASSWORD, INNER, LITERAL, PART]
ENCODED = [urllib.parse.quote(PASSWORD), base64.b64encode(TOKEN.encode()).decode()]

LEAKY = '''
"""A driver that puts its secrets into everything it says, as libraries do."""
from pydantic import BaseModel
from snapplan.drivers.memory import DRIVER as MEMORY
from snapplan.drivers.memory.options import MemoryOptions
from snapplan.errors import BackendError, RefusedError
from snapplan.models.policy import Model
from snapplan.models.request import Outcome, Recovered
from snapplan.models.values import SecretReference


class Inner(Model):
    key: SecretReference


class Options(MemoryOptions):
    token: SecretReference
    password: SecretReference
    inner: Inner
    fail: str = ""


class Leaky:
    def __init__(self, settings):
        o = settings.options
        token, password, inner = (s.get_secret_value() for s in (o.token, o.password, o.inner.key))
        self.said = f"GET https://root:{password}@host/api Authorization: Bearer {token} key={inner!r} {password!r}"
        self.fail = o.fail
        own = {key: getattr(o, key) for key in MemoryOptions.model_fields}
        self.inner = MEMORY.open(settings._replace(options=MemoryOptions.model_construct(**own)))
        self.capabilities = self.inner.capabilities
        self.backend = settings.backend

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def inventory(self):
        if self.fail == "inventory":
            raise BackendError(self.backend, self.said, hint=self.said)
        return self.inner.inventory()

    def create(self, requests):
        if self.fail == "bug":
            raise KeyError(self.said)
        for outcome in self.inner.create(requests):
            error = RefusedError(self.backend, self.said, hint=self.said) if self.fail == "create" else outcome.error
            yield outcome._replace(error=error, notices=(self.said,))

    def recover(self, live_runs, mandate):
        return [*self.inner.recover(live_runs, mandate), Recovered(self.said)]


DRIVER = MEMORY._replace(name="leaky", options=Options, open=Leaky)
'''
CONFIG = """\
version: 1
project: e2e
backends:
  lab:
    driver: leaky
    token: ${{env:CANARY_TOKEN}}
    password: ${{file:password.txt}}
    inner: {{key: "${{env:CANARY_INNER}}"}}
    fail: "{fail}"
    state: state.json
    targets: [{{scope: volume, name: a}}, {{scope: vm, name: b}}]
catalog: sqlite:///catalog.db
"""
POLICY = """\
profiles: {gold: {periods: {hourly: {frequency: hourly, retention: 3h}}}}
assignments: {all: {profile: gold, targets: [{backend: lab, scope: volume}, {backend: lab, scope: vm}]}}
"""
COMMANDS = [
    ("validate",),
    ("plan",),
    ("plan", "--format", "json"),
    ("plan", "--format", "markdown", "-v", "--full"),
    ("plan", "--out", "plan.json"),
    ("plan", "--save"),
    ("apply", "plan.json"),
    ("apply", "--auto-approve"),
    ("snapshot", "lab/volume/a", "--expires", "1h"),
    ("restore", "lab/volume/a", "--from", "latest", "--mode", "clone", "--as", "copy", "--auto-approve"),
    ("status",),
    ("list", "runs", "--format", "json"),
    ("list", "snapshots"),
    ("show", "run", "1"),
    ("catalog", "export"),
    ("catalog", "verify"),
    ("catalog", "rebuild", "--replace"),
    ("drivers",),
]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    package = tmp_path / "package"
    info = package / "leaky-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: leaky\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[snapplan.drivers]\nleaky = leaky:DRIVER\n")
    (package / "leaky.py").write_text(LEAKY)
    return {"CANARY_TOKEN": TOKEN, "CANARY_INNER": INNER, "PYTHONPATH": str(package)}


def found_in(text: str, where: str) -> list[str]:
    return [f"{canary!r} in {where}" for canary in (*CANARIES, *ENCODED) if canary in text]


@pytest.mark.parametrize("fail", ["", "inventory", "create", "bug"])
def test_no_secret_comes_out_of_any_command(tmp_path: Path, environment: dict[str, str], fail: str) -> None:
    repository = Repository(tmp_path / "repository", POLICY, CONFIG.format(fail=fail))
    (repository.root / "password.txt").write_text(PASSWORD + "\n")
    leaks: list[str] = []
    seen = ""
    for words in COMMANDS:
        ended = repository.run(*words, "--debug", expect=None, env=environment)
        assert ended.returncode != 64, f"{words}: {ended.stderr}"
        leaks += found_in(ended.stdout, f"stdout of {words}") + found_in(ended.stderr, f"stderr of {words}")
        seen += ended.stdout + ended.stderr
    for path in repository.root.rglob("*"):
        if path.is_file() and path.name != "password.txt":
            leaks += found_in(path.read_bytes().decode("latin-1"), path.name)
    assert leaks == []
    assert "***" in seen, "the driver's texts did not come through at all, so nothing was tested"


def test_a_secret_written_into_the_file_itself_is_refused_without_being_shown(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    config = CONFIG.format(fail="").replace("${env:CANARY_TOKEN}", LITERAL)
    config = config.replace("${env:CANARY_INNER}", LITERAL)
    repository = Repository(tmp_path / "repository", POLICY, config)
    for words in [("validate",), ("plan",), ("apply", "--auto-approve")]:
        ended = repository.run(*words, "--debug", expect=4, env=environment)
        assert found_in(ended.stdout + ended.stderr, str(words)) == []


def test_a_password_in_the_catalog_url_is_refused_without_being_shown(tmp_path: Path) -> None:
    url = f"postgresql://root:{LITERAL}@host/db"
    config = f"version: 1\nproject: e2e\nbackends: {{lab: {{driver: memory}}}}\ncatalog: {url}\n"
    repository = Repository(tmp_path / "repository", "profiles: {}\n", config)
    ended = repository.run("validate", "--debug", expect=None)
    assert found_in(ended.stdout + ended.stderr, "validate") == []
