"""The conformance suite's worlds on the VergeOS simulator, and a look at them behind the driver's back."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from pydantic import SecretStr

from snapplan.devtools.vergeos import seed as seeds
from snapplan.drivers.base import Settings
from snapplan.drivers.conformance import Harness
from snapplan.drivers.vergeos import DRIVER, VergeosOptions
from snapplan.drivers.vergeos.keys import parse_row_id
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from snapplan.devtools.vergeos.web.serving import Simulator
    from snapplan.drivers.conformance import WorldTarget
    from snapplan.models.snapshot import Snapshot

TABLES = {Scope.VM: "vms", Scope.VOLUME: "volumes", Scope.TENANT: "tenants"}
DRIVE = "disk0"
INSTANT = {"blank": 0, "building": 0, "recover": 0, "provision": 0, "request": 0, "find": 0}


def packed(files: Mapping[str, bytes]) -> bytes:
    """Return files as the one run of bytes that a drive, a volume or a tenant holds in the simulator."""
    return json.dumps({name: base64.b64encode(data).decode() for name, data in sorted(files.items())}).encode()


def unpacked(held: bytes) -> dict[str, bytes]:
    """Return the files that ``packed`` made bytes of."""
    return {name: base64.b64decode(data) for name, data in json.loads(held).items()} if held else {}


class VergeosHarness(Harness):
    """A system of one version on a server that all tests share."""

    driver = DRIVER
    pausable = True
    locked_scope = Scope.CLOUD

    def __init__(self, server: Simulator, folder: Path, version: str, **seed: Any) -> None:
        self._server = server
        self._folder = folder
        self._seed = {"version": version, **seed}
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.verify = str(server.ca_file)
        self._http.auth = ("admin", "admin")

    def close(self) -> None:
        self._http.close()

    def world(self, targets: Sequence[WorldTarget]) -> None:
        made: dict[Scope, list[dict[str, Any]]] = {scope: [] for scope in TABLES}
        for each in targets:
            held = packed(each.files).decode()
            more = {"running": False, "drives": {DRIVE: held}} if each.scope is Scope.VM else {"contents": held}
            if each.scope is Scope.TENANT:
                more["running"] = False
            made[each.scope].append({"name": each.name, **more})
        now = int(self.now().timestamp())
        seed = {
            "now": datetime.fromtimestamp(now, UTC).isoformat(),
            "clock": "frozen",
            "timings": INSTANT,
            "shipped_profiles": False,
            # One period that is kept for ever shows how this system writes that.
            "profiles": [{"name": "house", "periods": [{"name": "kept", "frequency": "yearly", "retention": 0}]}],
            "system_profile": "house",
            # The clock stands still, so that a key that is given out again could not be told from the first.
            "switches": {"key_reuse": "never"},
            **{TABLES[scope]: rows for scope, rows in made.items()},
            **self._seed,
        }
        self._server.stage.begin_anew(seeds.parse(seed), now)

    def settings(self, *, project: str, read_only: bool) -> Settings:
        options = VergeosOptions(
            host=self._server.host,
            username="admin",
            password=SecretStr("admin"),
            ca_file=str(self._server.ca_file),
            requests_per_hour=1_000_000,
        )
        return Settings("lab", project, options, self._folder, {}, read_only)

    def read(self, target: str) -> dict[str, bytes]:
        if target == "cloud":
            found = {}
            for scope, table in TABLES.items():
                for row in self.rows(table):
                    if not row["is_snapshot"]:
                        path = f"{scope}/{row['name']}"
                        found.update({f"{path}/{name}": data for name, data in self.read(path).items()})
            return found
        row = self.find(target)
        return {} if row is None else unpacked(self.control("GET", f"bytes/{self._place(target, row)}"))

    def write(self, target: str, path: str, content: bytes) -> None:
        row = self.find(target)
        assert row is not None
        self.control("PUT", f"bytes/{self._place(target, row)}", packed({**self.read(target), path: content}))

    def delete_target(self, target: str) -> None:
        row = self.find(target)
        assert row is not None
        if target.startswith("volume/"):
            self.api("POST", "volume_actions", {"volume": row["$key"], "action": "disable"})
        self.api("DELETE", f"{self._table(target)}/{row['$key']}")

    def fingerprint(self) -> object:
        store = self._server.stage.system.store
        return {name: store.revision(name) for name in self._server.stage.system.tables}

    def can_quiesce(self, target: str) -> None:
        scope, _, name = target.partition("/")
        if scope == Scope.VM:
            self.control("PUT", f"agent/{name}", {"version": "8.2"})
            row = self.find(target)
            assert row is not None
            self.api("POST", "vm_actions", {"vm": row["$key"], "action": "poweron"})

    def add_foreign_snapshot(self, target: str, name: str) -> None:
        row = {} if target == "cloud" else self.find(target)
        assert row is not None
        table, column = {
            "cloud": ("cloud_snapshots", None),
            "vm": ("machine_snapshots", "machine"),
            "tenant": ("tenant_snapshots", "tenant"),
            "volume": ("volume_snapshots", "volume"),
        }[target.partition("/")[0]]
        parent = {} if column is None else {column: row["machine"] if column == "machine" else row["$key"]}
        self.api("POST", table, {"name": name, "description": "theirs", **parent})

    def lock(self, snapshot: Snapshot) -> None:
        self.api("PUT", f"cloud_snapshots/{parse_row_id(snapshot.native_id).key}", {"immutable": True})

    def use(self, snapshot: Snapshot) -> None:
        if snapshot.scope is not Scope.VOLUME:
            pytest.skip("only snapshots of volumes can be mounted")
        row = self.find(f"volume/{snapshot.target_name}")
        assert row is not None
        key = parse_row_id(snapshot.native_id).key
        self.control("PUT", f"rows/volume_snapshots/{key}", {"snap_volume": row["$key"]})

    def let_pass(self, duration: timedelta) -> None:
        self.control("POST", "clock/step", {"seconds": int(duration.total_seconds())})

    def add_foreign_profile(self, name: str) -> None:
        made = self.api("POST", "snapshot_profiles", {"name": name, "description": "theirs"})
        period = {"profile": int(made["$key"]), "name": "daily", "frequency": "daily", "hour": 7, "retention": 86400}
        self.api("POST", "snapshot_profile_periods", period)

    def spoil_mark(self, snapshot: Snapshot, fields: Mapping[str, object]) -> None:
        key = parse_row_id(snapshot.native_id).key
        table = f"{snapshot.scope}_snapshots".replace("vm_", "machine_")
        description = next(row for row in self.rows(table) if row["$key"] == key)["description"]
        text, _, line = description.rpartition("\n")
        changed = json.loads(line.removeprefix("snapplan ")) | fields
        self.control("PUT", f"rows/{table}/{key}", {"description": f"{text}\nsnapplan {json.dumps(changed)}"})

    def break_listing(self) -> None:
        self.control("POST", "faults", {"kind": "truncate", "path": "volume_snapshots", "times": 0})

    def find(self, target: str) -> dict[str, Any] | None:
        """Return the row of a VM, volume or tenant."""
        name = target.partition("/")[2]
        rows = [each for each in self.rows(self._table(target)) if each["name"] == name and not each["is_snapshot"]]
        assert len(rows) <= 1, f"{target} is there {len(rows)} times"
        return rows[0] if rows else None

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return all rows of a table, past the API."""
        found: list[dict[str, Any]] = self.control("GET", f"rows/{table}")
        return found

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Make one request as another client would."""
        response = self._http.request(method, f"https://{self._server.host}/api/v4/{path}", json=body, timeout=10)
        assert response.status_code in (200, 201), response.text
        return response.json() if response.content else None

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the control interface."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        response = self._http.request(method, f"{self._server.control_url}/{path}", data=data, timeout=10)
        assert response.status_code in (200, 201), response.text
        binary = response.headers["content-type"].startswith("application/octet")
        return response.content if binary else response.json()

    def _place(self, target: str, row: Mapping[str, Any]) -> str:
        return f"{self._table(target)}/{row['$key']}{f'/{DRIVE}' if target.startswith('vm/') else ''}"

    def _table(self, target: str) -> str:
        return TABLES[Scope(target.partition("/")[0])]
