"""The VMs, tenants and volumes of a system, by their permanent ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from snapplan.drivers.vergeos.cells import flag, key_of, name_of, number, reference, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from snapplan.drivers.vergeos.api import Row
    from snapplan.drivers.vergeos.reads import SystemRows

REMOTE = frozenset({"cifs", "nfs"})
"""File systems of other machines, which this system cannot snapshot (product guide, NAS volume snapshots)."""
LOCAL = frozenset({"ext4", "ybfs"})


class VmObject(NamedTuple):
    """A VM. ``key`` is that of ``vms``, ``machine`` that of ``machines``, on which its snapshots and its profile hang.

    ``name`` is as the platform has it, where others may be called so too. ``running`` is ``None`` where the system does not
    tell. ``agent`` says that a guest agent is connected. ``profile`` is the key of its snapshot profile.
    """

    id: str
    name: str
    key: int
    machine: int
    running: bool | None
    agent: bool
    profile: int | None


class TenantObject(NamedTuple):
    """A tenant; see ``VmObject``. ``status`` is the platform's word for its state."""

    id: str
    name: str
    key: int
    running: bool | None
    status: str


class VolumeObject(NamedTuple):
    """A NAS volume, whose id is its key; see ``VmObject``."""

    id: str
    name: str
    fs_type: str
    profile: int | None


class Objects(NamedTuple):
    """All that can be snapshotted besides the system itself, by id. ``notices`` are sentences for the operator."""

    vms: Mapping[str, VmObject]
    tenants: Mapping[str, TenantObject]
    volumes: Mapping[str, VolumeObject]
    notices: tuple[str, ...] = ()


_Object = TypeVar("_Object", VmObject, TenantObject, VolumeObject)


def objects_of(rows: SystemRows) -> Objects:
    """Return what the rows describe; raises ``ValueError`` where one lacks what it must have."""
    vms = vms_of(rows.vms, rows.agents)
    tenants = tenants_of(rows.tenants)
    volumes = volumes_of(rows.volumes)
    notices = [*_told("VMs", vms), *_told("tenants", tenants)]
    return Objects(_by_id(vms), _by_id(tenants), _by_id(volumes), tuple(notices))


def vms_of(rows: Iterable[Row], agents: Iterable[Row] | None = None) -> list[VmObject]:
    """Return the VMs without the hidden ones of their snapshots; ``agents`` are rows of ``machine_status``."""
    versions = {row.get("machine"): row.get("agent_version") for row in agents or ()}
    return [
        VmObject(
            id=identity,
            name=name_of(row),
            key=key_of(row),
            machine=number(row.get("machine"), "machine"),
            running=flag(row.get("running")),
            agent=bool(flag(row.get("guest_agent")) and (row.get("agent_version") or versions.get(row["machine"]))),
            profile=reference(row.get("snapshot_profile"), "snapshot_profile"),
        )
        for identity, row in _identified(rows)
    ]


def tenants_of(rows: Iterable[Row]) -> list[TenantObject]:
    """Return the tenants without the hidden ones of their snapshots."""
    return [
        TenantObject(
            id=identity,
            name=name_of(row),
            key=key_of(row),
            running=flag(row.get("running")),
            status=text(row.get("status")),
        )
        for identity, row in _identified(rows)
    ]


def volumes_of(rows: Iterable[Row]) -> list[VolumeObject]:
    """Return the volumes without mounted snapshots and without remote ones; names are unique in a NAS service only."""
    return [
        VolumeObject(
            id=_hex(row),
            name=name_of(row),
            fs_type=text(row.get("fs_type")),
            profile=reference(row.get("snapshot_profile"), "snapshot_profile"),
        )
        for row in rows
        if not row.get("is_snapshot") and row.get("fs_type") not in REMOTE
    ]


def _identified(rows: Iterable[Row]) -> list[tuple[str, Row]]:
    """Return each row with its permanent id: its UUID, with its key where another row, of a lower key, has the same.

    Nothing of the platform promises that a UUID is unique, and one that is given twice must not leave one of the two
    without protection.
    """
    found: list[tuple[str, Row]] = []
    seen: set[str] = set()
    for row in sorted((row for row in rows if not row.get("is_snapshot")), key=key_of):
        uuid = text(row.get("uuid"))
        if not uuid:
            raise ValueError(f"{name_of(row)!r} has no uuid")
        found.append((f"{uuid}/{key_of(row)}" if uuid in seen else uuid, row))
        seen.add(uuid)
    return found


def _hex(row: Row) -> str:
    identity = text(row.get("id") or row.get("$key"))
    if not identity:
        raise ValueError("it has no id")
    return identity


def _by_id(found: Iterable[_Object]) -> dict[str, _Object]:
    return {each.id: each for each in found}


def _told(kind: str, found: Sequence[VmObject | TenantObject]) -> list[str]:
    twins = sorted(each.name for each in found if "/" in each.id)
    return [f"{name} has the UUID of another of the {kind}" for name in twins]
