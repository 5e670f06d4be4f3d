"""Which targets are frozen for a snapshot, and whether that held for the whole copy."""

from __future__ import annotations

from contextlib import AbstractContextManager
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple, Self

from snapplan.drivers.directory.durable import make_folder
from snapplan.drivers.directory.freeze import FreezeError, ThawError, attention, frozen
from snapplan.errors import QuiesceError
from snapplan.models.target import Quiesce

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from snapplan.drivers.directory.freeze import FreezeWindow
    from snapplan.models.policy import QuiesceCommands
    from snapplan.models.request import Attention


class Freezable(NamedTuple):
    """A target with commands. ``address`` is ``dc1/vm/web-01``."""

    address: str
    commands: QuiesceCommands


def commands_for(key: str, commands: Mapping[str, QuiesceCommands]) -> QuiesceCommands | None:
    """Return the commands of the first ``scope/name`` glob that matches ``key`` (``vm/web-01``), in the order written."""
    return next((found for glob, found in commands.items() if fnmatchcase(key, glob)), None)


def freezing_for(
    backend: str, wanted: Quiesce, keys: Sequence[str], commands: Mapping[str, QuiesceCommands], record: Path
) -> Freezing:
    """Return the freezing of those of ``keys`` that have commands; ``record`` is the path its records begin with.

    Raises ``QuiesceError`` when ``wanted`` is ``require`` and none has.
    """
    if wanted is Quiesce.NEVER:
        return Freezing(backend, wanted, (), record)
    pairs = ((key, commands_for(key, commands)) for key in keys)
    found = tuple(Freezable(f"{backend}/{key}", command) for key, command in pairs if command is not None)
    freezing = Freezing(backend, wanted, found, record)
    if not found:
        freezing.cannot(f"no freeze and thaw commands match {keys[0]}")
    return freezing


class Freezing(AbstractContextManager["Freezing"]):
    """Keeps targets frozen for the length of the block; afterwards ``quiesced`` and ``notices`` say how it went.

    ``attention`` are the targets that may still be frozen, also where the block or the freeze failed.
    """

    def __init__(self, backend: str, wanted: Quiesce, targets: Sequence[Freezable], record: Path) -> None:
        self._backend = backend
        self._targets = targets
        self._record = record
        self._frozen: list[tuple[AbstractContextManager[FreezeWindow], FreezeWindow]] = []
        self._failed = not targets
        self.required = wanted is Quiesce.REQUIRE
        self.notices: list[str] = []
        self.attention: list[Attention] = []

    @property
    def quiesced(self) -> bool:
        """Whether all targets that have commands were frozen for the whole block."""
        return not self._failed and not self.expired()

    def expired(self) -> bool:
        """Whether a target was thawed because it had been frozen for too long."""
        return any(window.expired for _, window in self._frozen)

    def cannot(self, reason: str) -> None:
        """Note that it is not quiesced; raise ``QuiesceError`` where it must be."""
        self._failed = True
        if self.required:
            raise QuiesceError(self._backend, f"not taken, as it must be quiesced: {reason}")
        self.notices.append(f"not quiesced: {reason}")

    def check(self) -> None:
        """Note that the time frozen was too short, after the block; raises ``QuiesceError`` where that must not be."""
        if self.expired():
            self.cannot("the copy took longer than the targets may stay frozen (timeout of quiesce_commands)")

    def __enter__(self) -> Self:
        """Freeze; raises ``QuiesceError`` (then all is thawed) and ``OSError``."""
        if self._targets:
            make_folder(self._record.parent)
        try:
            for number, target in enumerate(self._targets):
                self._freeze(target, self._record.with_name(f"{self._record.name}-{number}.json"))
        except BaseException:
            self._thaw()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Thaw."""
        self._thaw()

    def _freeze(self, target: Freezable, record: Path) -> None:
        holding = frozen(target.commands, target_address=target.address, record=record)
        try:
            self._frozen.append((holding, holding.__enter__()))
        except FreezeError as error:
            self._heed(error)
            # Where the thaw failed after a freeze that had failed, the freeze is why it is not quiesced.
            before = error.__context__
            self.cannot(str(before if isinstance(before, FreezeError) else error))

    def _heed(self, error: FreezeError) -> None:
        if isinstance(error, ThawError):
            self.attention.append(attention(error.target, str(error)))

    def _thaw(self) -> None:
        """Thaw all, also where one of them fails in a way that nobody foresaw; that is raised in the end."""
        unforeseen: BaseException | None = None
        for holding, _ in reversed(self._frozen):
            try:
                holding.__exit__(None, None, None)
            except ThawError as error:
                # What was copied is good all the same; the record stays, and the next run tries again to thaw.
                self._heed(error)
            except BaseException as error:
                unforeseen = error
        if unforeseen is not None:
            raise unforeseen
