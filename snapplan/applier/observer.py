"""Who hears of an apply while it goes on: plain lines in CI, progress bars on a terminal."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from snapplan.applier.report import State, subject
from snapplan.models.plan import Verb
from snapplan.models.request import SnapshotRequest
from snapplan.models.target import Quiesce

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Self, TextIO

    from rich.progress import Progress, TaskID

    from snapplan.applier.report import ActionResult
    from snapplan.models.plan import Action

SYMBOLS: Mapping[Verb, str] = {
    Verb.SNAPSHOT: "+",
    Verb.CHANGE: "~",
    Verb.EXPIRE: "-",
    Verb.RESTORE: "<",
    Verb.ASSIGN: "=",
    Verb.PROFILE: "=",
}
_WIDEST = 60


class Observer(Protocol):
    """Hears of one thing at a time, from the threads of the apply; must not raise."""

    def planned(self, actions: Sequence[Action]) -> None:
        """These are going to be carried out: what guards and the command line leave out is not among them."""
        ...

    def started(self, action: Action) -> None:
        """An action is handed to its backend."""
        ...

    def finished(self, action: Action, result: ActionResult) -> None:
        """An action has ended, or is not going to be tried."""
        ...

    def notice(self, text: str) -> None:
        """Something about the run as a whole."""
        ...


class SilentObserver:
    """Says nothing."""

    def planned(self, actions: Sequence[Action]) -> None:
        """Say nothing."""

    def started(self, action: Action) -> None:
        """Say nothing."""

    def finished(self, action: Action, result: ActionResult) -> None:
        """Say nothing."""

    def notice(self, text: str) -> None:
        """Say nothing."""


class PlainObserver:
    """Writes one line to ``stream`` when an action has ended: how many have, of how many, what, and how long it took."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._total = self._width = self._ended = 0

    def planned(self, actions: Sequence[Action]) -> None:
        """Count the actions, and fit the lines to them."""
        self._total = len(actions)
        self._width = min(_WIDEST, max((len(printable(subject(action))) for action in actions), default=0))

    def started(self, action: Action) -> None:
        """Say nothing: in a log only finished lines are wanted."""

    def finished(self, action: Action, result: ActionResult) -> None:
        """Write the line of an action, and a line for each notice."""
        self._ended += 1
        self._total = max(
            self._total, self._ended
        )  # what a dead run left half-made is cleared besides what was approved
        digits = len(str(self._total))
        place = f"{self._ended:>{digits + 2}}/{self._total}"
        for line in lines(result, self._width):
            self._write(f"{place} {line}")
            place = " " * len(place)

    def notice(self, text: str) -> None:
        """Write a line about the run."""
        self._write(printable(text))

    def _write(self, line: str) -> None:
        # Nobody reads any more: that must not look as if a backend had failed.
        with suppress(OSError, ValueError):
            self._stream.write(line.rstrip() + "\n")
            self._stream.flush()


def lines(result: ActionResult, width: int) -> list[str]:
    """Return what is said of an action that has ended: ``+ dc1/vm/db-01@gold.daily.20261122T0200Z  2.1 s  quiesced``."""
    action = result.action
    symbol, about = SYMBOLS[action.verb], f"{printable(subject(action)):<{width}}"
    if result.state is State.FAILED:
        first = f"{symbol} {about}  FAILED after {result.seconds:.1f} s"
        return [first, f"  {printable(result.text)}", *(f"  {printable(notice)}" for notice in result.notices)]
    if result.state is not State.DONE:
        return [f"{symbol} {about}  {result.state.value.replace('_', ' ')}: {printable(result.text)}"]
    first = f"{symbol} {about}  {result.seconds:>6.1f} s  {consistency(result)}".rstrip()
    return [first, *(f"  {printable(notice)}" for notice in result.notices)]


def consistency(result: ActionResult) -> str:
    """Return ``quiesced``, ``UNQUIESCED`` where quiescing was asked for and did not happen, or nothing."""
    request, snapshot = result.action.request, result.snapshot
    if not isinstance(request, SnapshotRequest) or snapshot is None:
        return ""
    if snapshot.quiesced:
        return "quiesced"
    return "" if request.quiesce is Quiesce.NEVER else "UNQUIESCED"


def printable(text: str) -> str:
    """Return ``text`` on one line without control characters: a hostile name must not steer a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class ProgressObserver:
    """Shows a progress bar for each backend on a terminal, and the lines of what did not go well above them.

    To be used as a context manager around the apply.
    """

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._progress: Progress = Progress(
            TextColumn("{task.fields[name]}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[now]}", markup=False),
            console=Console(file=stream),
        )
        self._bars: dict[str, TaskID] = {}

    def planned(self, actions: Sequence[Action]) -> None:
        """Show a bar for each backend."""
        for name in sorted({_bar(action) for action in actions}):
            total = sum(_bar(action) == name for action in actions)
            self._bars[name] = self._progress.add_task("", total=total, name=printable(name), now="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def started(self, action: Action) -> None:
        """Name the action beside its backend's bar."""
        now = f"{SYMBOLS[action.verb]} {printable(subject(action))}"
        self._progress.update(self._bar_of(action), now=now)

    def finished(self, action: Action, result: ActionResult) -> None:
        """Move the bar on; print what failed, was not tried or deserves a notice."""
        bar = self._bar_of(action)
        self._progress.update(bar, advance=1, now="")
        task = next(task for task in self._progress.tasks if task.id == bar)
        if task.total is not None and task.completed > task.total:
            self._progress.update(bar, total=task.completed)
        if result.state is not State.DONE or result.notices:
            for line in lines(result, 0):
                self.notice(line)

    def _bar_of(self, action: Action) -> TaskID:
        """Return the bar of an action's backend; one that nothing was approved for gets its own."""
        name = _bar(action)
        if name not in self._bars:
            self._bars[name] = self._progress.add_task("", total=1, name=printable(name), now="")
        return self._bars[name]

    def notice(self, text: str) -> None:
        """Print a line above the bars."""
        self._progress.console.print(printable(text), markup=False, highlight=False, soft_wrap=True)


def _bar(action: Action) -> str:
    return action.backend or "catalog"
