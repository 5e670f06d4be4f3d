"""Whole commands on real folders: what goes to stdout, what to stderr, and the exit code."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NoReturn

import pytest

from snapplan.drivers.directory.driver import DirectoryDriver
from snapplan.errors import BackendError, StoreLockedError
from snapplan.models.request import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.unit.cli.conftest import Ran

A = "lab/volume/a"
HOURLY = f"{A}@gold.hourly.20261122T0200Z"
IN_PLACE = """\
restores:
  CHG-1:
    target: lab/volume/a
    from: {snapshot: latest, before: "2026-11-22T02:30:00Z"}
    mode: in_place
    not_after: "2026-11-23T00:00:00Z"
"""


@pytest.fixture
def applied(run: Callable[..., Ran], repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository after its first apply and one of an hour later."""
    assert run("apply", "--auto-approve").code == 0
    monkeypatch.setenv("SNAPPLAN_NOW", "2026-11-22T03:00:04Z")
    assert run("apply", "--auto-approve").code == 0
    return repository


def names(run: Callable[..., Ran]) -> list[str]:
    return [row["snapshot"] for row in json.loads(run("list", "snapshots", "--format", "json").out)]


@pytest.mark.usefixtures("repository")
class TestPlan:
    def test_it_changes_nothing_and_says_what_would(self, run: Callable[..., Ran]) -> None:
        ran = run("plan")
        assert ran.code == 0
        assert "  + lab/volume/a  gold.hourly" in ran.out
        assert ran.out.endswith("To carry it out:  snapplan apply\n")
        assert names(run) == []

    def test_the_exit_code_tells_of_changes_only_when_asked(self, run: Callable[..., Ran]) -> None:
        assert run("plan", "--detailed-exitcode").code == 2
        run("apply", "--auto-approve")
        after = run("plan", "--detailed-exitcode")
        assert after.code == 0
        assert after.out.startswith("Nothing to do. 2 targets match policy")
        assert "next due 03:00:00Z (lab/volume/a gold.hourly)" in after.out

    def test_at_another_instant(self, run: Callable[..., Ran]) -> None:
        document = json.loads(run("plan", "--format", "json", "--at", "2026-12-24T18:00Z").out)
        assert document["as_of"] == "2026-12-24T18:00:00Z"

    def test_the_json_goes_alone_to_stdout(self, run: Callable[..., Ran]) -> None:
        ran = run("plan", "--format", "json")
        assert json.loads(ran.out)["format"].startswith("snapplan.plan/1.")
        assert ran.err == ""

    def test_markdown(self, run: Callable[..., Ran]) -> None:
        assert run("plan", "--format", "markdown").out.startswith("<!-- snapplan:plan digest=")

    def test_the_next_command_names_the_folder_that_was_given(
        self, run: Callable[..., Ran], repository: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir("/")
        for arguments in (("-C", str(repository), "plan"), ("plan", "-C", str(repository))):
            assert f"snapplan apply -C {repository}\n" in run(*arguments).out

    def test_limited_to_a_target_that_is_not_there(self, run: Callable[..., Ran]) -> None:
        run("plan")
        ran = run("plan", "--target", "lab/volume/zz")
        assert "Nothing to do." in ran.out
        assert "no known target matches 'lab/volume/zz'" in ran.err

    def test_limited_to_a_backend_that_is_not_there(self, run: Callable[..., Ran]) -> None:
        ran = run("plan", "--backend", "nas")
        assert ran.code == 64
        assert "no backend matches 'nas'" in ran.err

    def test_a_backend_that_cannot_be_read_is_an_error_and_told(
        self, run: Callable[..., Ran], repository: Path
    ) -> None:
        (repository / "lab").rename(repository / "gone")
        ran = run("plan")
        assert ran.code == 1
        assert 'backend "lab" is skipped' in ran.out
        assert "nothing is scheduled" not in ran.out

    def test_what_a_driver_advises_and_its_exit_code_reach_the_operator(
        self, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class BusyError(BackendError):
            exit_code = 6

        def busy(_: object) -> NoReturn:
            raise BusyError("lab", "lab: the store is in use by pid 7", hint="wait for pid 7")

        monkeypatch.setattr(DirectoryDriver, "inventory", busy)
        for words in (["plan"], ["status"], ["apply", "--auto-approve"]):
            ran = run(*words)
            assert ran.code == 6, words
            assert "wait for pid 7" in ran.out + ran.err
            assert "lab: lab" not in ran.out + ran.err
            assert "skipped: lab" not in ran.out + ran.err

    def test_an_action_that_somebody_else_keeps_out_ends_with_6(
        self, run: Callable[..., Ran], repository: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def busy(_: object, requests: Sequence[object]) -> list[Outcome]:
            return [Outcome(error=StoreLockedError("lab", "pid 7"))] * len(requests)

        monkeypatch.setattr(DirectoryDriver, "create", busy)
        ran = run("apply", "--auto-approve")
        assert ran.code == 6
        assert "pid 7" in ran.out

    def test_from_a_folder_inside_the_repository(
        self, run: Callable[..., Ran], repository: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(repository / "policies")
        assert "  + lab/volume/a  gold.hourly" in run("plan").out


class TestApply:
    def test_without_a_terminal_it_does_not_ask_and_does_nothing(
        self, run: Callable[..., Ran], repository: Path
    ) -> None:
        ran = run("apply")
        assert ran.code == 3
        assert "--auto-approve" in ran.err
        assert "Carry this out" not in ran.out + ran.err
        assert names(run) == []

    def test_plan_and_account_are_the_result_and_progress_is_not(
        self, run: Callable[..., Ran], repository: Path
    ) -> None:
        ran = run("apply", "--auto-approve")
        assert ran.code == 0
        assert "Plan: 1 to snapshot" in ran.out
        assert "Applied: 1 snapshot taken, 0 changed, 0 expired, 0 restored in" in ran.out
        assert "1/3 = gold" in ran.err
        assert "1/3" not in ran.out

    def test_with_nothing_to_do_nobody_has_to_be_asked(self, run: Callable[..., Ran], applied: Path) -> None:
        ran = run("apply")
        assert ran.code == 0
        assert ran.out.startswith("Nothing to do.")
        assert "Applied" not in ran.out

    def test_the_account_as_json(self, run: Callable[..., Ran], repository: Path) -> None:
        account = json.loads(run("apply", "--auto-approve", "--format", "json").out)
        assert account["format"] == "snapplan.account/1.0"
        assert account["state"] == "done"
        assert account["counts"]["snapshot"] == 1
        assert [action["state"] for action in account["actions"]] == ["done"] * 3

    def test_only_some_targets(self, run: Callable[..., Ran], repository: Path) -> None:
        (repository / "lab" / "volumes" / "b").mkdir()
        assert run("apply", "--auto-approve", "--target", "*/b").code == 0
        assert [name.partition("@")[0] for name in names(run)] == ["lab/volume/b"]

    def test_a_failure_ends_with_7_and_says_how_to_go_on(self, run: Callable[..., Ran], repository: Path) -> None:
        (repository / "snapplan.yaml").write_text(
            (repository / "snapplan.yaml")
            .read_text()
            .replace("root: lab}", "root: lab, quiesce_commands: {'volume/a': {freeze: ['false'], thaw: ['true']}}}")
        )
        policy = repository / "policies" / "gold.yaml"
        policy.write_text(policy.read_text().replace("retention: 24h", "retention: 24h, quiesce: require"))
        ran = run("apply", "--auto-approve")
        assert ran.code == 7
        assert "Applied in part: 0 snapshots taken" in ran.out
        assert "failed  + lab/volume/a@gold.hourly" in ran.out
        assert "To continue:  snapplan apply" in ran.out

    def test_a_declared_restore_in_place_waits_for_its_confirmation(
        self, run: Callable[..., Ran], applied: Path
    ) -> None:
        (applied / "policies" / "restores.yaml").write_text(IN_PLACE)
        (applied / "lab" / "volumes" / "a" / "file").write_text("newer")
        assert "snapplan apply --confirm lab/volume/a\n" in run("plan").out
        waits = run("apply", "--auto-approve")
        assert waits.code == 3
        assert (applied / "lab" / "volumes" / "a" / "file").read_text() == "newer"
        done = run("apply", "--auto-approve", "--confirm", A)
        assert done.code == 0
        assert (applied / "lab" / "volumes" / "a" / "file").read_text() == "content"


class TestSnapshot:
    def test_only_the_address_goes_to_stdout(self, run: Callable[..., Ran], applied: Path) -> None:
        ran = run("snapshot", A, "--expires", "48h", "--key", "before-26.2", "--description", "deploy")
        assert ran.code == 0
        assert ran.out == f"{A}@manual.before-26.2\n"
        assert ran.err

    def test_a_key_is_made_from_the_time(self, run: Callable[..., Ran], applied: Path) -> None:
        made = [run("snapshot", A, "--expires", "never").out for _ in range(2)]
        assert all(re.fullmatch(rf"{A}@manual\.20261122T030004Z-[0-9a-f]{{6}}\n", address) for address in made)
        assert made[0] != made[1]

    def test_several_targets_have_a_line_each(self, run: Callable[..., Ran], applied: Path) -> None:
        (applied / "lab" / "volumes" / "b").mkdir()
        ran = run("snapshot", "lab/volume/*", "--expires", "1d", "--key", "k")
        assert ran.out.splitlines() == [f"{A}@manual.k", "lab/volume/b@manual.k"]

    @pytest.mark.parametrize("target", ["lab/volume/zz", "nas/volume/a"])
    def test_a_target_that_is_not_there(self, run: Callable[..., Ran], applied: Path, target: str) -> None:
        ran = run("snapshot", A, target, "--expires", "1d", "--key", "k")
        assert (ran.code, ran.out) == (1, "")
        assert f"{target!r} matches no target" in ran.err
        assert f"{A}@manual.k" not in names(run)

    @pytest.mark.parametrize("over", ["2026-11-22T03:00Z", "2020-01-01T00:00Z", "0s"])
    def test_an_expiration_that_is_over_is_no_restore_point(
        self, run: Callable[..., Ran], applied: Path, over: str
    ) -> None:
        ran = run("snapshot", A, "--expires", over)
        assert (ran.code, ran.out) == (64, "")
        assert "--expires is over already" in ran.err

    def test_an_expiration_is_required(self, run: Callable[..., Ran], applied: Path) -> None:
        assert run("snapshot", A).code == 64


class TestPins:
    def test_a_pin_comes_and_goes(self, run: Callable[..., Ran], applied: Path) -> None:
        address = names(run)[0]

        def pinned() -> bool:
            rows = json.loads(run("list", "snapshots", "--format", "json").out)
            return bool(next(row["pinned"] for row in rows if row["snapshot"] == address))

        ran = run("pin", address, "--reason", "audit", "--until", "2027-01-01T00:00Z")
        assert (ran.code, ran.out) == (0, "")
        assert f"{address} is pinned." in ran.err
        assert pinned()
        assert (
            f"{address} was pinned already."
            in run("pin", address, "--reason", "audit", "--until", "2027-01-01T00:00Z").err
        )
        assert f"{address} is unpinned." in run("unpin", address).err
        assert not pinned()
        assert f"{address} was unpinned already." in run("unpin", address).err

    @pytest.mark.parametrize(
        "words", [("--reason", "x", "--until", "2026-11-22T03:00Z"), ("--reason", " ")], ids=["over", "no reason"]
    )
    def test_a_pin_that_keeps_nothing(self, run: Callable[..., Ran], applied: Path, words: tuple[str, ...]) -> None:
        assert run("pin", names(run)[0], *words).code == 64
        assert not any(row["pinned"] for row in json.loads(run("list", "snapshots", "--format", "json").out))

    def test_what_is_no_snapshot(self, run: Callable[..., Ran], applied: Path) -> None:
        assert run("pin", "lab/volume/a", "--reason", "x").code == 64
        missing = run("pin", f"{A}@nope", "--reason", "x")
        assert missing.code == 1
        assert "there is no snapshot lab/volume/a@nope" in missing.err


class TestRestore:
    def test_a_clone(self, run: Callable[..., Ran], applied: Path) -> None:
        ran = run("restore", A, "--as", "b", "--auto-approve")
        assert ran.code == 0
        assert "RESTORE 1" in ran.out
        assert "1 restored in" in ran.out
        assert (applied / "lab" / "volumes" / "b" / "file").read_text() == "content"

    def test_a_clone_is_asked_for_too(self, run: Callable[..., Ran], applied: Path) -> None:
        ran = run("restore", A, "--as", "b")
        assert ran.code == 3
        assert not (applied / "lab" / "volumes" / "b").exists()

    def test_in_place_needs_its_confirmation_and_prints_the_undo(self, run: Callable[..., Ran], applied: Path) -> None:
        file = applied / "lab" / "volumes" / "a" / "file"
        file.write_text("newer")
        refused = run("restore", A, "--mode", "in_place", "--auto-approve")
        assert refused.code == 3
        assert "--confirm lab/volume/a approves it." in refused.err
        assert file.read_text() == "newer"
        wrong = run("restore", A, "--mode", "in_place", "--confirm", "lab/volume/b")
        assert wrong.code == 3
        done = run("restore", A, "--mode", "in_place", "--confirm", A)
        assert done.code == 0
        assert file.read_text() == "content"
        undo = next(line for line in done.out.splitlines() if line.startswith("Undo:  snapplan "))
        assert run(*undo.split()[2:], "--confirm", A).code == 0
        assert file.read_text() == "newer"

    def test_what_cannot_be_planned_is_refused_on_stderr(self, run: Callable[..., Ran], applied: Path) -> None:
        ran = run("restore", A, "--from", "nope", "--as", "b", "--auto-approve")
        assert (ran.code, ran.out) == (1, "")
        assert "has no complete snapshot 'nope'" in ran.err

    @pytest.mark.parametrize(
        "arguments",
        [
            (A,),
            ("lab", "--as", "b"),
            (A, "--mode", "in_place", "--as", "b"),
            (A, "--as", "b", "--from", "x", "--before", "2026-11-22T00:00Z"),
        ],
    )
    def test_what_makes_no_sense_is_a_wrong_command_line(
        self, run: Callable[..., Ran], applied: Path, arguments: tuple[str, ...]
    ) -> None:
        assert run("restore", *arguments).code == 64


class TestLooking:
    def test_status(self, run: Callable[..., Ran], applied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        ran = run("status", "--detailed-exitcode")
        assert ran.code == 0
        assert "lab/volume/a" in ran.out
        assert "last run  2 apply: done" in ran.out
        monkeypatch.setenv("SNAPPLAN_NOW", "2026-11-22T05:00:04Z")
        assert run("status", "--detailed-exitcode").code == 8
        assert run("status").code == 0
        assert json.loads(run("status", "--format", "json").out)["targets"][-1]["state"] == "due"

    def test_lists_as_json(self, run: Callable[..., Ran], applied: Path) -> None:
        targets = json.loads(run("list", "targets", "--format", "json").out)
        assert [(row["target"], row["profiles"]) for row in targets] == [("lab/cloud", []), (A, ["gold"])]
        profiles = json.loads(run("list", "profiles", "--format", "json").out)
        assert profiles[0]["where"] == "policies/gold.yaml:2:3"
        assignments = json.loads(run("list", "assignments", "--format", "json").out)
        assert [(row["target"], row["assignment"]) for row in assignments] == [(A, "all-volumes")]
        runs = json.loads(run("list", "runs", "--format", "json", "--limit", "1").out)
        assert [(row["run"], row["command"], row["state"]) for row in runs] == [(2, "apply", "done")]

    def test_the_shape_of_listed_snapshots_is_fixed(self, run: Callable[..., Ran], applied: Path) -> None:
        rows = json.loads(run("list", "snapshots", "--format", "json").out)
        keys = "target snapshot name profile period slot created_at completed_at expires_at state owned"
        keys += " pinned quiesced reason"
        assert [list(row) for row in rows] == [keys.split()] * 2

    def test_snapshots_of_some_targets(self, run: Callable[..., Ran], applied: Path) -> None:
        assert json.loads(run("list", "snapshots", "--target", "lab/vm/*", "--format", "json").out) == []
        assert run("list", "snapshots", "--target", "lab/vm/*").out == "No snapshots.\n"

    def test_why_a_snapshot_is_kept(self, run: Callable[..., Ran], applied: Path) -> None:
        address = names(run)[0]
        ran = run("why", address)
        assert ran.code == 0
        assert ran.out.startswith(f"{address}\n")
        assert "policies/gold.yaml:4" in ran.out
        assert json.loads(run("why", address, "--format", "json").out)["kept"] is True

    def test_why_a_code_needs_no_repository(
        self, run: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert run("why", "sp104").out.startswith("SP104: unknown key\n")
        assert run("why", "SP999").code == 64

    def test_why_something_that_is_not_there(self, run: Callable[..., Ran], applied: Path) -> None:
        assert run("why", f"{A}@nope").code == 1
        assert run("why", "nonsense").code == 64

    def test_a_run_and_its_journal(self, run: Callable[..., Ran], applied: Path) -> None:
        document = json.loads(run("show", "run", "1", "--format", "json").out)
        assert [row["verb"] for row in document["journal"]] == ["profile", "assign", "snapshot"]
        assert "run 1   done   apply by" in run("show", "run", "1").out
        assert run("show", "run", "99").code == 64

    def test_drivers(self, run: Callable[..., Ran]) -> None:
        assert run("drivers").out == run("drivers", "list").out
        assert "directory" in {row["driver"] for row in json.loads(run("drivers", "list", "--format", "json").out)}


class TestSimulate:
    ARGUMENTS = ("--from", "2026-11-22T00:00Z", "--to", "2026-11-22T03:00Z", "--every", "1h")

    def test_from_nothing_no_backend_is_needed(self, run: Callable[..., Ran], repository: Path) -> None:
        (repository / "lab").rename(repository / "gone")
        ran = run("simulate", "--targets", A, *self.ARGUMENTS, "--format", "json")
        document = json.loads(ran.out)
        assert ran.code == 0
        assert list(document) == ["events", "missed", "remaining"]
        assert [event["at"] for event in document["events"]] == [f"2026-11-22T0{hour}:00:00Z" for hour in range(4)]

    def test_from_the_catalog(self, run: Callable[..., Ran], applied: Path) -> None:
        document = json.loads(run("simulate", "--to", "2026-11-22T05:00Z", "--every", "1h", "--format", "json").out)
        assert [event["slot"] for event in document["events"]] == ["2026-11-22T04:00:00Z"]
        assert len(document["remaining"]) == 3

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--targets", "nas/volume/a", "--to", "2026-12-01T00:00Z"),
            ("--targets", "lab", "--to", "2026-12-01T00:00Z"),
            ("--tags", "x", "--to", "2026-12-01T00:00Z"),
            ("--to", "2020-01-01T00:00Z"),
            (),
        ],
    )
    def test_what_makes_no_sense(self, run: Callable[..., Ran], repository: Path, arguments: tuple[str, ...]) -> None:
        assert run("simulate", *arguments).code == 64


class TestCatalog:
    def test_a_plan_rebuilds_a_lost_catalog_where_manual_snapshots_are_left_too(
        self, run: Callable[..., Ran], applied: Path
    ) -> None:
        assert run("snapshot", A, "--expires", "1d", "--key", "k").code == 0
        for path in applied.glob("catalog.db*"):
            path.unlink()
        planned = run("plan")
        assert "SP442" in planned.out + planned.err
        assert "Nothing to do." in planned.out

    def test_a_lost_catalog_is_rebuilt_by_an_apply_to_a_backend_that_has_nothing_of_ours(
        self, run: Callable[..., Ran], applied: Path
    ) -> None:
        config = applied / "snapplan.yaml"
        config.write_text(
            config.read_text().replace("backends:", "backends:\n  nas: {driver: directory, root: nas}", 1)
        )
        (applied / "nas" / "volumes").mkdir(parents=True)
        for path in applied.glob("catalog.db*"):
            path.unlink()
        assert "SP442" in run("apply", "--backend", "nas", "--auto-approve").out
        assert "Nothing to do." in run("plan").out

    def test_a_lost_catalog_is_rebuilt_and_the_plan_is_empty(self, run: Callable[..., Ran], applied: Path) -> None:
        for path in applied.glob("catalog.db*"):
            path.unlink()
        rebuilt = run("catalog", "rebuild")
        assert rebuilt.code == 0
        assert rebuilt.out.startswith("sqlite:")
        assert run("plan", "--detailed-exitcode").code == 0


POWERED = """\
version: 1
project: shop
backends:
  dc1:
    driver: memory
    state: dc1.json
    targets: [{scope: vm, name: web, in_place_blocker: it is powered on, files: {disk: AAAA}}]
"""


class TestRestoringWhatIsPoweredOn:
    @pytest.fixture(autouse=True)
    def taken(self, run: Callable[..., Ran], repository: Path) -> None:
        (repository / "snapplan.yaml").write_text(POWERED)
        (repository / "policies" / "gold.yaml").unlink()
        assert run("snapshot", "dc1/vm/web", "--key", "k", "--expires", "7d").code == 0

    def test_it_is_refused_unless_it_may_be_switched_off(self, run: Callable[..., Ran]) -> None:
        in_place = ("restore", "dc1/vm/web", "--mode", "in_place", "--confirm", "dc1/vm/web")
        refused = run(*in_place)
        assert refused.code == 1
        assert "(--power-off) lets apply switch it off" in refused.err
        done = run(*in_place, "--power-off", "--power-on")
        assert done.code == 0, done.err
        assert "switches dc1/vm/web off; switches dc1/vm/web on" in done.out
        (undo,) = [line for line in done.out.splitlines() if line.startswith("Undo:")]
        assert undo.endswith("--mode in_place --power-off --power-on")
        assert any("pre-restore." in name for name in names(run)), "a safety snapshot was taken before"

    def test_a_clone_may_be_switched_on(self, run: Callable[..., Ran]) -> None:
        ran = run("restore", "dc1/vm/web", "--as", "web-2", "--power-on", "--preserve-macs", "--auto-approve")
        assert ran.code == 0, ran.err
        assert "switches dc1/vm/web-2 on; keeps its MAC addresses" in ran.out

    @pytest.mark.parametrize(
        "arguments", [("--as", "web-2", "--power-off"), ("--mode", "in_place", "--preserve-macs")], ids=str
    )
    def test_options_of_the_other_mode_are_refused(self, run: Callable[..., Ran], arguments: tuple[str, ...]) -> None:
        assert run("restore", "dc1/vm/web", *arguments).code == 64


def test_a_driver_without_switches_says_so(run: Callable[..., Ran], applied: Path) -> None:
    ran = run("restore", A, "--as", "b", "--power-on", "--auto-approve")
    assert ran.code == 1
    assert "lab has no power_on for a restore" in ran.err


def test_what_a_guard_blocks_is_one_line_and_not_counted_as_work(run: Callable[..., Ran], repository: Path) -> None:
    for number in range(11):
        (repository / "lab" / "volumes" / f"v{number}").mkdir()
    policy = repository / "policies" / "gold.yaml"
    policy.write_text(policy.read_text().replace("retention: 24h", "retention: 24h, quiesce: require"))
    ran = run("apply", "--auto-approve")
    assert ran.code == 3
    assert ran.err.count("is blocked by SP307") == 1
    assert "is blocked by SP307; the same for 11 more" in ran.err
    assert "13/13" in ran.err, "a profile and twelve assignments: the snapshots are no work"
