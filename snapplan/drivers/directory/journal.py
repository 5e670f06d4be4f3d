"""``restores/PROJECT/KEY.json``: what a restore is about and how far it is, durable before each effect.

``preparing`` (new content is built aside; the target is untouched) becomes ``swapping`` (the renames are decided and may
have begun; a crash is completed) and then ``done``. ``undone`` says that nothing is left of the attempt: the key may be
begun again.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.drivers.directory.durable import make_folder, write_document
from snapplan.drivers.directory.layout import BESIDE
from snapplan.drivers.directory.swap import FolderMetadata, Kind, SwapPlan, Unit
from snapplan.errors import BackendError, NotSupportedError

if TYPE_CHECKING:
    from snapplan.drivers.directory.store import Store

FORMAT = "snapplan.restore/1"
# How the folder is called where a restore is built in the store, after the journal's name.
ASIDE = ".aside"
_LONGEST_NAME = 120


class State(StrEnum):
    """How far a restore is."""

    PREPARING = "preparing"
    SWAPPING = "swapping"
    DONE = "done"
    UNDONE = "undone"


class Journal(NamedTuple):
    """One restore. ``aside`` is the folder in which its new content is built; ``source`` the snapshot's native id."""

    key: str
    run: str
    project: str
    target_id: str
    content: str
    mode: str
    as_name: str
    source: str
    source_address: str
    started_at: datetime
    aside: Path
    state: State = State.PREPARING
    plan: SwapPlan = SwapPlan()

    @property
    def open(self) -> bool:
        """Whether it is neither completed nor undone."""
        return self.state in (State.PREPARING, State.SWAPPING)


def journal_path(store: Store, key: str) -> Path:
    """Return the file of a restore's journal. A key that is no good file name is replaced by its digest."""
    # Keys of the declared kind are safe as they are; one from another source may be any text.
    plain = key.replace("-", "").replace("_", "").replace(".", "")
    if not (plain.isascii() and plain.isalnum() and key[0].isalnum() and len(key) <= _LONGEST_NAME):
        key = "key-" + hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()
    return store.restores / store.project / f"{key}.json"


def write_journal(store: Store, journal: Journal) -> None:
    """Write ``journal``, durable when it returns. Raises ``OSError``."""
    path = journal_path(store, journal.key)
    make_folder(path.parent)
    write_document(path, _document(journal), f"restore.{journal.state}")


def read_journal(store: Store, key: str) -> Journal | None:
    """Return the journal of ``key``, ``None`` when the key was never begun. Raises ``BackendError``, ``OSError``."""
    path = journal_path(store, key)
    try:
        return _read(store, path)
    except FileNotFoundError:
        return None


def list_journals(store: Store) -> list[Journal]:
    """Return all journals, other projects' too. Raises ``BackendError``, ``OSError``."""
    return [_read(store, path) for path in sorted(store.restores.glob("*/*.json"))]


def _read(store: Store, path: Path) -> Journal:
    try:
        document = json.loads(path.read_bytes())
        form = str(document["format"])
        if form != FORMAT and form.startswith("snapplan.restore/"):
            raise NotSupportedError(
                store.backend,
                f"{str(path)!r} has the format {form!r}, which this snapplan does not know",
                hint="use the snapplan that wrote it, or a later one",
            )
        return _checked(store, _journal(document))
    except (ValueError, KeyError, TypeError) as error:
        # Never skipped: an open restore that is not seen would leave a mixture for ever.
        raise BackendError(
            store.backend,
            f"the journal of a restore, {str(path)!r}, cannot be read: {error!r}",
            hint="look at the target; remove the file when the restore is no longer of interest",
        ) from error


def _checked(store: Store, journal: Journal) -> Journal:
    within = journal.aside.parts[-3:-1]
    if within == (store.restores.name, journal.project) and journal.aside.suffix == ASIDE:
        # The store may have been moved since, or be mounted elsewhere.
        journal = journal._replace(aside=store.restores / journal.project / journal.aside.name)
    # The folder aside gets removed in the end, so it had better be one that we made.
    if journal.aside.parent.parent != store.restores and not journal.aside.name.startswith(BESIDE):
        raise ValueError(f"aside is {str(journal.aside)!r}")
    return journal


def _document(journal: Journal) -> dict[str, Any]:
    return {
        "format": FORMAT,
        **journal._asdict(),
        "started_at": journal.started_at.isoformat(),
        "aside": str(journal.aside),
        "plan": {
            "units": [
                {**unit._asdict(), "live": str(unit.live), "aside": str(unit.aside)} for unit in journal.plan.units
            ],
            "folders": [{**folder._asdict(), "path": str(folder.path)} for folder in journal.plan.folders],
        },
    }


def _journal(document: dict[str, Any]) -> Journal:
    units = tuple(
        Unit(Kind(unit["kind"]), Path(unit["live"]), Path(unit["aside"]), unit["new"], unit["old"])
        for unit in document["plan"]["units"]
    )
    folders = tuple(
        FolderMetadata(**{**folder, "path": Path(folder["path"])}) for folder in document["plan"]["folders"]
    )
    fields = {name: document[name] for name in Journal._fields}
    return Journal(
        **{
            **fields,
            "started_at": datetime.fromisoformat(document["started_at"]),
            "aside": Path(document["aside"]),
            "state": State(document["state"]),
            "plan": SwapPlan(units, folders),
        }
    )
