"""Runs the calls of all backends side by side: phases one after another, targets in parallel, per-target order kept."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from snapplan.applier.board import INTERRUPTED, not_tried

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from snapplan.applier.board import Board
    from snapplan.applier.order import Call
    from snapplan.applier.report import ActionResult

    Tell = Callable[[ActionResult], None]


WAITS_IN_VAIN = "what it needs is to be carried out later"


class Carried(NamedTuple):
    """What a call came to. ``stopped`` says why nothing more may be done on its backend, or is ``None``."""

    results: Sequence[ActionResult]
    stopped: str | None = None


class Lane:
    """The calls of one backend that are not begun yet, and those under way."""

    def __init__(self, calls: Sequence[Call], parallel: int, pool: ThreadPoolExecutor) -> None:
        self.parallel = parallel
        self.pool = pool
        self.pending = dict(enumerate(calls))
        self.running: dict[Future[Carried], Call] = {}
        self.stopped: str | None = None

    def ready(self, board: Board) -> Iterator[Call]:
        """Take out and yield the calls that may begin now, in order."""
        phase = min((call.phase for call in (*self.running.values(), *self._first())), default=None)
        touched = {target for call in self.running.values() for target in call.touches}
        alone = any(call.alone for call in self.running.values())
        ready: list[int] = []
        for index, call in self.pending.items():
            if alone or len(self.running) + len(ready) >= self.parallel or call.phase is not phase:
                break
            free = touched.isdisjoint(call.touches) and not (call.alone and touched)
            if free and not any(board.waiting(action) for action in call.actions):
                ready.append(index)
            touched |= call.touches
            alone = call.alone
        for index in ready:
            yield self.pending.pop(index)

    def _first(self) -> Sequence[Call]:
        return [next(iter(self.pending.values()))] if self.pending else []


def run_lanes(
    calls: Mapping[str, Sequence[Call]],
    parallel: Mapping[str, int],
    board: Board,
    carry_out: Callable[[Call], Carried],
    stop: Callable[[], bool],
    tell: Tell,
) -> None:
    """Carry out all ``calls`` (by backend, each in order) and settle every action of theirs on ``board``.

    At most ``parallel[backend]`` calls of a backend run at once. Once ``stop`` returns true, what runs is finished and
    nothing more begins. ``tell`` hears of each action that is not tried. What ``carry_out`` raises is a bug and is raised
    here, after the calls under way have ended.
    """
    with ExitStack() as stack:
        lanes = []
        for backend, theirs in calls.items():
            workers = max(1, min(parallel[backend], len(theirs)))
            pool = stack.enter_context(ThreadPoolExecutor(workers, thread_name_prefix=f"apply-{backend}"))
            lanes.append(Lane(theirs, workers, pool))
        while True:
            while any(_start(lane, board, carry_out, stop, tell) for lane in lanes):
                pass
            running = [future for lane in lanes for future in lane.running]
            if not running:
                break
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for lane in lanes:
                _collect(lane, ended, board)
        for lane in lanes:
            _leave(lane, WAITS_IN_VAIN, board, tell)


def _start(
    lane: Lane, board: Board, carry_out: Callable[[Call], Carried], stop: Callable[[], bool], tell: Tell
) -> bool:
    """Begin what may begin. Returns whether actions were settled without being begun, which may free others."""
    if lane.pending and lane.stopped is not None:
        return _leave(lane, lane.stopped, board, tell)
    if lane.pending and stop():
        board.interrupted = True
        return _leave(lane, INTERRUPTED, board, tell)
    settled = False
    for call in lane.ready(board):
        todo, left = board.triable(call.actions)
        _settle(left, board, tell)
        if todo:
            begun = call._replace(actions=tuple(todo))
            lane.running[lane.pool.submit(carry_out, begun)] = begun
        else:
            settled = True
    return settled


def _collect(lane: Lane, ended: set[Future[Carried]], board: Board) -> None:
    for future in ended & lane.running.keys():
        del lane.running[future]
        carried = future.result()
        board.settle(carried.results)
        if carried.stopped is not None:
            lane.stopped = carried.stopped


def _leave(lane: Lane, reason: str, board: Board, tell: Tell) -> bool:
    left = [action for call in lane.pending.values() for action in call.actions]
    lane.pending.clear()
    _settle(not_tried(left, reason), board, tell)
    return bool(left)


def _settle(results: Sequence[ActionResult], board: Board, tell: Tell) -> None:
    board.settle(results)
    for result in results:
        tell(result)
