"""Whether the content of a target had vanished when a snapshot was taken: another disk, or none, in the place of the old.

Compared with what the newest sound snapshot in the store recorded; nothing but marks is read.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from snapplan.drivers.directory.facts import SET_ASIDE, Facts
from snapplan.drivers.directory.listing import damage_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from snapplan.drivers.directory.store import Store

SUSPICIOUS_CODE = "SP309"


def earlier_facts(store: Store, facts: Facts) -> Iterator[Facts]:
    """Yield what is known of the undamaged snapshots of the same target and project, newest first."""
    folder = store.target_folder(facts.scope, facts.folder)
    try:
        with os.scandir(folder) as entries:
            names = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return
    found = [(path, one) for path in names if (one := store.read(path)) is not None]
    found = [(path, one) for path, one in found if _is_comparable(one, facts)]
    for path, one in sorted(found, key=lambda each: each[1].mark.taken_at, reverse=True):
        if not damage_of(path, one):
            yield one


def _is_comparable(earlier: Facts, facts: Facts) -> bool:
    one, mark = earlier.mark, facts.mark
    same = (one.project, one.target_id, one.store or mark.store) == (mark.project, mark.target_id, mark.store)
    return same and earlier.completed_at is not None and earlier.source != SET_ASIDE and one.taken_at <= mark.taken_at


def suspicion(facts: Facts, earlier: Sequence[Facts]) -> str:
    """Return in a sentence why the target's content may have vanished, empty where nothing says so.

    ``earlier`` are the snapshots before, newest first. Another device number, or another disk with as much on it, is
    nothing to worry about, and so is a target that was empty before and came back by itself: a queue.
    """
    sound = next((one for one in earlier if not one.suspicion), None)
    if sound is None:
        return ""
    why = _moved(facts, sound)
    if why and facts.entries * 2 < sound.entries:
        return f"{why}, and {facts.entries} of {sound.entries} entries are left"
    if facts.files == 0 and sound.files > 0 and (why or not _is_emptied_regularly(facts, earlier)):
        return f"it is empty, where {sound.files} files were on {sound.mark.taken_at:%Y-%m-%d %H:%M}Z"
    return ""


def _moved(facts: Facts, sound: Facts) -> str:
    now, before = facts.origin, sound.origin
    if now is None or before is None:
        return ""
    if before.mounted and not now.mounted:
        return f"{now.fingerprint.path!r} was a mount point and is none"
    if before.uuid and now.uuid and before.uuid != now.uuid:
        return f"{now.fingerprint.path!r} is on another filesystem ({now.uuid}, was {before.uuid})"
    return ""


def _is_emptied_regularly(facts: Facts, earlier: Sequence[Facts]) -> bool:
    """Whether the target was empty before, on the same filesystem, between two snapshots with files in them."""
    files = [one.files > 0 for one in reversed(earlier) if _moved(facts, one) == ""]
    first = files.index(True) if True in files else len(files)
    return False in files[first:] and True in files[first + files[first:].index(False) :]
