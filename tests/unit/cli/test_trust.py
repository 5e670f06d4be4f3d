"""``--trust REV``: what a stranger changed is planned, and reaches no host, no secret, no file and no catalog."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from unit.cli.test_read_only import READING, everything
from unit.config.test_revision import commit_all, git

from snapplan.cli import session
from snapplan.cli.main import COMMANDS
from snapplan.drivers import registry
from snapplan.errors import CommandLineError
from snapplan.trust import Trusted, load_trusted

if TYPE_CHECKING:
    from collections.abc import Callable

    from unit.cli.conftest import Ran

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
VERGEOS = """\
version: 1
project: p
catalog: sqlite:////nowhere/c.db
backends:
  dc1: {driver: vergeos, host: dc1.example.com, token: "${file:keys/token}", ca_file: certs/ca.pem}
  far: {driver: vergeos, host: far.example.com, token: "${file:/run/token}", ca_file: ~/ca.pem}
"""
POLICY = """\
profiles: {gold: {periods: {hourly: {frequency: hourly, retention: 24h}}}}
assignments: {all: {profile: gold, targets: [{backend: "*", scope: vm}]}}
"""


@pytest.fixture
def change(repository: Path) -> Path:
    """A repository whose trusted branch is ``main``; the checkout is of a branch with changes of a stranger."""
    git(repository, "init", "--quiet", "--initial-branch=main")
    (repository / ".gitignore").write_text("/lab\n/catalog.db*\n")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "trusted")
    git(repository, "checkout", "--quiet", "-b", "change")
    return repository


@pytest.fixture
def contacted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Return which backends were opened, with which options."""
    opened: list[tuple[str, dict[str, Any]]] = []
    original = registry.open_backend

    def spy(backend: str, config: Any, **others: Any) -> Any:
        opened.append((backend, dict(config.options)))
        return original(backend, config, **others)

    monkeypatch.setattr(registry, "open_backend", spy)
    return opened


def edit(root: Path, old: str, new: str, file: str = "snapplan.yaml") -> None:
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new))
    git(root, "commit", "--quiet", "--all", "-m", "a change")


def test_a_changed_address_is_shown_and_not_used(change: Path, run: Callable[..., Ran], contacted: list[Any]) -> None:
    edit(change, "root: lab", "root: /etc")
    ran = run("plan", "--trust", "main")
    assert ran.code == 0
    assert contacted == [("lab", {"root": "lab"})]
    assert 'SP119]: not trusted: backends.lab.root is "/etc" instead of "lab"' in ran.out
    assert "lab/volume/a" in ran.out
    assert "To carry it out" not in ran.out


def test_policy_files_are_those_of_the_change(change: Path, run: Callable[..., Ran]) -> None:
    edit(change, "gold", "silver", "policies/gold.yaml")
    ran = run("plan", "--trust", "main")
    assert ran.code == 0
    assert "silver" in ran.out
    assert "SP119" not in ran.out


def test_a_new_backend_is_shown_and_not_contacted(change: Path, run: Callable[..., Ran], contacted: list[Any]) -> None:
    edit(change, "catalog:", "  etc: {driver: directory, volumes: {etc: /etc}, store: /tmp/s}\ncatalog:")
    edit(change, "{backend: lab,", '{backend: "*",', "policies/gold.yaml")
    ran = run("plan", "--trust", "main", "--full")
    assert [name for name, _ in contacted] == ["lab"]
    assert "it is not contacted: main does not have it" in ran.out
    assert "backends.etc is added" in ran.out
    assert "etc/volume/etc" not in ran.out
    assert ran.code == 0, "what is left alone on purpose is no failure"
    for words in (("list", "targets"), ("status",), ("plan", "--no-refresh")):
        run(*words, "--trust", "main")
    assert {name for name, _ in contacted} == {"lab"}
    assert run("drivers", "check", "etc", "--trust", "main").code != 0
    assert {name for name, _ in contacted} == {"lab"}


