"""A simulated system and a policy whose one ``apply`` has every verb, and every kind of write that the driver makes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from vergeos_sim.conftest import INSTANT

from snapplan.drivers.vergeos.marks import described
from snapplan.models.snapshot import Mark

BEFORE = ("2026-11-22T10:05:00Z", "2026-11-22T11:05:00Z")
"""When the old policy is applied; nothing of the platform's own schedule falls due between these and ``NOW``."""
NOW = "2026-11-22T12:05:00Z"
PROJECT = "e2e"

SYSTEM: dict[str, Any] = {
    "now": BEFORE[0],
    "clock": "frozen",
    "timings": INSTANT,
    "shipped_profiles": False,
    "system_profile": "theirs",
    "accounts": [{"name": "admin", "password": "admin", "keys": ["simulated-key"]}],
    "tags": [{"category": "backup", "tags": ["DB"]}],
    "profiles": [
        {"name": "theirs", "periods": [{"name": "Yearly", "frequency": "yearly", "month": 1, "retention": "1y"}]}
    ],
    "vms": [
        {"name": "joins", "drives": {"disk0": 32}},
        {"name": "moves", "drives": {"disk0": 32}},
        {"name": "leaves", "drives": {"disk0": 32}},
        {"name": "stays", "drives": {"disk0": 32}},
        {"name": "db", "agent": "8.2", "tags": ["DB"], "drives": {"disk0": "db at first", "disk1": 32}},
        {"name": "web", "drives": {"disk0": "web at first"}},
    ],
    "tenants": [
        {"name": "acme", "running": True, "contents": "acme at first"},
        {"name": "beta", "running": False, "contents": "beta at first"},
    ],
    "volumes": [{"name": "shared", "contents": "files at first"}, {"name": "scratch", "contents": 32}],
}

CONFIG = """\
version: 1
project: e2e
backends:
  dc1:
    driver: vergeos
    host: "{host}"
    token: ${{env:DC1_TOKEN}}
    ca_file: ca.pem
    timeout: 1s
    building_timeout: 3s
    requests_per_hour: 100000
catalog: sqlite:///catalog.db
"""
"""The shortest ``timeout`` that there is, as a lost answer costs that long; and a recovery that was not begun costs 3 s."""

OURS = """\
  gold: {periods: {hourly: {frequency: hourly, retention: 90m}}}
  frozen: {periods: {hourly: {frequency: hourly, retention: 90m, quiesce: require}}}
"""
BY_SNAPPLAN = """\
  vms: {profile: frozen, schedule: snapplan, targets: [{backend: dc1, scope: vm, names: [db]}]}
  volumes: {profile: gold, schedule: snapplan, targets: [{backend: dc1, scope: volume, names: [shared]}]}
  tenants: {profile: gold, targets: [{backend: dc1, scope: tenant, names: [acme]}]}
  whole: {profile: gold, schedule: snapplan, targets: [{backend: dc1, scope: cloud}]}
"""
OLD = f"""\
profiles:
{OURS}\
  changing:
    description: As it was
    periods:
      nightly: {{frequency: daily, hour: 2, retention: 7d}}
      weekly: {{frequency: weekly, day_of_week: sun, hour: 3, retention: 30d}}
  going: {{periods: {{nightly: {{frequency: daily, hour: 1, retention: 7d}}}}}}
assignments:
{BY_SNAPPLAN}\
  going: {{profile: going, targets: [{{backend: dc1, scope: vm, names: [moves]}}]}}
  changing: {{profile: changing, targets: [{{backend: dc1, scope: vm, names: [stays, leaves]}}]}}
snapshots:
  first:
    targets: [{{backend: dc1, scope: tenant, names: [beta]}}, {{backend: dc1, scope: vm, names: [web]}}]
    expires: 7d
"""
NEW = f"""\
profiles:
{OURS}\
  changing:
    description: As it shall be
    periods:
      nightly: {{frequency: daily, hour: 2, retention: 14d, quiesce: prefer}}
      monthly: {{frequency: monthly, day_of_month: 1, hour: 4, retention: 90d, min_snapshots: 2}}
  coming:
    periods:
      nightly: {{frequency: daily, hour: 5, retention: 7d}}
assignments:
{BY_SNAPPLAN}\
  coming: {{profile: coming, targets: [{{backend: dc1, scope: vm, names: [joins, moves]}},
    {{backend: dc1, scope: volume, names: [scratch]}}]}}
  system: {{profile: coming, take_over: true, targets: [{{backend: dc1, scope: cloud}}]}}
  changing: {{profile: changing, targets: [{{backend: dc1, scope: vm, names: [stays]}}]}}
snapshots:
  before-26.2: {{targets: [{{backend: dc1, scope: cloud}}], expires: 7d, description: CHG-1234}}
  first:
    targets: [{{backend: dc1, scope: tenant, names: [beta]}}, {{backend: dc1, scope: vm, names: [web]}}]
    expires: 9d
restores:
  db-own:
    target: dc1/vm/db
    from: {{snapshot: latest, before: 2026-11-22T11:30Z}}
    mode: clone
    as: db-own
    not_after: 2026-11-23T00:00Z
  db-whole:
    target: dc1/vm/db
    from: {{snapshot: latest, before: 2026-11-22T11:30Z, via: cloud}}
    mode: clone
    as: db-whole
    not_after: 2026-11-23T00:00Z
  acme-whole:
    target: dc1/tenant/acme
    from: {{snapshot: latest, before: 2026-11-22T11:30Z, via: cloud}}
    mode: clone
    as: acme-whole
    not_after: 2026-11-23T00:00Z
  beta-back:
    target: dc1/tenant/beta
    from: {{snapshot: latest, before: 2026-11-22T11:30Z}}
    mode: in_place
    not_after: 2026-11-23T00:00Z
  web-back:
    target: dc1/vm/web
    from: {{snapshot: latest, before: 2026-11-22T11:30Z}}
    mode: in_place
    power_off: true
    power_on: true
    not_after: 2026-11-23T00:00Z
"""
HALF_MADE = {
    "name": "manual.half-made",
    "description": described(
        "",
        Mark(
            project=PROJECT,
            target_id="cloud",
            run="0-dead",
            taken_at=datetime.fromisoformat(BEFORE[1]),
            expires_at=datetime.fromisoformat(NOW) + timedelta(days=1),
            key="half-made",
        ),
        "manual.half-made",
    ),
    "created": int(datetime.fromisoformat(BEFORE[1]).timestamp()),
    "status": "building",
}
"""A system snapshot that a run which died had begun, and that the platform does not complete."""
CHANGED_CONTENT = {"vms/db/disk0": "db since", "vms/web/disk0": "web since", "tenants/beta": "beta since"}
"""What is written after the last apply of the old policy, by path of the control interface."""
APPLY = ("apply", "--auto-approve", "--confirm", "dc1/tenant/beta", "--confirm", "dc1/vm/web")
