"""The keys of a ``driver: memory`` backend in ``snapplan.yaml``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from snapplan.models.policy import Model
from snapplan.models.target import Scope
from snapplan.models.values import Duration, Glob, Instant, Retention

Verb = Literal["inventory", "create", "change", "expire", "restore"]
Failure = Literal["refused", "unreachable", "unknown", "quiesce", "budget"]
Cost = Annotated[int, Field(strict=True, ge=1)]


class ScriptedTarget(Model):
    """A target, or many of them: with ``count``, ``{n}`` in the name is 1, 2, ... up to it."""

    scope: Scope = Field(description="The level of the target.")
    name: str = Field("", max_length=1024, description="Empty for the cloud scope.")
    id: str | None = Field(None, max_length=1024, description="The permanent id; SCOPE/NAME when absent.")
    tags: frozenset[str] = Field(frozenset(), description="Its tags.")
    can_quiesce: bool = Field(False, strict=True, description="Whether its I/O can be frozen.")
    in_place_blocker: str = Field("", description="Why it cannot be restored in place, such as `it is powered on`.")
    files: dict[str, str] = Field({}, description="Its content, by path.")
    count: int = Field(1, strict=True, ge=1, le=1_000_000, description="So many targets, with `{n}` in the name.")

    @model_validator(mode="after")
    def _named(self) -> ScriptedTarget:
        if (self.scope is Scope.CLOUD) != (not self.name):
            raise ValueError("a target has a name, the cloud has none")
        if self.count > 1 and "{n}" not in self.name:
            raise ValueError("many targets need {n} in their name")
        return self


class ScriptedPin(Model):
    """A pin on a scripted snapshot."""

    owner: str = Field(description="Who wants it kept.")
    reason: str = Field(description="Why.")
    until: Instant | None = Field(None, description="Until when; for ever when absent.")


class ScriptedSnapshot(Model):
    """A snapshot that is there from the start; with ``every`` and ``count`` a series that goes back from ``taken_at``.

    With ``profile`` and ``period`` or with ``key`` it is owned, by ``project`` (the policy's own when absent), else
    foreign.
    """

    target: Glob = Field(description="Glob over `scope/name`; the cloud is `cloud`.")
    name: str | None = Field(None, max_length=1024, description="PROFILE.PERIOD.SLOT or manual.KEY when absent.")
    taken_at: Instant = Field(description="When it was taken, or the newest of the series.")
    every: Duration | None = Field(None, description="How far the snapshots of a series lie apart.")
    count: int = Field(1, strict=True, ge=1, le=1_000_000, description="How many snapshots the series has.")
    project: str | None = Field(None, description="Whose it is; the policy's own project when absent.")
    profile: str | None = Field(None, description="Of a scheduled snapshot.")
    period: str | None = Field(None, description="Of a scheduled snapshot.")
    slot: Instant | None = Field(None, description="`taken_at`, cut to the minute, when absent.")
    key: str | None = Field(None, description="Of a manual snapshot.")
    retention: Retention = Field(None, description="How long it is kept; for ever when absent.")
    minimum: int = Field(1, strict=True, ge=0, description="`min_snapshots` in its mark.")
    pin: ScriptedPin | None = Field(None, description="A pin on it.")
    run: str = Field("script", description="The run that took it.")
    set: str | None = Field(None, description="The set that it belongs to.")
    complete: bool = Field(True, strict=True, description="Whether its capture ended.")
    managed: bool = Field(False, strict=True, description="Whether the platform's own schedule took it.")
    quiesced: bool | None = Field(False, strict=True, description="Whether I/O was frozen.")
    consistent: bool | None = Field(True, strict=True, description="Whether nothing changed during the capture.")
    locked_until: Instant | None = Field(None, description="Until when the platform locks it.")
    deletes_at: Instant | None = Field(
        None, description="When a backend that `expires_itself` deletes it; 7 days after its expiration when absent."
    )
    in_use: str = Field("", description="What needs it, such as `a clone`.")
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

    on: Verb = Field(description="Which calls fail.")
    target: Glob = Field("*", description="Glob over `scope/name`; the cloud is `cloud`.")
    snapshot: Glob = Field("*", description="Glob over the snapshot's name.")
    error: Failure = Field("refused", description="How they fail.")
    after_effect: bool = Field(
        False, strict=True, description="Fail when it is done, as a connection that breaks too early."
    )
    times: int | None = Field(None, strict=True, ge=1, description="So many fail; all when absent.")


class MemoryOptions(Model):
    """All keys."""

    targets: tuple[ScriptedTarget, ...] = Field((), description="What can be snapshotted.")
    snapshots: tuple[ScriptedSnapshot, ...] = Field((), description="What is there from the start.")
    faults: tuple[ScriptedFault, ...] = Field((), description="Which calls fail.")
    expires_itself: bool = Field(
        False, strict=True, description="Whether it deletes by itself what is past the expiration written on it."
    )
    requests_per_hour: int = Field(
        0, strict=True, ge=0, description="So many calls are allowed in an hour; any when 0."
    )
    request_costs: dict[Verb, Cost] = Field({}, description="How many requests a call takes, 1 when absent.")
    notices: tuple[str, ...] = Field((), description="Sentences for the operator that each listing comes with.")
    state: str | None = Field(None, description="A JSON file that keeps what was done, relative to snapplan.yaml.")