def test_catalog_project_and_include_are_those_of_the_trusted_commit(
    change: Path, run: Callable[..., Ran], tmp_path: Path
) -> None:
    before = everything(tmp_path / "state") if (tmp_path / "state").exists() else {}
    edit(change, "project: cli-tests", "project: another")
    edit(change, "sqlite:///catalog.db", f"sqlite:///{tmp_path}/mine/catalog.db")
    edit(change, "version: 1", 'version: 1\ninclude: ["policies/*.yaml", "secret/*.yaml"]')
    (change / "secret").mkdir()
    (change / "secret" / "x.yaml").write_text("profiles: {hidden: {periods: {d: {frequency: daily, retention: 1d}}}}\n")
    document = run("plan", "--trust", "main", "--format", "json").out
    assert '"project": "cli-tests"' in document
    assert "hidden" not in document
    assert not (tmp_path / "mine").exists()
    assert not (change / "catalog.db").exists()
    assert (((tmp_path / "state").exists() and everything(tmp_path / "state")) or {}) == before
    shown = run("plan", "--trust", "main").out
    for key in ("project", "catalog", "include"):
        assert f"not trusted: {key} is" in shown


@pytest.mark.parametrize(("trusted", "changed", "counts"), [(20, 90, 20), (20, 5, 5), (None, 90, 10), (5, None, 5)])
def test_of_guards_the_stricter_counts(trusted: int | None, changed: int | None, counts: int, change: Path) -> None:
    text = (change / "snapplan.yaml").read_text()
    for branch, value in (("main", trusted), ("change", changed)):
        git(change, "checkout", "--quiet", branch)
        guards = f"guards: {{max_unassign: {{percent: {value}}}}}\n" if value is not None else ""
        (change / "snapplan.yaml").write_text(text + guards)
        commit_all_tracked(change)
    policy = load_trusted(change, "main").loaded.policy
    assert policy is not None
    assert policy.config.guards.max_unassign.percent == counts


def commit_all_tracked(root: Path) -> None:
    git(root, "commit", "--quiet", "--allow-empty", "--all", "-m", "x")


class TestFiles:
    """Files that the configuration names by relative paths."""

    @pytest.fixture
    def named(self, tmp_path: Path) -> Path:
        root = tmp_path / "named"
        for name, text in {
            "snapplan.yaml": VERGEOS,
            "policies/p.yaml": POLICY,
            "certs/ca.pem": "TRUSTED",
            "keys/token": "trusted-token",
        }.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        git(root, "init", "--quiet", "--initial-branch=main")
        commit_all(root)
        git(root, "checkout", "--quiet", "-b", "change")
        return root

    @staticmethod
    def options(trusted: Trusted) -> dict[str, Any]:
        assert trusted.loaded.policy is not None, trusted.loaded.diagnostics
        return trusted.loaded.policy.config.backends["dc1"].options

    def test_come_from_the_trusted_commit(self, named: Path) -> None:
        (named / "certs" / "ca.pem").write_text("OF A STRANGER")
        (named / "keys" / "token").unlink()
        (named / "keys" / "token").symlink_to("/etc/shadow")
        commit_all(named)
        trusted = load_trusted(named, "main")
        options = self.options(trusted)
        assert Path(options["ca_file"]).read_text() == "TRUSTED"
        assert Path(options["token"].removeprefix("${file:").removesuffix("}")).read_text() == "trusted-token"
        told = [one.summary for one in trusted.loaded.diagnostics if one.code == "SP119"]
        assert sorted(told) == [
            "not trusted: the file certs/ca.pem differs",
            "not trusted: the file keys/token differs",
        ]
        assert trusted.withheld == {}

    def test_others_stay_where_they_are(self, named: Path) -> None:
        policy = load_trusted(named, "main").loaded.policy
        assert policy is not None
        assert policy.config.backends["far"].options["token"] == "${file:/run/token}"
        assert policy.config.backends["far"].options["ca_file"] == "~/ca.pem"

    @pytest.mark.parametrize("name", ["certs/ca.pem", "keys/token"])
    def test_one_that_only_the_change_has_is_not_used(self, name: str, named: Path) -> None:
        git(named, "checkout", "--quiet", "main")
        git(named, "rm", "--quiet", name)
        commit_all(named)
        git(named, "checkout", "--quiet", "change")
        assert "dc1" in load_trusted(named, "main").withheld

    def test_a_folder_that_the_change_replaced_by_a_link_is_not_read(
        self, change: Path, run: Callable[..., Ran], contacted: list[Any]
    ) -> None:
        (change / "lab").rename(change.parent / "elsewhere")
        (change / "lab").symlink_to("/etc")
        ran = run("plan", "--trust", "main")
        assert contacted == []
        assert 'it names "lab", which main does not have as a file' in ran.out

    @pytest.mark.parametrize("root", ["data", "in full", "."])
    def test_links_that_the_change_brings_into_a_folder_are_not_followed(
        self, root: str, change: Path, run: Callable[..., Ran], contacted: list[Any], tmp_path: Path
    ) -> None:
        """They would show what any folder of the runner holds."""
        folder = change if root == "." else change / "data"
        edit(change, "root: lab", f"root: {folder if root == 'in full' else root}")
        (folder / "volumes" / "a").mkdir(parents=True)
        (folder / "volumes" / "a" / "file").touch()
        (folder / "volumes" / "old").symlink_to("a")
        commit_all(change)
        git(change, "branch", "--force", "main")
        assert run("plan", "--trust", "main").code == 0
        assert len(contacted) == 1, "what the trusted commit has is no way out that a stranger made"
        (tmp_path / "private" / "payroll").mkdir(parents=True)
        (folder / "vms").symlink_to(tmp_path / "private")
        commit_all(change)
        ran = run("list", "targets", "--trust", "main")
        assert "payroll" not in ran.out
        assert len(contacted) == 1
        assert "the checkout brings links" in run("plan", "--trust", "main").out

    def test_a_catalog_that_the_change_brings_is_not_read(
        self, change: Path, run: Callable[..., Ran], contacted: list[Any]
    ) -> None:
        (change / "catalog.db").write_bytes(b"SQLite format 3\0")
        git(change, "add", "--force", "catalog.db")
        git(change, "commit", "--quiet", "-m", "a catalog")
        ran = run("plan", "--trust", "main")
        assert ran.code == 64
        assert "brings the catalog" in ran.err
        git(change, "rm", "--quiet", "--cached", "catalog.db")
        commit_all_tracked(change)
        (change / "catalog.db").unlink()
        (change / "catalog.db").symlink_to("/etc/passwd")
        assert run("plan", "--trust", "main").code == 64
        assert contacted == []


