"""What of a driver's listing is let in: rows that are what the contract says, so that none breaks planning or the catalog.

A driver reads what others wrote, and may be anybody's. A snapshot whose row is odd is listed as damaged, or left out where
not even that can be told of it; an odd target, whose absence would read as its end, leaves its backend out.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from snapplan.errors import BackendError
from snapplan.models.snapshot import Mark, Pin, Snapshot
from snapplan.models.target import Fingerprint, Scope, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from snapplan.catalog.base import KnownSnapshot
    from snapplan.models.request import Inventory

LARGEST_NUMBER = (1 << 63) - 1
# What is reckoned from an instant (margins, retentions, the newest slot before it) must still be one.
_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9900, 1, 1, tzinfo=UTC)
_NAMED = 3


class _OddError(Exception):
    """A value is not what the contract says; ``str()`` is the name of its field."""


def admitted(backend: str, inventory: Inventory, known: Mapping[str, KnownSnapshot]) -> Inventory:
    """Return the inventory with sound rows only, and a notice of what was odd.

    A row that the catalog knows is sound: then the known object stands for it. Snapshots whose mark says that another store
    made them lose it: they are copies. Of several with one id the first has it. Raises ``BackendError`` for targets that
    are not what they have to be, and for an id that two of them have.
    """
    _admit_rest(backend, inventory)
    targets = _unique_targets(backend, inventory.targets)
    snapshots: list[Snapshot] = []
    odd: list[str] = []
    seen: set[str] = set()
    strays: dict[str, int] = {}
    identity = inventory.identity
    for snapshot in inventory.snapshots:
        one, native_id = snapshot, None
        try:
            native_id = snapshot.native_id
            record = known.get(native_id)
            one = record[0] if record is not None and record[0] == snapshot else _checked(snapshot, backend)
        except (_OddError, TypeError, AttributeError, ValueError, OverflowError) as error:
            damaged = _as_damaged(backend, snapshot, str(error) if isinstance(error, _OddError) else "row")
            odd.append(_name(snapshot))
            if damaged is None:
                continue
            one = damaged
        mark = one.mark
        if mark is not None and mark.store is not None and identity and mark.store != identity:
            one = one._replace(mark=None, stray=mark.store)
            strays[mark.store] = strays.get(mark.store, 0) + 1
        if one.native_id in seen:
            odd.append(one.address)
            one = one._replace(native_id=f"{one.native_id}@{one.address}", mark=None, damage="its id is another one's")
            if one.native_id in seen:
                continue
        seen.add(one.native_id)
        snapshots.append(one)
    notices = inventory.notices if not odd else (*inventory.notices, _notice(odd))
    notices = (*notices, *(_stray_notice(backend, store, count) for store, count in sorted(strays.items())))
    return inventory._replace(targets=targets, snapshots=snapshots, notices=notices)


def _stray_notice(backend: str, store: str, count: int) -> str:
    what = "1 snapshot was" if count == 1 else f"{count} snapshots were"
    return (
        f"{what} made in another store and copied here, so they are foreign; if that store was moved here:"
        f" snapplan adopt --store {store} {backend}"
    )


def _notice(odd: Sequence[str]) -> str:
    named = ", ".join(odd[:_NAMED])
    more = f" and {len(odd) - _NAMED} more" if len(odd) > _NAMED else ""
    what = "a snapshot is" if len(odd) == 1 else f"{len(odd)} snapshots are"
    return f"{what} listed with values that cannot be, and count for nothing: {named}{more}"


def _name(snapshot: Any) -> str:
    """Return how an odd row is called, as text that can be shown."""
    name = getattr(snapshot, "name", None)
    text = name if isinstance(name, str) else "one without a name"
    return text[:200].encode("utf-8", "backslashreplace").decode()


def _as_damaged(backend: str, snapshot: Any, field: str) -> Snapshot | None:
    """Return what is sound of an odd row, ``None`` where it cannot even be named."""
    if not isinstance(snapshot, Snapshot):
        return None
    bare = Snapshot(
        backend,
        snapshot.native_id,
        snapshot.name,
        snapshot.scope,
        snapshot.target_id,
        snapshot.target_name,
        snapshot.taken_at,
        snapshot.taken_at,
        damage=f"its {field} is not what it has to be",
    )
    try:
        return _checked(bare, backend)
    except (_OddError, TypeError, AttributeError, ValueError, OverflowError):
        return None


def _checked(snapshot: Snapshot, backend: str) -> Snapshot:
    """Return ``snapshot`` if each of its values can be recorded and reckoned with. Raises ``_OddError``."""
    if type(snapshot) is not Snapshot or snapshot.backend != backend:
        raise _OddError("backend")
    types = (*map(type, snapshot), *(() if snapshot.mark is None else map(type, snapshot.mark)))
    if types in _SOUND_TYPES and _is_plain(snapshot):
        return snapshot
    _check_each(snapshot)
    if len(_SOUND_TYPES) < _MOST_REMEMBERED:
        _SOUND_TYPES.add(types)
    return snapshot


# Which types the values of sound rows had. Nearly all rows of a backend are alike, and there may be 100,000 of them.
_SOUND_TYPES: set[tuple[type, ...]] = set()
_MOST_REMEMBERED = 1_000


def _is_plain(snapshot: Snapshot) -> bool:
    """Whether a row whose types are sound has values that need no closer look."""
    one, mark = snapshot, snapshot.mark
    text = f"{one.native_id}{one.name}{one.target_id}{one.target_name}{one.in_use}"
    text += f"{one.stray}{one.damage}{one.suspicion}{one.gaps}"
    instants: tuple[datetime | None, ...] = (one.taken_at, one.completed_at, one.locked_until)
    if mark is not None:
        if mark.pin is not None or not mark.project or not 0 <= mark.minimum <= LARGEST_NUMBER:
            return False
        text += f"{mark.project}{mark.target_id}{mark.run}{mark.profile}{mark.period}{mark.key}{mark.set}{mark.store}"
        instants += (mark.taken_at, mark.expires_at, mark.slot)
    sound = all(each is None or (each.tzinfo is UTC and 1900 <= each.year < 9900) for each in instants)
    return bool(
        sound and text.isascii() and one.native_id and not one.contains and 0 <= (one.size or 0) <= LARGEST_NUMBER
    )


def _check_each(snapshot: Snapshot) -> None:
    for field, is_sound in _SNAPSHOT.items():
        if not is_sound(getattr(snapshot, field)):
            raise _OddError(field)
    mark = snapshot.mark
    if mark is None:
        return
    if type(mark) is not Mark:
        raise _OddError("mark")
    for field, is_sound in _MARK.items():
        if not is_sound(getattr(mark, field)):
            raise _OddError(f"mark ({field})")


def _is_text(value: object) -> bool:
    if not isinstance(value, str):
        return False
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_name(value: object) -> bool:
    return value != "" and _is_text(value)


def _is_text_or_none(value: object) -> bool:
    return value is None or _is_text(value)


def _is_flag(value: object) -> bool:
    return type(value) is bool


def _is_flag_or_none(value: object) -> bool:
    return value is None or type(value) is bool


def _is_number(value: object) -> bool:
    return type(value) is int and 0 <= value <= LARGEST_NUMBER


def _is_number_or_none(value: object) -> bool:
    return value is None or _is_number(value)


def _is_instant(value: object) -> bool:
    return isinstance(value, datetime) and value.utcoffset() is not None and _EARLIEST <= value <= _LATEST


def _is_instant_or_none(value: object) -> bool:
    return value is None or _is_instant(value)


def _is_scope(value: object) -> bool:
    return isinstance(value, Scope)


def _are_texts(value: object) -> bool:
    return type(value) is tuple and all(map(_is_text, value))


def _is_pin(value: object) -> bool:
    if value is None:
        return True
    return (
        type(value) is Pin
        and _is_text(value.owner)
        and _is_text(value.reason)
        and (value.until is None or _is_instant(value.until))
    )


_SNAPSHOT: dict[str, Callable[[object], bool]] = {
    "native_id": _is_name,
    "name": _is_text,
    "scope": _is_scope,
    "target_id": _is_text,
    "target_name": _is_text,
    "taken_at": _is_instant,
    "completed_at": _is_instant_or_none,
    "quiesced": _is_flag_or_none,
    "consistent": _is_flag_or_none,
    "managed": _is_flag,
    "locked_until": _is_instant_or_none,
    "in_use": _is_text,
    "size": _is_number_or_none,
    "contains": _are_texts,
    "damage": _is_text,
    "suspicion": _is_text,
    "gaps": _is_text,
    "set_aside": _is_flag,
    "stray": _is_text,
}
_MARK: dict[str, Callable[[object], bool]] = {
    "project": _is_name,
    "target_id": _is_text,
    "run": _is_text,
    "taken_at": _is_instant,
    "expires_at": _is_instant_or_none,
    "profile": _is_text_or_none,
    "period": _is_text_or_none,
    "slot": _is_instant_or_none,
    "key": _is_text_or_none,
    "minimum": _is_number,
    "pin": _is_pin,
    "set": _is_text_or_none,
    "store": _is_text_or_none,
}
_TARGET: dict[str, Callable[[object], bool]] = {
    "scope": _is_scope,
    "name": _is_text,
    "id": _is_name,
    "can_quiesce": _is_flag,
    "in_place_blocker": _is_text,
    "inside": _are_texts,
}


def _unique_targets(backend: str, targets: Sequence[Target]) -> tuple[Target, ...]:
    seen: set[str] = set()
    for target in targets:
        fault = _fault_of(target, backend)
        if fault:
            raise BackendError(
                backend,
                f"the listing of {backend!r} gives the target {_name(target)!r}, whose {fault} is not what it has to be; it"
                " is not trusted",
                hint="rename it on the backend",
            )
        if target.id in seen:
            raise BackendError(
                backend, f"the listing of {backend!r} gives the target id {target.id!r} twice; it is not trusted"
            )
        seen.add(target.id)
    return tuple(targets)


def _fault_of(target: Target, backend: str) -> str:
    """Return the name of the first field of a target that is odd, empty where none is."""
    if type(target) is not Target or target.backend != backend:
        return "backend"
    for field, is_sound in _TARGET.items():
        if not is_sound(getattr(target, field)):
            return field
    if not isinstance(target.tags, frozenset) or not all(map(_is_text, target.tags)):
        return "tags"
    print_ = target.fingerprint
    if print_ is not None and not (
        type(print_) is Fingerprint
        and all(map(_is_text, (print_.path, print_.kind, print_.filesystem)))
        and (print_.inode is None or type(print_.inode) is int)
        and _is_flag(print_.mounted)
    ):
        return "fingerprint"
    return ""


def _admit_rest(backend: str, inventory: Inventory) -> None:
    """Raise ``BackendError`` where what is listed beside targets and snapshots is not what it has to be."""
    sound = (
        _is_text(inventory.identity)
        and _is_instant_or_none(inventory.backend_clock)
        and all(map(_is_text, inventory.notices))
        and all(
            _is_name(each.key) and _is_text(each.run) and _is_instant(each.started_at) for each in inventory.restores
        )
        and all(_is_text(each.subject) and _is_text(each.text) and _is_text(each.hint) for each in inventory.attention)
        and all(map(_is_instant_or_none, inventory.deletes_at.values()))
    )
    if not sound:
        raise BackendError(backend, f"the listing of {backend!r} has values that cannot be; it is not trusted")
