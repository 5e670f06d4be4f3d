"""From files to a policy: finding, merging, places, defaults, and what lies outside the repository."""

from __future__ import annotations

import gc
import os
import socket
from datetime import timedelta
from pathlib import Path

import pytest
from unit.config.findings import CONFIG, loaded, repository, stopping

from snapplan.config.load import find_root, load_file, load_repository
from snapplan.diagnostics import Location
from snapplan.models.target import Quiesce

GOLD = "profiles:\n  gold:\n    periods:\n      daily: {frequency: daily, retention: 14d}\n"
USED = "assignments:\n  all:\n    profile: gold\n    targets: [{backend: lab, scope: vm}]\n"
MOVED = "moved:\n  - {from: profiles.old, to: profiles.gold}\n"


def test_finds_the_root_from_below(tmp_path: Path) -> None:
    root = repository(tmp_path / "a")
    assert find_root(root / "policies") == root
    assert find_root(root) == root
    assert find_root(root / "policies" / ".." / "missing" / "deep") == root
    assert find_root(tmp_path) is None


def test_finds_the_root_from_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository(tmp_path) / "policies")
    assert find_root(Path()) == tmp_path
    assert load_file(Path("../snapplan.yaml")).files == ("snapplan.yaml",)


def test_merges_all_files(tmp_path: Path) -> None:
    found = loaded(tmp_path, b=USED, a=GOLD)
    assert found.diagnostics == []
    assert found.files == ("snapplan.yaml", "policies/a.yaml", "policies/b.yaml")
    assert found.policy is not None
    assert list(found.policy.profiles) == ["gold"]
    assert list(found.policy.assignments) == ["all"]
    assert (found.policy.commit, found.policy.dirty) == (None, None)


def test_reads_yml_and_folders_in_folders(tmp_path: Path) -> None:
    root = repository(tmp_path, a=USED)
    (root / "policies" / "team" / "x").mkdir(parents=True)
    (root / "policies" / "team" / "x" / "gold.yml").write_text(GOLD)
    assert load_repository(root).diagnostics == []


def test_leaves_hidden_folders_and_the_configuration_out(tmp_path: Path) -> None:
    root = repository(tmp_path, CONFIG + 'include: ["**/*.yaml"]\n', a=GOLD + USED)
    (root / ".github").mkdir()
    (root / ".github" / "workflow.yaml").write_text("on: push\n")
    assert load_repository(root).files == ("snapplan.yaml", "policies/a.yaml")


def test_fills_in_the_defaults(tmp_path: Path) -> None:
    once = "      once: {frequency: custom, at: 2026-12-01T20:00, retention: 1d}\n"
    policy = loaded(tmp_path, a=GOLD + once + USED).policy
    assert policy is not None
    gold = policy.profiles["gold"]
    daily, custom = gold.periods["daily"], gold.periods["once"]
    assert (gold.timezone, gold.initial) == ("UTC", "immediate")
    assert (daily.min_snapshots, daily.quiesce, daily.skip_missed) == (1, Quiesce.NEVER, False)
    assert daily.grace == timedelta(hours=1)
    assert custom.min_snapshots == 0


def test_the_defaults_of_the_repository_come_before_the_built_in_ones(tmp_path: Path) -> None:
    defaults = (
        "defaults: {timezone: Europe/Zurich, initial: next_slot, min_snapshots: 4,"
        " quiesce: never, skip_missed: true, grace: 2h}\n"
    )
    own = "      own: {frequency: daily, hour: 1, retention: 2d, min_snapshots: 0, skip_missed: false}\n"
    once = "      once: {frequency: custom, at: 2026-12-01T20:00, retention: 1d}\n"
    policy = loaded(tmp_path, CONFIG + defaults, a=GOLD + own + once + USED).policy
    assert policy is not None
    gold = policy.profiles["gold"]
    assert (gold.timezone, gold.initial) == ("Europe/Zurich", "next_slot")
    assert (gold.periods["daily"].min_snapshots, gold.periods["daily"].skip_missed) == (4, True)
    assert gold.periods["daily"].grace == timedelta(hours=2)
    assert (gold.periods["own"].min_snapshots, gold.periods["own"].skip_missed) == (0, False)
    assert gold.periods["once"].min_snapshots == 0


def test_says_where_everything_stands(tmp_path: Path) -> None:
    policy = loaded(tmp_path, a=GOLD + USED, b=MOVED).policy
    assert policy is not None
    where = policy.where
    assert where["profiles", "gold", "periods", "daily", "retention"] == Location("policies/a.yaml", 4, 33)
    assert where["assignments", "all", "targets", "0"] == Location("policies/a.yaml", 8, 15)
    assert where["config", "backends", "lab", "driver"] == Location("snapplan.yaml", 4, 9)
    assert where["moved", "0", "to"] == Location("policies/b.yaml", 2, 26)
    assert policy.location("profiles", "gold", "periods", "daily", "hour") == Location("policies/a.yaml", 4, 7)
    assert policy.location("profiles", "silver") is None
    assert ("profiles", "gold") in where
    assert ("profiles", "gold", "timezone") not in where
    with pytest.raises(KeyError):
        where["profiles", "gold", "timezone"]
    assert len(where) == len(set(where)) == sum(path in where for path in where)


