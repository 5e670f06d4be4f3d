"""What a driver answers: always one outcome per request, whatever the driver raises or leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.errors import BackendError
from snapplan.models.request import Outcome
from snapplan.models.world import Failure
from snapplan.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class MissingOutcomeError(Exception):
    """A driver ended a call without an outcome for each request, or named no complete snapshot: a bug of that driver."""


class BrokenSetError(Exception):
    """Why a snapshot that was taken does not count: another member of its set failed."""


def outcomes(call: Callable[[], Iterable[Outcome]], count: int) -> Iterator[Outcome]:
    """Make a driver call and yield exactly ``count`` outcomes; what it raises is the outcome of all that are left."""
    given = 0
    error: Exception = MissingOutcomeError("the driver gave no outcome for it")
    try:
        for outcome in call():
            if given == count:
                break
            given += 1
            yield outcome
    except Exception as raised:
        error = raised
    while given < count:
        given += 1
        yield Outcome(error=error)


def sentence(error: Exception) -> str:
    """Return what to say of an error, without secrets: of a bug, its type too."""
    if isinstance(error, BackendError):
        text = without_name(error.backend, str(error))
        return redact(f"{text} ({error.hint})" if error.hint else text)
    return redact(f"{type(error).__name__}: {error}")


def failure(error: BackendError) -> Failure:
    """Return what is kept of an error with which a backend could not be read, without secrets."""
    text = without_name(error.backend, str(error))
    return Failure(redact(text), redact(error.hint), error.exit_code)


def without_name(backend: str, text: str) -> str:
    """Return a sentence of a driver without the backend's name before it: whoever shows it says the name himself."""
    return text.removeprefix(f"{backend}: ")
