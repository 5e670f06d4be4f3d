from __future__ import annotations

import pytest

from snapplan.applier.report import ActionResult, Report, State

from .lab import profile, scheduled


def report(*states: State, interrupted: bool = False) -> Report:
    results = [ActionResult(scheduled(number), state) for number, state in enumerate(states)]
    return Report(tuple(results), interrupted=interrupted)


def test_done_actions_are_counted_by_verb_and_the_others_by_how_they_ended():
    states = (State.DONE, State.DONE, State.FAILED, State.NOT_TRIED, State.SKIPPED)
    whole = report(*states)
    whole = Report((*whole.results, ActionResult(profile(9), State.DONE)))
    counts = {name: count for name, count in whole.counts.items() if count}
    assert counts == {"snapshot": 2, "profile": 1, "failed": 1, "not_tried": 1, "skipped": 1}


@pytest.mark.parametrize(
    ("states", "state", "partial"),
    [
        ((), "done", False),
        ((State.DONE, State.SKIPPED), "done", False),
        ((State.DONE, State.FAILED), "partial", True),
        ((State.DONE, State.NOT_TRIED), "partial", True),
        ((State.FAILED, State.NOT_TRIED), "failed", True),
    ],
)
def test_a_run_is_done_only_when_nothing_is_left_undone(states, state, partial):
    assert (report(*states).state, report(*states).partial) == (state, partial)


def test_an_interrupted_run_says_so_whatever_was_done():
    assert report(State.DONE, State.NOT_TRIED, interrupted=True).state == "interrupted"