def test_a_name_in_two_files_cites_both(tmp_path: Path) -> None:
    found = loaded(tmp_path, a=GOLD, b=GOLD)
    assert found.policy is None
    (error,) = (one for one in found.diagnostics if one.severity == "error")
    assert (error.code, str(error.where)) == ("SP112", "policies/b.yaml:2:3")
    assert "policies/a.yaml:2:3" in error.hint


def test_moved_of_several_files_is_one_list(tmp_path: Path) -> None:
    second = "moved:\n  - {from: profiles.older, to: profiles.gone}\n"
    assert stopping(loaded(tmp_path, a=GOLD + USED, b=MOVED, c=second).diagnostics) == ["SP221 policies/c.yaml:2:32"]


def test_a_broken_file_hides_nothing_else(tmp_path: Path) -> None:
    broken = "profiles: [\n"
    wrong = "assignments:\n  all:\n    profile: gold\n    targets: [{backend: lap, scope: vm}]\n"
    found = stopping(loaded(tmp_path, a=broken, b=wrong).diagnostics)
    assert found == ["SP101 policies/a.yaml:1:12", "SP202 policies/b.yaml:4:25"]


def test_a_broken_configuration_hides_no_policy_file(tmp_path: Path) -> None:
    found = stopping(loaded(tmp_path, "version: 2\n", a=GOLD.replace("14d", "14")).diagnostics)
    assert found == [
        "SP108 policies/a.yaml:4:44",
        "SP105 snapplan.yaml:1:1",
        "SP105 snapplan.yaml:1:1",
        "SP107 snapplan.yaml:1:10",
    ]


def test_a_folder_without_configuration(tmp_path: Path) -> None:
    found = load_repository(tmp_path)
    assert stopping(found.diagnostics) == ["SP115 snapplan.yaml:1:1"]
    assert found.policy is None


