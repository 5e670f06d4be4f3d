"""``snapplan import``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from snapplan.cli.console import err_style, notice, result
from snapplan.cli.exit_codes import ExitCode, exit_code
from snapplan.cli.options import repository, trust
from snapplan.cli.session import session
from snapplan.errors import CommandLineError, NotSupportedError, SnapplanError
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from snapplan.imports.draft import Draft
    from snapplan.imports.native import Surroundings
    from snapplan.models.platform import PlatformSchedule
    from snapplan.models.policy import Policy
    from snapplan.models.target import Capabilities
    from snapplan.workspace import Workspace


@click.command("import")
@click.option("--backend", required=True, metavar="NAME", help="The backend whose own schedule is written down.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a policy file (default: print it).",
)
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@click.option("--all", "everything", is_flag=True, help="Also the profiles that nothing is assigned to.")
@trust
@repository
def command(backend: str, out: Path | None, force: bool, everything: bool) -> int:
    """Write the snapshot schedule that a platform runs by itself as a policy file.

    Its profiles, and which targets each is assigned to, by name. Nothing on the platform is changed, and a plan made right
    after has nothing to do (with --all it records the profiles that nothing uses).

    What a policy cannot say stands in comments at the end of the file, with the targets that it concerns; it stays on the
    platform as it is.

    Profiles that snapplan did not make are compared with the policy and not changed, until they are adopted; the head of
    the file names them.

    Keys that other policy files have are not used again. Import into the same file with --force, and git shows what was
    changed on the platform by hand.

    \b
    Examples:
      snapplan import --backend dc1
      snapplan import --backend dc1 --out policies/dc1.yaml
      snapplan import --backend dc1 --out policies/dc1.yaml --force && git diff
    """
    from snapplan.imports.text import policy_text

    if out is not None and (out.exists() or out.is_symlink()) and not force:
        raise CommandLineError(f"{out} exists already", hint="--force replaces it")
    with session().open(writable=False, may_be_empty=True) as workspace:
        draft = _drafted(workspace, backend, out, everything=everything)
    text = policy_text(draft)
    if out is None:
        result(text)
        _tell(draft, "")
        return 0
    _write(out, text)
    _tell(draft, f"Wrote {out}: ")
    return _check(out)


def _drafted(workspace: Workspace, backend: str, out: Path | None, *, everything: bool) -> Draft:
    from snapplan.imports.native import drafted

    config = workspace.policy.config
    if backend not in config.backends:
        raise CommandLineError(f"there is no backend {backend!r}", hint=f"The policy has {', '.join(config.backends)}.")
    driver = workspace.driver(backend)
    inventory = driver.inventory() if driver.capabilities.native_schedule else None
    if inventory is None or inventory.platform is None:
        name = config.backends[backend].driver
        raise NotSupportedError(backend, f"{backend}: driver {name} has no scheduler of its own to import from")
    platform = inventory.platform
    _check_timezone(backend, config.backends[backend].timezone, platform.timezone)
    surroundings = _surroundings(
        workspace.policy, backend, driver.capabilities, platform, _name_in(workspace.root, out)
    )
    return drafted(backend, platform, inventory.targets, surroundings._replace(everything=everything))


def _check_timezone(backend: str, written: str | None, told: str | None) -> None:
    """Raise where the platform tells another time zone than ``snapplan.yaml``: every time of day would be wrong."""
    if told is not None and told != (written or "UTC"):
        raise SnapplanError(
            f"{backend}: the times of its periods are in {told}",
            hint=f"write timezone: {told} to backend {backend} in snapplan.yaml, and import again",
        )


def _surroundings(
    policy: Policy, backend: str, capabilities: Capabilities, platform: PlatformSchedule, replaced: str | None
) -> Surroundings:
    """Return what the draft must fit into; the file ``replaced`` counts for nothing."""
    from snapplan.imports.native import Surroundings
    from snapplan.planner.native import inexpressible, native_profile

    def others(section: str, keys: Iterable[str]) -> frozenset[str]:
        places = {key: policy.location(section, key) for key in keys}
        return frozenset(key for key, place in places.items() if place is None or place.file != replaced)

    config = policy.config
    zone = config.backends[backend].timezone or platform.timezone
    lockable = frozenset(scope for scope in Scope if capabilities.honours("immutable", scope, native=True))
    profiles = others("profiles", policy.profiles)
    known = {
        key: native_profile(key, policy.profiles[key], config.project)
        for key in sorted(profiles)
        if not any(inexpressible(policy.profiles[key], zone or "UTC"))
    }
    return Surroundings(
        config.project,
        timezone=zone,
        defaults=config.defaults,
        scheduled_by_us=config.backends[backend].schedule == "snapplan",
        profiles=profiles,
        assignments=others("assignments", policy.assignments),
        known=known,
        lockable=lockable,
    )


def _name_in(root: Path, file: Path | None) -> str | None:
    """Return how messages call a file of the repository, ``None`` for one that is outside."""
    if file is None:
        return None
    whole, folder = file.resolve(), root.resolve()
    return whole.relative_to(folder).as_posix() if whole.is_relative_to(folder) else None


def _write(out: Path, text: str) -> None:
    try:
        if out.is_symlink():
            raise CommandLineError(f"{out} is a link, which may lead anywhere", hint="Name the file itself.")
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandLineError(f"{out} cannot be written: {error.strerror}") from error


def _tell(draft: Draft, before: str) -> None:
    from snapplan.render.phrases import counted

    found = f"{counted(len(draft.profiles), 'profile')} and {counted(len(draft.assignments), 'assignment')}"
    notice(f"{before}{found}.")
    if draft.missing:
        verb = "is" if len(draft.missing) == 1 else "are"
        notice(f"{counted(len(draft.missing), 'thing')} {verb} not in it; its last lines say which.")
    if draft.unmarked:
        notice(
            f"{counted(len(draft.unmarked), 'profile')} can be changed after snapplan adopt; its first lines say how."
        )


def _check(out: Path) -> int:
    """Say what the repository with the new file has to be told of it; return the exit code."""
    from snapplan.config.load import load_repository
    from snapplan.models.plan import plain
    from snapplan.render.diagnostics import diagnostic_text

    root = session().root
    loaded, name = load_repository(root, may_be_empty=True), _name_in(root, out)
    if name not in loaded.files:
        notice("warning: it is not among the policy files of this repository (include: in snapplan.yaml)")
    here = [
        each
        for each in loaded.diagnostics
        if each.severity == "error" or (each.severity == "warning" and _is_in(each.where, name))
    ]
    for finding in here:
        notice(diagnostic_text(plain(finding), style=err_style()))
    return exit_code(ExitCode.INVALID if any(each.severity == "error" for each in here) else None)


def _is_in(where: object, name: str | None) -> bool:
    return name is not None and getattr(where, "file", None) == name
