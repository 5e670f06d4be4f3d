"""What became of a plan: one result per action, and what follows from them all."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from snapplan.models.plan import Verb

if TYPE_CHECKING:
    from snapplan.models.plan import Action
    from snapplan.models.snapshot import Snapshot


class State(StrEnum):
    """How an action ended. ``skipped`` is for one that had become unnecessary before it was begun."""

    DONE = "done"
    FAILED = "failed"
    NOT_TRIED = "not_tried"
    SKIPPED = "skipped"


class ActionResult(NamedTuple):
    """What became of one action.

    ``text`` says why it failed or was not tried, in a sentence without a full stop; ``notices`` are the driver's
    sentences for the operator, ``attention`` those among them about what the action left for a person to look at.
    ``seconds`` is how long the backend took. ``snapshot`` is the snapshot as it now stands,
    where the action made or changed one. ``error`` is for a trace in debug output.
    """

    action: Action
    state: State
    text: str = ""
    seconds: float = 0.0
    notices: tuple[str, ...] = ()
    snapshot: Snapshot | None = None
    error: Exception | None = None
    attention: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What an apply did. ``results`` are in the order of the plan's numbers; ``seconds`` is wall time.

    ``interrupted`` says that it was asked to stop and left actions out because of that. ``notices`` are about the run as a
    whole, ``attention`` those among them about what a recovery could not put right. ``run`` is its number in the catalog.
    """

    results: tuple[ActionResult, ...]
    seconds: float = 0.0
    interrupted: bool = False
    notices: tuple[str, ...] = ()
    run: int | None = None
    attention: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many actions of each verb were done, and how many failed, were not tried and were skipped."""
        counts = {verb.value: 0 for verb in Verb} | {state.value: 0 for state in State if state is not State.DONE}
        for result in self.results:
            counts[result.action.verb.value if result.state is State.DONE else result.state.value] += 1
        return counts

    @property
    def failed(self) -> tuple[ActionResult, ...]:
        """The actions that failed."""
        return tuple(result for result in self.results if result.state is State.FAILED)

    @property
    def not_tried(self) -> tuple[ActionResult, ...]:
        """The actions that were not tried, each with its reason as ``text``."""
        return tuple(result for result in self.results if result.state is State.NOT_TRIED)

    @property
    def partial(self) -> bool:
        """Whether something that was planned has not been done, or something was left that a person has to look at."""
        return bool(self.left) or any(result.state in (State.FAILED, State.NOT_TRIED) for result in self.results)

    @property
    def left(self) -> tuple[str, ...]:
        """What the run leaves for a person to look at, such as a target that may still be frozen; each sentence once."""
        texts = (text for result in self.results for text in result.attention)
        return tuple(dict.fromkeys((*self.attention, *texts)))

    @property
    def state(self) -> str:
        """The run's state for the catalog: done, partial, failed (nothing at all was done) or interrupted."""
        if self.interrupted:
            return "interrupted"
        if not self.partial:
            return "done"
        failed = any(result.state in (State.FAILED, State.NOT_TRIED) for result in self.results)
        return "failed" if failed and not any(result.state is State.DONE for result in self.results) else "partial"


def subject(action: Action) -> str:
    """Return what an action is about: the address of a snapshot or target, a profile's name, both of an assignment."""
    if action.verb is Verb.ASSIGN:
        return f"{action.target} {action.profile}"
    if action.verb is Verb.RESTORE and action.target:
        return action.target
    return action.snapshot or action.target or action.profile or f"action {action.number}"