@pytest.mark.parametrize("where", ["beside", "in full", "submodule"])
def test_a_catalog_that_the_change_brings_anywhere_in_the_checkout_is_not_read(
    where: str, change: Path, run: Callable[..., Ran], contacted: list[Any]
) -> None:
    policy = change / "policy"
    policy.mkdir()
    for name in ("snapplan.yaml", "policies"):
        git(change, "mv", name, f"policy/{name}")
    url = {"beside": "../state/c.db", "in full": f"{change}/state/c.db", "submodule": "../state/c.db"}[where]
    edit(policy, "sqlite:///catalog.db", f"sqlite:///{url}")
    git(change, "branch", "--force", "main")
    assert run("list", "runs", "--trust", "main", "-C", str(policy)).code == 0
    (change / "state").mkdir()
    (change / "state" / "c.db").write_bytes(b"SQLite format 3\0")
    if where == "submodule":
        git(change / "state", "init", "--quiet")
        commit_all(change / "state")
    git(change, "add", "--force", "state")
    git(change, "commit", "--quiet", "-m", "a catalog")
    ran = run("list", "runs", "--trust", "main", "-C", str(policy))
    assert ran.code == 64
    assert "brings the catalog" in ran.err


def test_a_file_beside_the_policy_comes_from_the_trusted_commit_too(change: Path) -> None:
    root = change / "policy"
    (root / "policies").mkdir(parents=True)
    (root / "snapplan.yaml").write_text(VERGEOS.replace("keys/", "../keys/").replace("certs/", "../certs/"))
    (root / "policies" / "p.yaml").write_text(POLICY)
    for name in ("keys/token", "certs/ca.pem"):
        (change / name).parent.mkdir()
        (change / name).write_text("trusted")
    commit_all(change)
    git(change, "branch", "--force", "main")
    (change / "certs" / "ca.pem").write_text("OF A STRANGER")
    trusted = load_trusted(root, "main")
    assert trusted.withheld == {}
    assert Path(TestFiles.options(trusted)["ca_file"]).read_text() == "trusted"


