"""What the simulated platform refuses, and what the simulator itself does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class SimulatorError(Exception):
    """A mistake in a seed, a switch or a call of the control interface; not an answer of the platform."""


class Refusal(Exception):  # noqa: N818 - an answer of the platform, not an error of the simulator
    """An answer of the platform other than success: a status and the text of its ``err`` member."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text

    def body(self) -> Mapping[str, str]:
        """Return the JSON object that the platform answers with."""
        return {"err": self.text}


def no_such_row(table: str, key: object, verb: str) -> Refusal:
    """Return the refusal of a key that no row has; ``verb`` is what was asked for ("delete", "get", "update")."""
    return Refusal(404, f"Resource '/v4/{table}/{key}' not found during {verb}")


def no_such_reference(field: str) -> Refusal:
    """Return the refusal of a reference to a row that does not exist."""
    return Refusal(404, f"error setting field '{field}': No such file or directory")


def invalid_argument() -> Refusal:
    """Return the refusal of a filter that cannot be read."""
    return Refusal(422, "Invalid argument")


def read_only(field: str) -> Refusal:
    """Return the refusal of a write to a column that only the platform writes."""
    return Refusal(422, f"field '{field}' is readonly")


def required(table: str, field: str) -> Refusal:
    """Return the refusal of a new row that lacks a column."""
    return Refusal(422, f"field '{table}.{field}' is required")


def not_in_list(field: str, value: object) -> Refusal:
    """Return the refusal of a word that a column or an action does not know."""
    return Refusal(422, f"value '{value}' is not in list for field '{field}'")


def fails_validation(field: str) -> Refusal:
    """Return the refusal of a value that is out of range or of the wrong type."""
    return Refusal(422, f"Validation error on field: '{field}' - 'fails validation test'")


def not_permitted(text: str = "Permission denied") -> Refusal:
    """Return the refusal of what the user may not do."""
    return Refusal(403, text)
