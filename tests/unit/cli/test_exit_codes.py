from __future__ import annotations

import click
import pytest

from snapplan import errors
from snapplan.cli.exit_codes import MEANINGS, PRECEDENCE, ExitCode, exit_code


def test_every_code_has_a_meaning_and_a_rank() -> None:
    assert set(MEANINGS) == set(PRECEDENCE) == set(ExitCode)
    assert len(PRECEDENCE) == len(ExitCode)


@pytest.mark.parametrize(
    ("cause", "code"),
    [
        (None, 0),
        (ValueError("a bug"), 1),
        (errors.BackendError("dc1", "no"), 1),
        (errors.CatalogError("no"), 1),
        (errors.BlockedError("no"), 3),
        (errors.PolicyInvalidError(()), 4),
        (errors.PlanStaleError("no"), 5),
        (errors.LockedError("dc1", "alice"), 6),
        (errors.FencedError("no"), 6),
        (errors.AppliedInPartError(1, "no"), 7),
        (errors.CommandLineError("no"), 64),
        (click.UsageError("no"), 64),
        (click.NoSuchOption("--x"), 64),
        (click.BadParameter("no"), 64),
        (click.FileError("x"), 64),
        (click.Abort(), 130),
        (KeyboardInterrupt(), 130),
    ],
)
def test_each_cause_has_its_code(cause: BaseException | None, code: int) -> None:
    assert exit_code(cause) == code


def test_every_error_leads_to_a_code_of_the_table() -> None:
    found = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert {error.exit_code for error in found if issubclass(error, errors.SnapplanError)} <= set(ExitCode)


@pytest.mark.parametrize(
    ("codes", "winner"),
    [
        ((2, 8), 8),
        ((8, 1), 1),
        ((1, 3), 3),
        ((3, 7), 7),
        ((7, 5), 5),
        ((5, 6), 6),
        ((6, 4), 4),
        ((4, 130), 130),
        ((0, 2), 2),
        ((2, 8, 1, 3, 7, 5, 6, 4, 130), 130),
        ((), 0),
    ],
)
def test_where_several_hold_the_stronger_wins(codes: tuple[int, ...], winner: int) -> None:
    assert exit_code(*map(ExitCode, codes)) == winner
    assert exit_code(*map(ExitCode, reversed(codes))) == winner