def test_a_policy_file_without_configuration(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(GOLD)
    assert [one.code for one in load_file(path).diagnostics] == ["SP115"]


def test_a_repository_without_policy_files(tmp_path: Path) -> None:
    found = load_repository(repository(tmp_path))
    assert stopping(found.diagnostics) == ["SP114 snapplan.yaml:1:1"]
    assert found.policy is None, "an apply would end all protection"
    assert load_repository(tmp_path, may_be_empty=True).policy is not None


def test_one_file_is_checked_without_its_siblings(tmp_path: Path) -> None:
    root = repository(tmp_path, a=USED, b="profiles: [\n")
    found = load_file(root / "policies" / "a.yaml")
    assert found.files == ("snapplan.yaml", "policies/a.yaml")
    assert [(one.code, one.severity) for one in found.diagnostics] == [("SP201", "warning")]


def test_a_configuration_is_known_by_its_keys(tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(CONFIG)
    assert load_file(path).diagnostics == []
    assert load_file(path).files == (path.as_posix(),)


@pytest.mark.parametrize("name", ["missing.yaml", "folder", "pipe", "looped"])
def test_what_cannot_be_read_is_a_finding(name: str, tmp_path: Path) -> None:
    root = repository(tmp_path)
    (root / "folder").mkdir()
    os.mkfifo(root / "pipe")
    (root / "looped").symlink_to("looped")
    found = load_file(root / name)
    assert [(one.code, one.where) for one in found.diagnostics] == [("SP100", Location(name))]
    assert found.policy is None


def test_odd_things_among_the_policy_files(tmp_path: Path) -> None:
    root = repository(tmp_path, a=GOLD + USED)
    os.mkfifo(root / "policies" / "pipe.yaml")
    (root / "policies" / "folder.yaml").mkdir()
    (root / "policies" / "looped.yaml").symlink_to("looped.yaml")
    (root / "policies" / "dangling.yaml").symlink_to("nowhere")
    assert stopping(load_repository(root).diagnostics) == [
        "SP100 policies/dangling.yaml:1:1",
        "SP100 policies/looped.yaml:1:1",
        "SP100 policies/pipe.yaml:1:1",
    ]


def test_links_that_stay_inside_are_followed_and_others_not(tmp_path: Path) -> None:
    root = repository(tmp_path / "inside", a=USED)
    (root / "linked").mkdir()
    (root / "linked" / "gold.yaml").write_text(GOLD)
    (root / "policies" / "gold.yaml").symlink_to("../linked/gold.yaml")
    assert load_repository(root).diagnostics == []
    (tmp_path / "outside.yaml").write_text("profiles: {}\n")
    (root / "policies" / "outside.yaml").symlink_to(tmp_path / "outside.yaml")
    assert stopping(load_repository(root).diagnostics) == ["SP113 policies/outside.yaml:1:1"]


@pytest.mark.parametrize("pattern", ["../*.yaml", "/etc/*.yaml", "~/x.yaml", "a/../../b", "**x", "a/**b"])
def test_globs_that_are_refused(pattern: str, tmp_path: Path) -> None:
    found = loaded(tmp_path, f'{CONFIG}include: ["{pattern}"]\n')
    assert "SP113" in {one.code for one in found.diagnostics}
    assert found.policy is None


def test_a_glob_that_matches_nothing(tmp_path: Path) -> None:
    found = loaded(tmp_path, f'{CONFIG}include: ["policies/*.yaml", "polices/*.yaml"]\n', a=GOLD + USED)
    assert stopping(found.diagnostics) == ["SP114 snapplan.yaml:5:30"]


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_as_before(enabled: bool, tmp_path: Path) -> None:
    was = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        load_repository(tmp_path)
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()


NESTED = """\
version: 1
project: nested
backends:
  lab:
    driver: directory
    store: /srv/store
    volumes:
      outer: /srv/data
      beside: /srv/database
      inner: {path: /srv/data/../data/./db}
    vms:
      same: /srv/data
"""


def test_targets_inside_each_other_are_named(tmp_path):
    found = loaded(tmp_path, NESTED, a="").diagnostics
    told = {(each.summary, each.where.line) for each in found if each.code == "SP234" and each.where is not None}
    assert told == {
        ("target volume/inner lies inside volume/outer", 10),
        ("target volume/inner lies inside vm/same", 10),
        ("target volume/outer lies inside vm/same", 8),
    }


SECRETS = {
    "key": "-----BEGIN OPENSSH PRIVATE KEY-----\nSECRET-two\nSECRET-three\n-----END-----\n",
    "netrc": "machine x login y\npasswd SECRET-netrc\n",
    "values": "db_password: SECRET-yaml\nother: SECRET-five\n",
    "list": "- SECRET-item\n",
    "number": "4711471147114711\n",
    "text": "SECRET-text\n",
    "broken": "a: [SECRET-one\nb: {SECRET-two\n",
    "binary": "SECRET-one\0SECRET-two\0",
}


def told(root: Path, *, file: str | None = None) -> str:
    found = load_repository(root) if file is None else load_file(root / file)
    return repr(found.diagnostics)


@pytest.mark.parametrize("content", SECRETS)
@pytest.mark.parametrize("place", ["linked", "linked folder", "linked policy", "included", "as the configuration"])
def test_no_line_of_what_is_no_policy_is_shown(content: str, place: str, tmp_path: Path) -> None:
    secret = tmp_path / "outside" / "snapplan.yaml"
    secret.parent.mkdir()
    secret.write_text(SECRETS[content])
    root = repository(tmp_path / "r", a=GOLD + USED)
    if place == "linked":
        (root / "snapplan.yaml").unlink()
        (root / "snapplan.yaml").symlink_to(secret)
    elif place == "linked folder":
        (root / "deep").symlink_to(secret.parent)
        assert "SECRET" not in told(root, file="deep/snapplan.yaml")
    elif place == "linked policy":
        (root / "policies" / "b.yaml").symlink_to(secret)
        assert "SECRET" not in told(root, file="policies/b.yaml")
    elif place == "included":
        (root / "policies" / "b.yaml").write_text(SECRETS[content])
        assert "SECRET" not in told(root, file="policies/b.yaml")
    else:
        (root / "snapplan.yaml").write_text(SECRETS[content])
    assert "SECRET" not in told(root)
    assert "4711" not in told(root)
    assert (load_repository(root).policy is None) is (place != "linked folder")


@pytest.mark.parametrize("where", ["snapplan.yaml", "policies/a.yaml"])
def test_what_git_keeps_is_not_read(where: str, tmp_path: Path) -> None:
    """CI leaves its credentials in ``.git/config``, which is inside of the repository."""
    root = repository(tmp_path, a=GOLD + USED)
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("profiles:\n  SECRET: 1\n")
    (root / where).unlink()
    (root / where).symlink_to(root / ".git" / "config")
    assert "SECRET" not in told(root)
    assert stopping(load_repository(root).diagnostics)[0].startswith(f"SP113 {where}")


@pytest.mark.parametrize("kind", ["pipe", "device", "socket", "folder", "zero"])
@pytest.mark.parametrize("where", ["snapplan.yaml", "policies/a.yaml"])
def test_only_regular_files_are_opened(kind: str, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = repository(tmp_path, a=GOLD + USED)
    (root / where).unlink()
    if kind == "pipe":
        os.mkfifo(root / where)
    elif kind == "socket":
        monkeypatch.chdir(root)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(where)
        listener.close()
    elif kind == "folder":
        (root / where).mkdir()
    else:
        (root / where).symlink_to("/dev/full" if kind == "device" else "/dev/zero")
    assert load_repository(root).policy is None
    assert load_file(root / where).policy is None


def test_the_files_of_a_repository_have_a_limit_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snapplan.config.load.MAX_TOTAL_BYTES", 500)
    found = loaded(tmp_path, **dict.fromkeys("abcdefgh", f"# {'x' * 100}\nmoved: []\n"))
    assert [one for one in stopping(found.diagnostics) if one.startswith("SP103")] == ["SP103 policies/e.yaml:1:1"]
    assert found.policy is None
