"""``--trust REV``: a policy that anybody may have changed is planned with the ``snapplan.yaml`` of a trusted commit.

From that commit come the hosts, the credentials, the catalog, the project and every file that is named by a relative
path; from the checkout come the policy files, which say what is wanted and reach nothing by themselves.
"""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.config.checkout import Checkout, CheckoutError, find_checkout
from snapplan.config.config_file import CONFIG_FILE
from snapplan.config.explain import show
from snapplan.config.files import UnreadableError, absolute, read_regular
from snapplan.config.load import Instead, Loaded, load_repository
from snapplan.config.revision import COMMIT, AmbiguousError, Blob, blobs, content_of, named_commit
from snapplan.diagnostics import Diagnostic, Location, Severity
from snapplan.errors import CommandLineError
from snapplan.models.policy import Guards
from snapplan.models.values import SECRET_REFERENCE
from snapplan.planner.guards.limits import stricter_guards

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from snapplan.models.policy import Backend, ConfigFile, Policy

DIFFERS = "SP119"
MOST_SHOWN = 20
CHUNK = 500
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+@-]{0,200}(?:[~^][0-9]{0,4}){0,8}")
_REGULAR = ("100644", "100755")
_SQLITE = "sqlite:///"


class Trusted(NamedTuple):
    """A policy that is loaded with a trusted commit's ``snapplan.yaml``.

    ``checkout`` are the files as they are in the checkout. ``withheld`` says of backends why they are not contacted.
    """

    loaded: Loaded
    checkout: Mapping[str, bytes]
    withheld: Mapping[str, str]


def load_trusted(root: Path, revision: str, *, may_be_empty: bool = False) -> Trusted:
    """Load the policy repository at ``root`` with the configuration of the commit called ``revision``.

    Raises ``CommandLineError`` where there is no such commit, or where it has no ``snapplan.yaml``; nothing was
    contacted then.
    """
    commit = _Commit.named(root, revision)
    own = load_repository(root, may_be_empty=may_be_empty)
    if own.policy is None:
        return Trusted(own, own.contents, {})
    adoption = _Adoption(commit, root, own.policy)
    name = f"{commit.id[:10]}:{commit.checkout.inside(CONFIG_FILE)}"
    instead = Instead(name, commit.file(CONFIG_FILE), adoption.adjust)
    loaded = load_repository(root, may_be_empty=may_be_empty, instead=instead)
    found = [*adoption.differences(), *loaded.diagnostics]
    return Trusted(loaded._replace(diagnostics=found), own.contents, adoption.withheld)


class _Commit(NamedTuple):
    """A commit, and the checkout that it is read from; ``revision`` is what it was called."""

    checkout: Checkout
    id: str
    revision: str

    @classmethod
    def named(cls, root: Path, revision: str) -> _Commit:
        if not _REVISION.fullmatch(revision) or ".." in revision or "@{" in revision:
            hint = "A full commit id, a branch, a tag or origin/main."
            raise CommandLineError(f"--trust: {show(revision)} is not the name of a commit", hint=hint)
        try:
            checkout = find_checkout(root)
        except CheckoutError as error:
            raise CommandLineError(f"--trust: git cannot be read here: {error}") from error
        if checkout is None:
            raise CommandLineError(f"--trust: {root} is not in a git checkout")
        if not COMMIT.fullmatch(re.split("[~^]", revision)[0]) and (why := _names_are_anybodys(root, checkout)):
            hint = "Write the full id of the commit: it cannot mean another one."
            raise CommandLineError(f"--trust: {show(revision)} could be another repository's: {why}", hint=hint)
        try:
            commit = named_commit(checkout, revision)
        except AmbiguousError as error:
            hint = f"It could be {error}; write one of these."
            raise CommandLineError(f"--trust: {show(revision)} means several commits", hint=hint) from error
        if commit is None:
            hint = (
                "A shortened id names none. In a clone of one branch: git fetch origin main, then --trust FETCH_HEAD."
            )
            raise CommandLineError(f"--trust: there is no commit {show(revision)} here", hint=hint)
        return cls(checkout, commit, revision)

    def entries(self, names: Sequence[str]) -> dict[str, Blob]:
        """Return what the commit has as files under ``names``, relative to the policy repository."""
        found: dict[str, Blob] = {}
        paths = {name: path for name in names if (path := self.checkout.inside(name))}
        for chunk in (list(paths)[start : start + CHUNK] for start in range(0, len(paths), CHUNK)):
            listed = blobs(self.checkout, self.id, [paths[name] for name in chunk])
            if listed is None:
                raise CommandLineError(f"--trust: git cannot read commit {self.id[:10]} ({self.revision})")
            found.update({name: listed[paths[name]] for name in chunk if paths[name] in listed})
        return found

    def file(self, name: str) -> bytes:
        """Return the content of a regular file; raise ``CommandLineError`` where there is none."""
        blob = self.entries([name]).get(name)
        content = content_of(self.checkout, blob) if blob is not None and blob.mode in _REGULAR else None
        if content is None:
            raise CommandLineError(f"--trust: commit {self.id[:10]} ({self.revision}) has no regular file {name}")
        return content


