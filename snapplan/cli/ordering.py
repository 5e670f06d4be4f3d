"""The commands that order one harmless thing and do it without a question: a manual snapshot, a pin."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Any

from snapplan import clock
from snapplan.cli import console
from snapplan.cli.applying import Wish, account_exit_code, execute, has_errors
from snapplan.cli.exit_codes import ExitCode, exit_code
from snapplan.cli.interrupts import stopping
from snapplan.cli.planning import order_command
from snapplan.cli.session import session
from snapplan.errors import CommandLineError
from snapplan.ids import format_instant
from snapplan.models.order import AdoptOrder, LockOrder, Orders, PinOrder, SnapshotOrder
from snapplan.render.account import account_text
from snapplan.render.diagnostics import diagnostic_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from snapplan.models.snapshot import Pin


def fresh_key(now: datetime) -> str:
    """Return a key that no other order has, even within the same second: ``20261122T030004Z-9f3a1c``."""
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def take(order: SnapshotOrder, lock_timeout: timedelta) -> int:
    """Take manual snapshots; print their addresses, and nothing else, to stdout. Return the exit code.

    Raises ``CommandLineError`` for an expiration that is over already, as nothing would be taken.
    """
    if order.expires is not None:
        _check_ahead("--expires", order.expires)
    code, account, existing = _carry_out("snapshot", Orders(snapshots=(order,)), lock_timeout)
    done = (
        [a["subject"] for a in account["actions"] if a["state"] == "done" and a["verb"] == "snapshot"]
        if account
        else []
    )
    for address in sorted({*existing, *done}):
        console.result(f"{address}\n")
    return code


def order_pin(snapshot: str, pin: Pin | None, lock_timeout: timedelta) -> int:
    """Set or take away a pin. Return the exit code.

    Raises ``CommandLineError`` where ``snapshot`` is no address, and for a pin that keeps nothing or has no reason.
    """
    _check_address(snapshot)
    if pin is not None and not pin.reason.strip():
        raise CommandLineError("--reason says why the snapshot must stay, and is empty")
    if pin is not None and pin.until is not None:
        _check_ahead("--until", pin.until)
    code, account, _ = _carry_out(
        "unpin" if pin is None else "pin", Orders(pins=(PinOrder(snapshot, pin),)), lock_timeout
    )
    if code == 0:
        changed = bool(account and account["counts"]["change"])
        word = "pinned" if pin is not None else "unpinned"
        console.notice(f"{snapshot} is {word}." if changed else f"{snapshot} was {word} already.")
    return code


def order_locks(snapshots: Sequence[str], *, lock: bool, lock_timeout: timedelta) -> int:
    """Lock snapshots on their platforms, or begin to unlock them; return the exit code.

    Raises ``CommandLineError`` for what is no snapshot's address.
    """
    for snapshot in snapshots:
        _check_address(snapshot)
    orders = Orders(locks=tuple(LockOrder(snapshot, lock) for snapshot in snapshots))
    code, account, _ = _carry_out("lock" if lock else "unlock", orders, lock_timeout)
    if code == 0:
        done = account["counts"]["change"] if account else 0
        words = ("Locked", "were locked") if lock else ("Unlocking", "were not locked")
        left = len(snapshots) - done
        console.notice(f"{words[0]} {done}." + (f" {left} {words[1]} already." if left else ""))
    return code


def adopt(addresses: Sequence[str], expires: timedelta | datetime | str | None, lock_timeout: timedelta) -> int:
    """Make foreign snapshots, and profiles of platforms, ours; return the exit code.

    Raises ``CommandLineError`` for what is no address, and for a snapshot without an expiration (``expires`` is ``None``).
    """
    adoptions = tuple(_adoption(address, expires) for address in addresses)
    code, account, _ = _carry_out("adopt", Orders(adoptions=adoptions), lock_timeout)
    if code == 0:
        done = account["counts"]["change"] + account["counts"]["profile"] if account else 0
        already = len(addresses) - done
        console.notice(f"Adopted {done}." + (f" {already} were ours already." if already else ""))
    return code


def adopt_store(backends: Sequence[str], old: str, lock_timeout: timedelta) -> int:
    """Take over what was made in the store ``old`` and is in that of one backend now; return the exit code."""
    if len(backends) != 1:
        raise CommandLineError("--store takes one backend, and no addresses")
    (backend,) = backends
    with session().open(writable=True, may_be_empty=True) as workspace:
        known = workspace.policy.config.backends
        if backend not in known:
            raise CommandLineError(f"there is no backend {backend!r}", hint=f"There is {', '.join(known)}.")
        with stopping() as stop:
            count = workspace.adopt_store(backend, old, lock_timeout=lock_timeout, stop=stop)
    console.notice(f"Adopted {count}." if count else f"No snapshot of {backend} was made in the store {old}.")
    return 0 if count else int(ExitCode.FAILED)


def _adoption(address: str, expires: timedelta | datetime | str | None) -> AdoptOrder:
    backend, _, rest = address.partition("/")
    kind, _, name = rest.partition("/")
    if kind == "profile" and name:
        return AdoptOrder(address, None, backend, name)
    _check_address(address)
    if expires is None:
        raise CommandLineError(f"{address} is a snapshot: --expires says when it expires")
    return AdoptOrder(address, None if isinstance(expires, str) else expires)


def _check_ahead(option: str, when: timedelta | datetime) -> None:
    now = clock.now()
    if (when if isinstance(when, datetime) else now + when) <= now:
        raise CommandLineError(f"{option} is over already: it is {format_instant(now)}")


def _check_address(snapshot: str) -> None:
    from snapplan.ids import parse_snapshot

    try:
        parse_snapshot(snapshot)
    except ValueError as error:
        raise CommandLineError(str(error)) from None


def _carry_out(
    command: str, orders: Orders, lock_timeout: timedelta
) -> tuple[int, dict[str, Any] | None, tuple[str, ...]]:
    """Carry orders out; findings and failures go to stderr.

    Returns the exit code, the account (``None`` where nothing was tried) and what had been taken by the same order before.
    """
    with session().open(writable=True, may_be_empty=True) as workspace:
        plan = workspace.plan(clock.now(), orders=orders)
        document = plan.document()
        for finding in document["diagnostics"]:
            console.notice(diagnostic_text(finding, style=console.err_style()))
        if has_errors(document):
            return exit_code(ExitCode.FAILED), None, ()
        made, account = execute(workspace, plan, Wish(orders=orders, lock_timeout=lock_timeout, command=command))
    if account["state"] != "done":
        console.notice(account_text(account, style=console.err_style(), resume=order_command(orders)))
    told, document = document["diagnostics"], made.document()
    for finding in document["diagnostics"]:
        if finding not in told:
            console.notice(diagnostic_text(finding, style=console.err_style()))
    return account_exit_code(account, document), account, made.existing
