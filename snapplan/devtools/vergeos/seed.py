"""A system from a YAML description."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from snapplan.devtools.vergeos import planting
from snapplan.devtools.vergeos.refusal import SimulatorError
from snapplan.devtools.vergeos.rules.access import Access, Account
from snapplan.devtools.vergeos.rules.switches import Switches
from snapplan.devtools.vergeos.rules.system import System, Timings
from snapplan.devtools.vergeos.tables.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}


def _seconds(value: object) -> object:
    match = re.fullmatch(r"(\d+)([smhdwy])", value) if isinstance(value, str) else None
    return int(match[1]) * SECONDS[match[2]] if match else value


Seconds = Annotated[int, BeforeValidator(_seconds)]
# Text, or a number of bytes to be made from the name.
Content = str | int


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AccountSeed(_Model):
    """A user."""

    name: str
    password: str
    keys: tuple[str, ...] = ()
    admin: bool = True
    readonly: bool = False
    denied: tuple[str, ...] = ()


class PeriodSeed(_Model):
    """A period of a profile; names and units as in the API, durations also as ``7d``."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str
    retention: Seconds


class ProfileSeed(_Model):
    """A snapshot profile."""

    name: str
    description: str = ""
    periods: tuple[PeriodSeed, ...] = ()


class TagSeed(_Model):
    """A category with its tags."""

    category: str
    taggable: tuple[str, ...] = ("vms", "tenants", "volumes")
    single: bool = False
    tags: tuple[str, ...] = ()


class ObjectSeed(_Model):
    """What VMs, tenants and volumes have in common; ``count`` makes many, their names from ``{}`` in ``name``."""

    name: str
    count: int = 1
    description: str = ""
    tags: tuple[str, ...] = ()

    def names(self) -> Iterator[str]:
        """Yield the names of what this describes."""
        for number in range(1, self.count + 1):
            yield self.name.format(number)


class VmSeed(ObjectSeed):
    """VMs; ``agent`` is the version of a connected guest agent."""

    profile: str | None = None
    running: bool = True
    agent: str = ""
    os_family: str = "linux"
    cpu_cores: int = 1
    ram: int = 1024
    drives: dict[str, Content] = Field(default={"disk0": 1024})


class TenantSeed(ObjectSeed):
    """Tenants."""

    running: bool = True
    contents: Content = 1024


class VolumeSeed(ObjectSeed):
    """NAS volumes."""

    profile: str | None = None
    service: str = "nas"
    fs_type: str = "ext4"
    enabled: bool = True
    contents: Content = 1024


class CloudSnapshotSeed(_Model):
    """A system snapshot that something else took: an update, a shutdown, a sync, or the provider."""

    name: str
    expires_in: Seconds = 259_200
    description: str = ""
    provider: bool = False
    remote_sync: bool = False
    immutable: bool = False
    min_snapshots: int = 0


class Seed(_Model):
    """The whole description."""

    version: str = "26.1.7"
    now: datetime | None = None
    clock: Literal["running", "frozen"] = "running"
    time_zone: str = "UTC"
    cloud_name: str = "simulated"
    switches: dict[str, str] = {}
    timings: dict[str, Seconds] = {}
    requests_per_hour: int = 0
    accounts: tuple[AccountSeed, ...] = (AccountSeed(name="admin", password="admin", keys=("simulated-key",)),)
    shipped_profiles: bool = True
    profiles: tuple[ProfileSeed, ...] = ()
    system_profile: str | None = "System Snapshots"
    tags: tuple[TagSeed, ...] = ()
    vms: tuple[VmSeed, ...] = ()
    tenants: tuple[TenantSeed, ...] = ()
    volumes: tuple[VolumeSeed, ...] = ()
    cloud_snapshots: tuple[CloudSnapshotSeed, ...] = ()
    settings: dict[str, str] = {}


def read(path: Path) -> Seed:
    """Read a seed file; raises SimulatorError that names the file and what is wrong with it."""
    import yaml

    try:
        return parse(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (OSError, yaml.YAMLError, SimulatorError) as error:
        raise SimulatorError(f"{path}: {error}") from error


def parse(document: Any) -> Seed:
    """Read a seed that was loaded already; raises SimulatorError."""
    try:
        return Seed.model_validate(document)
    except ValidationError as error:
        places = (".".join(map(str, each["loc"])) + ": " + each["msg"] for each in error.errors())
        raise SimulatorError("; ".join(places)) from error


def grow(seed: Seed, now: int) -> tuple[System, Access]:
    """Return the system that a seed describes, and who may use it; ``now`` (epoch seconds) where the seed has none."""
    start = int(seed.now.timestamp()) if seed.now is not None else now
    try:
        version, zone, timings = Version.parse(seed.version), ZoneInfo(seed.time_zone), Timings(**seed.timings)
    except (ValueError, KeyError, TypeError) as error:
        raise SimulatorError(str(error)) from error
    system = System(version, Switches(seed.switches), start, zone, timings)
    planting.plant(system, seed)
    accounts = tuple(Account(**account.model_dump()) for account in seed.accounts)
    return system, Access(accounts, seed.requests_per_hour)


def content(name: str, given: Content) -> bytes:
    """Return bytes as a seed describes them: text, or so many bytes that nothing else has."""
    return given.encode() if isinstance(given, str) else hashlib.shake_256(name.encode()).digest(given)
