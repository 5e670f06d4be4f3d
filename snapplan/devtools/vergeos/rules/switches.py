"""Switches for everything that the sources guess or contradict each other about.

Each names its choices, the first being the default, and says what is uncertain. The documentation lists all of them;
a test compares it with this table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from snapplan.devtools.vergeos.refusal import SimulatorError


@dataclass(frozen=True)
class Switch:
    """One uncertainty: ``choices`` begin with the default; empty choices take any text, the default in ``free``."""

    name: str
    choices: tuple[str, ...]
    about: str
    section: str
    mark: str
    free: str = ""

    @property
    def default(self) -> str:
        """Return the value that holds until another is set."""
        return self.choices[0] if self.choices else self.free


def _switch(name: str, choices: str, section: str, mark: str, about: str) -> Switch:
    return Switch(name, tuple(choices.split()), about, section, mark)


SWITCHES = (
    _switch("profile_in_use", "refuse detach", "2.5", "DISPUTED", "deleting a profile that something uses"),
    _switch("profile_in_use_status", "409 422 400", "2.5", "G", "status of that refusal"),
    _switch("retention_zero", "forever refuse expired", "2.2", "DISPUTED", "retention 0 of a period"),
    _switch(
        "frequency_default", "daily none", "2.2", "G", "frequency of a period that names none; without, it is required"
    ),
    _switch("period_partial_columns", "present absent", "2.2", "G", "names of the partial columns of periods"),
    _switch("period_tags", "columns table", "2.2", "G", "where the tags of a period are kept"),
    _switch("custom_periods", "never_due year_column", "2.2", "G", "how a period of frequency custom has its year"),
    _switch("irrelevant_fields", "forced kept", "2.2", "DISPUTED", "fields that a period's frequency does not use"),
    _switch("weekly_any", "sunday daily", "2.2", "G", "day of a weekly period on any day, from 26.1.2"),
    _switch("short_months", "last_day skip", "2.3", "G", "a day of the month that a month does not have"),
    _switch("period_time_zone", "system utc", "2.3", "G", "time zone of a period's hour and minute"),
    _switch("retention_change", "later_snapshots existing_too", "2.3", "G", "whose expiration a new retention changes"),
    _switch("scheduled_names", "date minute", "2.2", "G", "name of a scheduled snapshot: period and date, or minute"),
    _switch("period_gone", "forgotten kept", "2.5", "G", "reference of a snapshot to its deleted period"),
    _switch("zero_reference", "404 null", "3.1", "G", "0 written into snapshot_profile"),
    Switch(
        "system_profile_key", (), "key of the setting of the system's profile", "3.3", "G", "system_snapshot_profile"
    ),
    _switch("system_profile_value", "key name", "3.3", "G", "whether that setting holds the profile's key or name"),
    _switch("tenant_rows", "at_refresh at_capture never", "6", "G", "tenant_snapshots rows of system snapshots"),
    _switch("manual_minimum", "ignored held", "4.1", "G", "min_snapshots of a system snapshot without a period"),
    _switch("unlocking_immutable", "false true", "4.4", "G", "column immutable while a snapshot unlocks"),
    _switch("unlock_end", "deletable deleted", "4.4", "G", "end of the seven days of an unlock"),
    _switch("shorten_locked", "refuse allow", "4.4", "G", "an earlier expiration for a locked snapshot"),
    _switch("locked_delete_status", "422 403 405 409", "1.5", "G", "status of deleting a locked snapshot"),
    _switch("contents", "at_capture on_request", "4.5", "DISPUTED", "when the contents of a snapshot are listed"),
    _switch("recover_many_name", "numbered refuse", "4.6", "G", "a name given for several recovered rows"),
    _switch("quiesce_without_agent", "degrade error_keeps error", "5.3", "DISPUTED", "quiescing without an agent"),
    _switch("quiesce_offline", "quiesced crash_consistent", "5.3", "DISPUTED", "quiescing a VM that is off"),
    _switch("agent_version", "traverses absent", "10.1", "G", "machine#status#agent_version asked of vms"),
    _switch("key_sort", "sorts refused", "10.1", "G", "sorting by $key"),
    _switch("key_reuse", "highest lowest never", "10.3", "G", "keys given out again after a deletion"),
    _switch("hidden_vm", "removed kept", "5.4", "G", "hidden VM of a deleted VM snapshot"),
    _switch("machine_expires_type", "argument stored", "5.1", "G", "expires_type of VM snapshots"),
    _switch("volume_expires_type", "stored argument", "8.1", "G", "expires_type of volume snapshots"),
    _switch("local_volumes", "not_remote ext4_ybfs", "7.1", "G", "which file systems are local and can be snapshotted"),
    _switch("volume_names", "unique free", "7.1", "G", "names of the volumes of one NAS service"),
    _switch("volume_snapshot_names", "unique free", "7.2", "G", "names of the snapshots of one volume"),
    _switch("vm_import", "absent offered", "5.6", "G", "import of a VM's snapshot from a system snapshot"),
    _switch("volume_restore", "absent offered", "7.3", "G", "restore action of volumes"),
    _switch("volume_import", "absent offered", "7.4", "G", "import of a volume's snapshot from a system snapshot"),
    _switch("cloud_restore", "absent offered", "4.6", "G", "table for restoring the whole system"),
    _switch("unknown_filter_column", "422 no_match", "1.6", "G", "a filter on a column that does not exist"),
    _switch("all_with_key", "no yes", "1.6", "DISPUTED", "whether fields=all includes $key"),
    _switch("online_drive_status", "422 409 500", "1.5", "G", "status of deleting a mounted volume"),
    _switch("rate_limit_body", "json text", "1.2", "G", "body of a 429"),
)

BY_NAME: Mapping[str, Switch] = {switch.name: switch for switch in SWITCHES}


class Switches(Mapping[str, str]):
    """The value of every switch."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = {switch.name: switch.default for switch in SWITCHES}
        self.update(values or {})

    def update(self, values: Mapping[str, str]) -> None:
        """Set some switches; raises SimulatorError for an unknown switch or value, and then changes none."""
        given = {name: str(value) for name, value in values.items()}
        for name, value in given.items():
            switch = BY_NAME.get(name)
            if switch is None:
                raise SimulatorError(f"there is no switch {name!r}")
            if switch.choices and value not in switch.choices:
                raise SimulatorError(f"{name} is one of {', '.join(switch.choices)}, not {value!r}")
        self._values.update(given)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)
