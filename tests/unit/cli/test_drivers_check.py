"""``snapplan drivers check``: findings as text and JSON, and what keeps a driver from finding any."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from snapplan.drivers import registry
from snapplan.drivers.base import CheckFinding, DriverType, Settings
from snapplan.errors import UnreachableError
from snapplan.models.policy import Model
from snapplan.models.target import Capabilities, Scope

Run = Callable[..., Any]


class Options(Model):
    """The keys of a driver of another package."""

    word: str = ""


def examined(settings: Settings) -> Iterator[CheckFinding]:
    """What that driver finds, steered by its option."""
    assert settings.read_only
    assert isinstance(settings.options, Options)
    yield CheckFinding("ok", "version", "3.1")
    if settings.options.word == "unreachable":
        raise UnreachableError(settings.backend, "box: no answer", hint="is it on?")
    if settings.options.word:
        yield CheckFinding(settings.options.word, "permissions", "may not write\x1b[2J")


@pytest.fixture
def box(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Offer a driver ``box`` and put a backend of it into the repository."""
    kind = DriverType("box", "", Capabilities(frozenset((Scope.VM,))), Options, None, examined)  # type: ignore[arg-type]
    found = registry.find
    monkeypatch.setattr(registry, "find", lambda name: kind if name == "box" else found(name))

    def write(word: str) -> None:
        (repository / "snapplan.yaml").write_text(
            f"version: 1\nproject: p\nbackends:\n  box: {{driver: box, word: '{word}'}}\n"
            "  lab: {driver: directory, root: lab}\n"
        )

    return write


def test_findings_are_listed_with_their_count(box: Callable[[str], None], run: Run) -> None:
    box("warning")
    ran = run("drivers", "check", "box")
    assert ran == (
        0,
        "box  driver box\n  ok       version      3.1\n  warning  permissions  may not write\\x1b[2J\n"
        "0 problems, 1 warning.\n",
        "",
    )


def test_a_problem_ends_with_1(box: Callable[[str], None], run: Run) -> None:
    box("problem")
    ran = run("drivers", "check", "box", "--format", "json")
    document = json.loads(ran.out)
    assert ran.code == 1
    assert document["counts"] == {"ok": 1, "note": 0, "warning": 0, "problem": 1}
    assert document["findings"][0] == {"state": "ok", "subject": "version", "text": "3.1"}


def test_what_stops_the_check_is_a_problem_after_what_was_found(box: Callable[[str], None], run: Run) -> None:
    box("unreachable")
    ran = run("drivers", "check", "box")
    assert ran.code == 1
    assert "ok       version" in ran.out
    assert "problem  check    box: no answer; is it on?" in ran.out


def test_a_driver_without_a_check_says_so(box: Callable[[str], None], run: Run) -> None:
    box("")
    ran = run("drivers", "check", "lab")
    assert (ran.code, "no check of its own" in ran.out) == (0, True)


def test_broken_policy_files_do_not_keep_a_backend_from_being_checked(
    box: Callable[[str], None], repository: Path, run: Run
) -> None:
    box("")
    (repository / "policies" / "gold.yaml").write_text("profiles: [\n")
    assert run("drivers", "check", "box").code == 0


def test_an_unknown_backend_is_a_wrong_command_line(box: Callable[[str], None], run: Run) -> None:
    box("")
    ran = run("drivers", "check", "nas")
    assert ran.code == 64
    assert "There is box, lab." in ran.err


def test_a_configuration_with_errors_is_shown(repository: Path, run: Run) -> None:
    (repository / "snapplan.yaml").write_text("version: 1\nproject: p\n")
    ran = run("drivers", "check", "lab")
    assert ran.code == 4
    assert "SP105" in ran.err


def test_a_driver_whose_library_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILT_IN, "late", "snapplan_no_such_library.thing:DRIVER")
    with pytest.raises(registry.SnapplanError, match="needs snapplan_no_such_library") as caught:
        registry.find("late")
    assert caught.value.hint == "pip install 'snapplan[late]'"
