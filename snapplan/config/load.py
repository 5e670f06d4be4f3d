"""From files to a policy: find them, read them, merge them, check them, fill in the defaults.

Nothing here raises for what a person can write into a file, or for a file that cannot be read: it is a diagnostic.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.collector import collection_paused
from snapplan.config import structure
from snapplan.config.check import check
from snapplan.config.checked import Checked
from snapplan.config.config_file import CONFIG, CONFIG_FILE, read_config
from snapplan.config.defaults import complete
from snapplan.config.explain import begin_suggestions
from snapplan.config.files import absolute, find_root, is_missing, parsed, read_source
from snapplan.config.include import DEFAULT_INCLUDE, included
from snapplan.config.source import Findings, Places, Source
from snapplan.config.yaml import MAX_TOTAL_BYTES
from snapplan.models.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from snapplan.config.yaml import Path as KeyPath
    from snapplan.diagnostics import Diagnostic
    from snapplan.models.policy import ConfigFile

__all__ = ["Loaded", "find_root", "load_file", "load_repository"]


class Loaded(NamedTuple):
    """What a policy repository says.

    ``policy`` is ``None`` when ``diagnostics`` hold an error. ``contents`` are the files that were read, by their names
    relative to the repository.
    """

    policy: Policy | None
    diagnostics: list[Diagnostic]
    contents: Mapping[str, bytes]

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files that were read."""
        return tuple(self.contents)


class Instead(NamedTuple):
    """What counts instead of the ``snapplan.yaml`` of a repository: another one, and how it is adjusted."""

    name: str
    content: bytes
    adjust: Callable[[ConfigFile], ConfigFile]


def load_repository(root: Path, *, may_be_empty: bool = False, instead: Instead | None = None) -> Loaded:
    """Load the policy repository at ``root``, the folder that holds ``snapplan.yaml``.

    A repository without policy files is an error, unless it ``may_be_empty`` as before the first one is written.
    """
    with collection_paused():
        loading = _Loading(root)
        if instead is None:
            loading.read_config(root / CONFIG_FILE, CONFIG_FILE)
        else:
            loading.take_instead(instead)
        include = loading.config.include if loading.config is not None else DEFAULT_INCLUDE
        paths = included(root, include, loading.findings)
        if loading.config is not None and not paths and not may_be_empty:
            loading.no_policy_file()
        for path in paths:
            loading.read_policy(path, path.relative_to(root).as_posix())
        return loading.finish()


def load_file(path: Path) -> Loaded:
    """Load one file: a policy file with the ``snapplan.yaml`` above it but without its siblings, or a ``snapplan.yaml``.

    A file that has ``version`` or ``backends`` is taken for the latter and is checked alone, whatever its name.
    """
    with collection_paused():
        root = find_root(path.parent)
        loading = _Loading(root or path.parent)
        name = _relative(path, root)
        source = read_source(path, name, loading.findings, inside=loading.root)
        if source is None:
            return loading.finish()
        data = source.document.data
        if path.name == CONFIG_FILE or (isinstance(data, dict) and not data.keys().isdisjoint(("version", "backends"))):
            loading.take_config(source)
        else:
            if root is not None:
                loading.read_config(root / CONFIG_FILE, CONFIG_FILE)
            else:
                loading.missing_config(name)
            loading.alone = True
            loading.take_policy(source)
        return loading.finish()


