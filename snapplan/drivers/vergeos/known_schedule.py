"""What this connection knows of the platform's schedule, so that each assignment is one request."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snapplan.models.platform import PlatformSchedule


class KnownSchedule:
    """The keys of profiles by name, of VMs by id, and which profile each target has; threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._profiles: dict[str, str] = {}
        self._vms: dict[str, int] = {}
        self._assigned: dict[str, str] = {}
        self._read: set[str] = set()

    def learn(self, schedule: PlatformSchedule, vm_keys: Mapping[str, int], target_ids: frozenset[str]) -> None:
        """Take over what an inventory showed; of ``target_ids`` all assignments are in it."""
        with self._lock:
            self._profiles = {profile.name: profile.native_id for profile in schedule.profiles}
            self._vms = dict(vm_keys)
            self._assigned = dict(schedule.assigned)
            self._read = set(target_ids)

    def profile(self, name: str) -> str | None:
        """Return the key of a profile, ``None`` where it is not known."""
        with self._lock:
            return self._profiles.get(name)

    def vm_key(self, id_: str) -> int | None:
        """Return the key of a VM in ``vms``, ``None`` where it is not known."""
        with self._lock:
            return self._vms.get(id_)

    def assigned(self, id_: str) -> str | None:
        """Return the key of the profile that a target has, empty for none, ``None`` where that is not known."""
        with self._lock:
            return self._assigned.get(id_, "") if id_ in self._read else None

    def note_profile(self, name: str, key: str | None) -> None:
        """Note that a profile was made, or with ``None`` that it is gone."""
        with self._lock:
            self._profiles.pop(name, None)
            if key is not None:
                self._profiles[name] = key

    def note_assigned(self, id_: str, profile: str | None) -> None:
        """Note which profile a target has now, ``None`` where that became uncertain."""
        with self._lock:
            if profile is None:
                self._read.discard(id_)
            else:
                self._assigned[id_] = profile
                self._read.add(id_)