class TestNames:
    """What ``REV`` may be."""

    @pytest.mark.parametrize("name", ["main", "refs/heads/main", "change~1", "HEAD^", "v1", "v1^{}", "full", "full~0"])
    def test_what_names_a_commit(self, name: str, change: Path, run: Callable[..., Ran]) -> None:
        git(change, "tag", "--annotate", "v1", "main", "-m", "x")
        commit_all_tracked(change)
        commit = git(change, "rev-parse", "main")
        name = {"full": commit, "full~0": f"{commit}~0", "v1^{}": "v1"}.get(name, name)
        assert run("validate", "--trust", name).code == 0

    @pytest.mark.parametrize(
        "name",
        ["nowhere", "-h", "--help", "-C/", ":/trusted", "main@{0}", "main@{u}", "main..HEAD", "main:policies", "", "a b",
         "main^{tree}", "main\n", "0" * 40, "refs/heads/nowhere", "HEAD~99", "$(id)"],
    )  # fmt: skip
    def test_what_does_not(self, name: str, change: Path, run: Callable[..., Ran], contacted: list[Any]) -> None:
        edit(change, "root: lab", "root: /etc")
        ran = run("plan", f"--trust={name}")
        assert ran.code == 64
        assert ran.out == ""
        assert contacted == []

    def test_a_tag_that_is_called_like_the_branch_is_not_taken(self, change: Path, run: Callable[..., Ran]) -> None:
        """Git takes the tag, and who may push one could choose what is trusted."""
        edit(change, "root: lab", "root: /etc")
        git(change, "tag", "main", "change")
        ran = run("plan", "--trust", "main")
        assert ran.code == 64
        assert "refs/heads/main, refs/tags/main" in ran.err
        assert run("plan", "--trust", "refs/heads/main").code == 0
        git(change, "tag", "--force", "main", "refs/heads/main")
        assert run("plan", "--trust", "main").code == 0, "both are the same commit"

    def test_a_shortened_id_does_not(self, change: Path, run: Callable[..., Ran]) -> None:
        """Another commit that begins alike is soon made, and is the only one where the right one was not fetched."""
        commit = git(change, "rev-parse", "main")
        assert [run("plan", "--trust", commit[:digits]).code for digits in (7, 12, 39)] == [64, 64, 64]

    @pytest.mark.parametrize("how", ["submodule", "link", "link to a folder", "link of the shell"])
    def test_no_branch_of_a_repository_that_the_change_put_in_the_place_of_the_policy(
        self, how: str, change: Path, run: Callable[..., Ran], contacted: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its main is the stranger's; a full id is the same commit everywhere."""
        evil = change.parent / "evil"
        inner = evil / "sub" if how == "link to a folder" else evil
        shutil.copytree(change, inner, ignore=shutil.ignore_patterns(".git"))
        git(evil, "init", "--quiet", "--initial-branch=main")
        commit_all(evil)
        policy = change / "policy"
        if how == "submodule":
            evil.rename(policy)
        else:
            policy.symlink_to(inner, target_is_directory=True)
        if how == "link of the shell":
            monkeypatch.chdir(policy)
            monkeypatch.setenv("PWD", str(policy))
            ran = run("plan", "--trust", "main")
        else:
            ran = run("plan", "--trust", "main", "-C", str(policy))
        assert ran.code == 64
        assert "is a checkout of its own" in ran.err
        assert contacted == []
        assert run("plan", "--trust", git(policy, "rev-parse", "main"), "-C", str(policy)).code == 0
        assert run("plan", "--trust", git(change, "rev-parse", "main"), "-C", str(policy)).code == 64

    def test_a_file_in_the_repository_of_that_name_is_none(self, change: Path, run: Callable[..., Ran]) -> None:
        (change / ".git" / "trunk").write_text(git(change, "rev-parse", "HEAD") + "\n")
        assert run("plan", "--trust", "trunk").code == 64

    def test_without_a_configuration_there(self, change: Path, run: Callable[..., Ran], contacted: list[Any]) -> None:
        git(change, "checkout", "--quiet", "--orphan", "empty")
        git(change, "rm", "--quiet", "--cached", "-r", ".")
        git(change, "commit", "--quiet", "--allow-empty", "-m", "empty")
        assert run("plan", "--trust", "empty").code == 64
        text = (change / "snapplan.yaml").read_text()
        (change / "snapplan.yaml").unlink()
        (change / "snapplan.yaml").symlink_to("/etc/passwd")
        git(change, "add", "snapplan.yaml")
        git(change, "commit", "--quiet", "-m", "a link")
        (change / "snapplan.yaml").unlink()
        (change / "snapplan.yaml").write_text(text)
        assert run("plan", "--trust", "HEAD").code == 64
        assert contacted == []


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_every_reading_command_takes_it(
    words: tuple[str, ...], change: Path, run: Callable[..., Ran], contacted: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(change, "root: lab", "root: /etc")
    if words != ("drivers", "list"):
        assert run(*words, "--trust", "main").code == 0
    monkeypatch.setenv("SNAPPLAN_TRUST", "main")
    before = everything(change.parent)
    assert run(*words).code == 0
    assert all(options == {"root": "lab"} for _, options in contacted)
    assert everything(change.parent) == before


CHANGING = [
    ("apply", "--auto-approve"),
    ("apply", "--approved", "0" * 64),
    ("plan", "--save"),
    ("snapshot", "lab/volume/a", "--key", "k", "--expires", "1d"),
    ("restore", "lab/volume/a", "--mode", "in_place", "--confirm", "lab/volume/a"),
    ("pin", "lab/volume/a@x", "--reason", "r"),
    ("unpin", "lab/volume/a@x"),
    ("lock", "lab/volume/a@x"),
    ("unlock", "lab/volume/a@x"),
    ("adopt", "lab/volume/a@x", "--expires", "1d"),
    ("catalog", "rebuild", "--yes"),
    ("catalog", "unlock", "lab"),
    ("catalog", "clock", "--set", "--reason", "r"),
    ("apply", "--resume", "1", "--undo"),
    ("accept", "lab", "--reason", "r"),
    ("drivers", "init", "lab"),
]


@pytest.mark.parametrize("words", CHANGING, ids=" ".join)
def test_nothing_is_changed_from_a_checkout_that_is_not_trusted(
    words: tuple[str, ...], change: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, contacted: list[Any]
) -> None:
    monkeypatch.setenv("SNAPPLAN_TRUST", "main")
    before = everything(change.parent)
    ran = run(*words)
    assert ran.code in (3, 64), ran
    if words[:2] != ("catalog", "rebuild"):
        assert "not trusted" in ran.err
    assert contacted == []
    assert everything(change.parent) == before


def test_every_command_opens_the_repository_by_way_of_the_session() -> None:
    """There it is decided whether the checkout is trusted; a command that opens it by itself forgets that."""
    folder = Path(session.__file__).parent
    sources = {path.name: path.read_text() for path in folder.glob("*.py")}
    assert [name for name, text in sources.items() if "Workspace.open(" in text] == ["session.py"]
    reads = [name for name, text in sources.items() if "load_repository(" in text or "load_file(" in text]
    assert sorted(reads) == ["drivers.py", "import_.py", "session.py", "validate.py"]


@pytest.mark.parametrize("words", [("plan",), ("validate",), ("drivers", "check", "lab"), ("apply", "--auto-approve")])
def test_a_variable_that_a_pipeline_left_empty_trusts_nothing(
    words: tuple[str, ...], change: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, contacted: list[Any]
) -> None:
    monkeypatch.setenv("SNAPPLAN_TRUST", "")
    ran = run(*words)
    assert ran.code == 64
    assert "names no commit" in ran.err
    assert contacted == []


def test_every_command_is_among_those_that_were_tried() -> None:
    offline = {"init", "schema", "completion"}
    tried = {words[0] for words in (*READING, *CHANGING)} | offline
    assert set(COMMANDS) - tried <= {"import", "show"}, "a new command: may it change something?"


def test_a_change_that_is_not_valid_is_refused(change: Path, run: Callable[..., Ran], contacted: list[Any]) -> None:
    edit(change, "version: 1", "version: 7")
    ran = run("plan", "--trust", "main")
    assert ran.code == 4
    assert contacted == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give the checkout to another user")
def test_a_repository_of_somebody_else_is_not_trusted(
    change: Path, run: Callable[..., Ran], contacted: list[Any]
) -> None:
    os.chown(change / ".git", 54321, -1)
    ran = run("plan", "--trust", "main")
    assert ran.code == 64
    assert "belongs to another user" in ran.err
    assert contacted == []


def test_outside_git_there_is_nothing_to_trust(repository: Path, run: Callable[..., Ran], contacted: list[Any]) -> None:
    assert run("plan", "--trust", "main").code == 64
    assert contacted == []
    with pytest.raises(CommandLineError):
        load_trusted(repository, "main")
