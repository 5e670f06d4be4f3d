"""The keys of a ``driver: memory`` backend in ``snapplan.yaml``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from snapplan.models.policy import Duration, Glob, Instant, Model, Retention
from snapplan.models.target import Scope

Verb = Literal["inventory", "create", "change", "expire", "restore"]
Failure = Literal["refused", "unreachable", "unknown", "quiesce"]


class ScriptedTarget(Model):
    """A target, or many of them: with ``count``, ``{n}`` in the name is 1, 2, ... up to it."""

    scope: Scope
    name: str = Field("", max_length=1024, description="Empty for the cloud scope.")
    id: str | None = Field(None, max_length=1024, description="The permanent id; SCOPE/NAME when absent.")
    tags: frozenset[str] = frozenset()
    can_quiesce: bool = False
    in_place_blocker: str = Field("", description="Why it cannot be restored in place, such as `it is powered on`.")
    files: dict[str, str] = Field({}, description="Its content, by path.")
    count: int = Field(1, ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _named(self) -> ScriptedTarget:
        if (self.scope is Scope.CLOUD) != (not self.name):
            raise ValueError("a target has a name, the cloud has none")
        if self.count > 1 and "{n}" not in self.name:
            raise ValueError("many targets need {n} in their name")
        return self


class ScriptedPin(Model):
    """A pin on a scripted snapshot."""

    owner: str
    reason: str
    until: Instant | None = None


class ScriptedSnapshot(Model):
    """A snapshot that is there from the start; with ``every`` and ``count`` a series that goes back from ``taken_at``.

    With ``profile`` and ``period`` or with ``key`` it is owned, by ``project`` (the policy's own when absent), else
    foreign.
    """

    target: Glob = Field(description="Glob over `scope/name`; the cloud is `cloud`.")
    name: str | None = Field(None, max_length=1024, description="PROFILE.PERIOD.SLOT or manual.KEY when absent.")
    taken_at: Instant
    every: Duration | None = None
    count: int = Field(1, ge=1, le=1_000_000)
    project: str | None = None
    profile: str | None = None
    period: str | None = None
    slot: Instant | None = Field(None, description="`taken_at`, cut to the minute, when absent.")
    key: str | None = None
    retention: Retention = None
    minimum: int = Field(1, ge=0)
    pin: ScriptedPin | None = None
    run: str = "script"
    set: str | None = None
    complete: bool = True
    managed: bool = False
    quiesced: bool | None = False
    consistent: bool | None = True
    locked_until: Instant | None = None
    in_use: str = ""
    files: dict[str, str] | None = Field(None, description="Its content; the target's when absent.")

    @model_validator(mode="after")
    def _whole(self) -> ScriptedSnapshot:
        if (self.profile is None) != (self.period is None):
            raise ValueError("profile and period belong together")
        if self.profile is not None and self.key is not None:
            raise ValueError("a snapshot has a profile and a period, or a key")
        if self.name is None and self.profile is None and self.key is None:
            raise ValueError("a foreign snapshot needs a name")
        if self.count > 1 and (self.every is None or self.name is not None or self.profile is None):
            raise ValueError("a series needs every, profile and period, and no name")
        if self.files is not None and self.target == "cloud":
            raise ValueError("the content of a cloud snapshot is that of the targets")
        return self


class ScriptedFault(Model):
    """A failure of the calls that match, the first ``times`` of them or all."""

    on: Verb
    target: Glob = Field("*", description="Glob over `scope/name`; the cloud is `cloud`.")
    snapshot: Glob = Field("*", description="Glob over the snapshot's name.")
    error: Failure = "refused"
    after_effect: bool = Field(False, description="Fail when it is done, as a connection that breaks too early.")
    times: int | None = Field(None, ge=1)


class MemoryOptions(Model):
    """All keys."""

    targets: tuple[ScriptedTarget, ...] = ()
    snapshots: tuple[ScriptedSnapshot, ...] = ()
    faults: tuple[ScriptedFault, ...] = ()
    state: str | None = Field(None, description="A JSON file that keeps what was done, relative to snapplan.yaml.")