def _names_are_anybodys(root: Path, checkout: Checkout) -> str | None:
    """Return why the names of branches and tags at ``root`` may be those of a repository that the change chose.

    It can bring a submodule, or a link to another checkout on the machine, in the place of the policy's folder.
    """
    for place in (checkout.folder, *_as_called(root)):
        for folder in (place, *place.parents):
            if os.path.lexists(folder / ".git") and folder.resolve() != checkout.folder:
                return f"{checkout.folder} is a checkout of its own, in or linked to from that of {folder}"
    return None


def _as_called(root: Path) -> Iterator[Path]:
    """Yield the absolute path of ``root`` with its links, also those by which a shell came to the working folder."""
    yield absolute(root)
    shell = Path(os.environ.get("PWD", ""))
    with suppress(OSError):
        if shell.is_absolute() and shell.samefile(Path.cwd()) and absolute(root).is_relative_to(Path.cwd()):
            yield absolute(shell / absolute(root).relative_to(Path.cwd()))


class _Adoption:
    """Makes the configuration of a trusted commit fit for the checkout, and keeps what differs."""

    def __init__(self, commit: _Commit, root: Path, own: Policy) -> None:
        self._commit = commit
        self._root = root.resolve()
        self._policy = own
        self._own = own.config
        self._trusted = own.config
        self._entries: dict[str, Blob] = {}
        self._other_files: list[str] = []
        self.withheld: dict[str, str] = {}

    def adjust(self, trusted: ConfigFile) -> ConfigFile:
        """Return the trusted configuration with its files in place, the stricter guards and no new backend to contact."""
        self._trusted = trusted
        self._refuse_own_catalog(trusted.catalog)
        named = {name for backend in trusted.backends.values() for name in _relative_names(backend.options)}
        self._entries = self._commit.entries(sorted(named))
        backends: dict[str, Backend] = {}
        for name, backend in trusted.backends.items():
            options = {key: self._placed(value, name) for key, value in backend.options.items()}
            backends[name] = backend.model_copy(update=options)
        for name in self._own.backends.keys() - trusted.backends.keys():
            backends[name] = self._own.backends[name]
            self.withheld[name] = f"it is not contacted: {self._commit.revision} does not have it"
        guards = stricter_guards(trusted.guards, self._own.guards)
        return trusted.model_copy(update={"backends": backends, "guards": Guards.model_validate(guards)})

    def differences(self) -> Iterator[Diagnostic]:
        """Yield a warning for each key in which the checkout's ``snapplan.yaml`` and its files differ."""
        trusted, own = (config.model_dump(mode="json", by_alias=True) for config in (self._trusted, self._own))
        found = [
            *((path, _sentence(path, before, now)) for path, before, now in _changes(trusted, own, ())),
            *(((), f"the file {name} differs") for name in dict.fromkeys(self._other_files)),
        ]
        for path, text in found[:MOST_SHOWN]:
            yield self._warning(text, path)
        if len(found) > MOST_SHOWN:
            yield self._warning(f"{len(found) - MOST_SHOWN} more keys differ", ())

    def _warning(self, text: str, path: tuple[str, ...]) -> Diagnostic:
        where = self._policy.location("config", *path) or Location(CONFIG_FILE)
        detail = (
            f"The {CONFIG_FILE} of {self._commit.revision} ({self._commit.id[:10]}) is used; of guards the stricter."
        )
        return Diagnostic(DIFFERS, Severity.WARNING, f"not trusted: {text}", where, detail)

    def _refuse_own_catalog(self, url: str | None) -> None:
        """A catalog that the checkout brings could say anything about what was applied."""
        if url is None or not url.startswith(_SQLITE):
            return
        path = url.removeprefix(_SQLITE)
        place = absolute(self._root / path)
        folder = self._commit.checkout.folder
        real = place.resolve()
        if not (place.is_relative_to(folder) or real.is_relative_to(folder)):
            return
        # What is in a submodule is not listed in the commit.
        between = real.parents[: len(real.parents) - len(folder.parents) - 1] if real.is_relative_to(folder) else ()
        if (
            self._leads_elsewhere(path)
            or not real.is_relative_to(folder)
            or any(os.path.lexists(part / ".git") for part in between)
            or _Commit(self._commit.checkout, "HEAD", "HEAD").entries([os.path.relpath(real, self._root)])
        ):
            raise CommandLineError(f"--trust: the checkout brings the catalog {show(path)} along, so it is not read")

    def _placed(self, value: Any, backend: str) -> Any:
        """Return an option with the files that it names by a relative path taken from the trusted commit."""
        if isinstance(value, dict):
            return {key: self._placed(item, backend) for key, item in value.items()}
        if isinstance(value, list):
            return [self._placed(item, backend) for item in value]
        if not isinstance(value, str):
            return value
        if not SECRET_REFERENCE.fullmatch(value):
            return self._path(value, backend, required=False)
        kind, _, name = value[2:-1].partition(":")
        return value if kind == "env" else f"${{file:{self._path(name, backend, required=True)}}}"

    def _path(self, text: str, backend: str, *, required: bool) -> str:
        """Return where the file is that the relative path ``text`` names; any other text as it is.

        A path that the checkout has and the commit does not is not used, nor one on which the checkout has links.
        """
        if self._brings_links(text):
            self.withheld[backend] = f"the checkout brings links or submodules into {show(text)}"
        if not _is_relative(text):
            return text
        name = os.path.normpath(text)
        blob = self._entries.get(name)
        if blob is not None and blob.mode in _REGULAR:
            content = self._commit.file(name)
            self._compare(name, content)
            return _kept(content)
        there = self._root / name
        is_file = os.path.lexists(there) and not there.is_dir()
        if required or blob is not None or is_file or (os.path.lexists(there) and self._leads_elsewhere(name)):
            self.withheld[backend] = f"it names {show(text)}, which {self._commit.revision} does not have as a file"
        return text

    def _brings_links(self, text: str) -> bool:
        """Whether ``text`` is a folder into which the checkout brings ways out that the trusted commit does not have."""
        place, (checkout, commit, _) = absolute(self._root / text), self._commit
        if not place.is_relative_to(checkout.folder) or not os.path.isdir(place):  # noqa: PTH112 (never raises)
            return False
        below = [place.relative_to(checkout.folder).as_posix().removeprefix(".")]
        trusted, own = blobs(checkout, commit, below), blobs(checkout, "HEAD", below)
        if trusted is None or own is None:
            return True
        return any(blob.mode not in _REGULAR and trusted.get(path) != blob for path, blob in own.items())

    def _leads_elsewhere(self, name: str) -> bool:
        """Whether there is a link on the way to ``name`` in the checkout."""
        path, folder = absolute(self._root / name), self._commit.checkout.folder
        return any(
            part.is_symlink() for part in (path, *path.parents) if part != folder and part.is_relative_to(folder)
        )

    def _compare(self, name: str, content: bytes) -> None:
        try:
            same = read_regular(self._root / name, self._root) == content
        except UnreadableError:
            same = False
        if not same:
            self._other_files.append(name)