class _Loading:
    """The files read so far."""

    def __init__(self, root: Path) -> None:
        begin_suggestions()
        self.root = root
        self.entries = structure.empty()
        self.findings = Findings(self.find)
        self.config: ConfigFile | None = None
        self.config_source: Source | None = None
        self.sources: list[Source] = []
        self.complete = True
        self.alone = False

    def find(self, path: KeyPath) -> tuple[Source, KeyPath] | None:
        """Return the file that holds ``path``, and the path within it."""
        if path and path[0] == CONFIG:
            return (self.config_source, path[1:]) if self.config_source is not None else None
        return self.entries.find(path)

    def read_config(self, path: Path, name: str) -> None:
        """Read the configuration; the policy files are checked even where it cannot be read."""
        if is_missing(path):
            self.missing_config(name)
        elif (source := read_source(path, name, self.findings, inside=self.root)) is not None:
            self.take_config(source)

    def missing_config(self, name: str) -> None:
        """Say that there is no configuration."""
        hint = "run snapplan init, or say where the policy repository is with -C"
        self.findings.about_path("SP115", name, f"there is no {CONFIG_FILE} here or above", hint=hint)

    def take_config(self, source: Source) -> None:
        """Take a file as the configuration."""
        self.sources.append(source)
        self.config_source = source
        self.config = read_config(source, self.findings)

    def take_instead(self, instead: Instead) -> None:
        """Take another configuration than the repository's."""
        self.take_config(parsed(instead.content, instead.name, self.findings))
        if self.config is not None and not self.findings.failed:
            self.config = instead.adjust(self.config)

    def read_policy(self, path: Path, name: str) -> None:
        """Read a policy file and take it."""
        source = read_source(path, name, self.findings, inside=self.root) if self.has_room(name) else None
        if source is None:
            self.complete = False
        else:
            self.take_policy(source)

    def has_room(self, name: str) -> bool:
        """Whether the files read so far leave room for another one; once they do not, that is an error."""
        if sum(len(source.content) for source in self.sources) <= MAX_TOTAL_BYTES:
            return True
        if self.complete:
            summary = f"the policy files hold more than {MAX_TOTAL_BYTES // 1024**2} MiB in all"
            self.findings.about_path("SP103", name, summary, hint="select targets by globs or tags")
        return False

    def no_policy_file(self) -> None:
        """Say that a repository without policy files would end all protection."""
        hint = "write policies/main.yaml; snapplan init writes one"
        self.findings.about_path("SP114", CONFIG_FILE, "there is no policy file, so nothing is protected", hint=hint)

    def take_policy(self, source: Source) -> None:
        """Take a policy file."""
        self.sources.append(source)
        self.complete = self.complete and source.document.complete
        structure.read_sections(source, self.entries, self.findings)

    def finish(self) -> Loaded:
        """Check what was read, and make the policy if it has no errors."""
        contents = {source.name: source.content for source in self.sources}
        check(Checked(self.config, self.entries, self.findings, self.complete, self.alone))
        policy = None if self.findings.failed or self.config is None else self.policy(self.config)
        return Loaded(policy, self.findings.sorted(), contents)

    def policy(self, config: ConfigFile) -> Policy:
        """Return the policy, with the defaults filled in."""
        sections: dict[str, Any] = dict(self.entries.sections)
        sections["profiles"] = complete(sections["profiles"], config.defaults)
        moved = tuple(self.entries.moved.values())
        return Policy(config=config, **sections, moved=moved, where=Places(self.find, self.paths))

    def paths(self) -> Iterator[KeyPath]:
        """Yield the path of every key of every file."""
        in_config = self.config_source.document.marks if self.config_source is not None else ()
        return chain(((CONFIG, *path) for path in in_config), self._policy_paths())

    def _policy_paths(self) -> Iterator[KeyPath]:
        indexes = {
            (id(source), key): name
            for (section, name), (source, key) in self.entries.owners.items()
            if section == structure.MOVED
        }
        for source in self.sources:
            if source is self.config_source:
                continue
            for path in source.document.marks:
                if path[0] == structure.MOVED and len(path) > 1:
                    yield (path[0], indexes[id(source), path[1]], *path[2:])
                elif len(path) > 1:
                    yield path


def _relative(path: Path, root: Path | None) -> str:
    if root is not None and (whole := absolute(path)).is_relative_to(root):
        return whole.relative_to(root).as_posix()
    return path.as_posix()
