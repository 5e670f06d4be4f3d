from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click
import pytest

from snapplan.cli.options import DURATION, EXPIRATION, INSTANT


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (INSTANT, "2026-11-22T02:00Z", datetime(2026, 11, 22, 2, tzinfo=UTC)),
        (INSTANT, "2026-11-22T02:00+01:00", datetime(2026, 11, 22, 1, tzinfo=UTC)),
        (DURATION, "90m", timedelta(minutes=90)),
        (EXPIRATION, "never", "never"),
        (EXPIRATION, "7d", timedelta(days=7)),
        (EXPIRATION, "2026-11-22T02:00Z", datetime(2026, 11, 22, 2, tzinfo=UTC)),
    ],
)
def test_values(kind: click.ParamType[Any], text: str, value: object) -> None:
    assert kind.convert(text, None, None) == value
    assert kind.convert(value, None, None) == value


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (INSTANT, "2026-11-22T02:00", "no UTC offset"),
        (INSTANT, "yesterday", "is not an instant"),
        (DURATION, "90", "is not a duration"),
        (EXPIRATION, "7", "is not a duration"),
        (EXPIRATION, "2026-11-22", "no UTC offset"),
    ],
)
def test_what_is_wrong_is_said(kind: click.ParamType[Any], text: str, message: str) -> None:
    with pytest.raises(click.BadParameter, match=message):
        kind.convert(text, None, None)