def _is_relative(text: str) -> bool:
    return 0 < len(text) < 1024 and "\0" not in text and "\n" not in text and not text.startswith(("/", "~"))


def _relative_names(value: Any) -> Iterator[str]:
    """Yield the relative paths that options could name, in the form that git has them."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _relative_names(item)
    if isinstance(value, str):
        text = value[2:-1].removeprefix("file:") if SECRET_REFERENCE.fullmatch(value) else value
        name = os.path.normpath(text) if _is_relative(text) else "."
        if name != ".":
            yield name


def _kept(content: bytes) -> str:
    """Return a path under which this process can read ``content`` as long as it lives, and nobody can change it."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("snapplan-trusted")
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        return f"/proc/self/fd/{descriptor}"
    with tempfile.NamedTemporaryFile(prefix="snapplan-", delete=False) as copy:
        copy.write(content)
    return copy.name


def _changes(before: Any, now: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Yield the places in which two configurations differ, with both values."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}):
            yield from _changes(before.get(key), now.get(key), (*path, key))
    elif before != now:
        yield path, before, now


def _sentence(path: tuple[str, ...], before: Any, now: Any) -> str:
    key = ".".join(path)
    if before is None:
        return f"{key} is added: {show(now)}"
    return f"{key} is removed" if now is None else f"{key} is {show(now)} instead of {show(before)}"
