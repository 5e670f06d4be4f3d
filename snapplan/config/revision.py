"""Which git commit the policy files are from, whether they differ from it, and which of two commits is older."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, NamedTuple

from snapplan.config.checkout import Checkout, CheckoutError, find_checkout, read
from snapplan.config.config_file import CONFIG_FILE
from snapplan.config.include import literal_folders, names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_LINK, _MODULE = "120000", "160000"


class Revision(NamedTuple):
    """``commit`` is the full id of HEAD; ``dirty`` says that a file the policy is made of differs from it.

    ``None``: unknown; ``unreadable`` says why where there is a checkout that cannot be read.
    """

    commit: str | None
    dirty: bool | None
    unreadable: str = ""


class Blob(NamedTuple):
    """A file of a commit: its mode, such as ``100644`` or ``120000`` (a link), and the id of its content."""

    mode: str
    id: str


def revision(root: Path, files: Mapping[str, bytes], include: Sequence[str]) -> Revision:
    """Return the revision of the policy repository at ``root``: ``files`` as they were read, found by ``include``.

    Other files of the repository do not count. What differs in line ends only is the same. Nothing is written, and
    nothing that the repository names is started: contents are compared by us, as git would run its filters.
    """
    try:
        checkout = find_checkout(root)
    except CheckoutError as error:
        return Revision(None, None, str(error))
    if checkout is None:
        return Revision(None, None)
    commit = commit_of(checkout, "HEAD")
    if commit is None:
        works = read(checkout, "rev-parse", "--is-bare-repository") is not None
        return Revision(None, None, "" if works else f"git cannot read {checkout.git_dir}")
    return Revision(commit, _is_dirty(checkout, commit, root, files, include))


def commit_of(checkout: Checkout, name: str) -> str | None:
    """Return the full id of the commit called ``name``; ``None`` where there is none."""
    said = read(checkout, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    text = said.decode("ascii", "replace").strip() if said is not None else ""
    return text if COMMIT.fullmatch(text) else None


def content_of(checkout: Checkout, blob: Blob) -> bytes | None:
    """Return the content of a file in git; ``None`` where git does not give just that."""
    content = read(checkout, "cat-file", "blob", blob.id)
    return content if content is not None and is_blob(content, blob) else None


def named_commit(checkout: Checkout, name: str) -> str | None:
    """Return the full id of the one commit that a person can mean by ``name``; ``None`` where there is none.

    A branch, a tag, a branch of a remote, a full id, ``HEAD`` or ``FETCH_HEAD``, with any ``^`` and ``~``. No shortened
    id: a commit that begins with any seven or eight digits is soon made, and counts where the right one was not fetched.
    Raises ``AmbiguousError`` where these are several: git would take the tag, and who may push one could choose.
    """
    base, steps = re.fullmatch(r"(.*?)((?:[~^][0-9]*)*)", name, re.DOTALL).groups()  # type: ignore[union-attr]
    if COMMIT.fullmatch(base) or base in ("HEAD", "FETCH_HEAD"):
        found = {base}
    else:
        places = ["{}"] if base.startswith("refs/") else ["refs/heads/{}", "refs/tags/{}", "refs/remotes/{}"]
        named = {place.format(base) for place in places}
        found = {ref for ref in named if commit_of(checkout, ref) is not None}
    commits = {commit_of(checkout, ref) for ref in found}
    if len(commits) > 1:
        raise AmbiguousError(sorted(found))
    commit = next(iter(commits), None)
    return commit_of(checkout, commit + steps) if commit is not None else None


class AmbiguousError(Exception):
    """A name means several commits; ``meanings`` are what it could be."""

    def __init__(self, meanings: Sequence[str]) -> None:
        super().__init__(", ".join(meanings))
        self.meanings = tuple(meanings)


def blobs(checkout: Checkout, commit: str, paths: Sequence[str]) -> dict[str, Blob] | None:
    """Return the files at and below ``paths`` of a commit, by their path from its top; ``None`` where git fails."""
    below = [path for path in paths if path]
    said = read(
        checkout, "ls-tree", "-r", "-z", "--full-tree", commit, "--", *(below if len(below) == len(paths) else ())
    )
    if said is None:
        return None
    rows = (row.split("\t", 1) for row in os.fsdecode(said).split("\0") if row)
    return {path: Blob(*kind.split(" ")[::2]) for kind, path in rows}


def is_blob(content: bytes, blob: Blob) -> bool:
    """Whether ``content`` is that of a file in git, as it is or with the line ends of Windows."""
    kind = "sha256" if len(blob.id) == 64 else "sha1"
    return any(
        hashlib.new(kind, b"blob %d\0%b" % (len(text), text), usedforsecurity=False).hexdigest() == blob.id
        for text in dict.fromkeys((content, content.replace(b"\r\n", b"\n")))
    )


def _is_dirty(
    checkout: Checkout, commit: str, root: Path, files: Mapping[str, bytes], include: Sequence[str]
) -> bool | None:
    folders = [checkout.inside(name) for name in (CONFIG_FILE, *literal_folders(include))]
    found = blobs(checkout, commit, folders)
    if found is None:
        return None
    below = f"{checkout.prefix}/" if checkout.prefix else ""
    inner = {path.removeprefix(below): blob for path, blob in found.items() if path.startswith(below)}
    expected = {
        name: blob
        for name, blob in inner.items()
        if blob.mode != _MODULE and (name == CONFIG_FILE or names(include, name))
    }
    if expected.keys() != files.keys():
        return True
    links = {name for name, blob in expected.items() if blob.mode == _LINK}
    if any(not is_blob(files[name], blob) for name, blob in expected.items() if name not in links):
        return True
    return _links_differ(checkout, commit, {name: root / name for name in links}, files) if links else False


def _links_differ(
    checkout: Checkout, commit: str, links: Mapping[str, Path], files: Mapping[str, bytes]
) -> bool | None:
    """Whether what links lead to differs from the commit."""
    try:
        targets = {
            name: path.resolve(strict=True).relative_to(checkout.folder).as_posix() for name, path in links.items()
        }
    except (OSError, RuntimeError, ValueError):
        return True
    found = blobs(checkout, commit, list(targets.values()))
    if found is None:
        return None
    return any(target not in found or not is_blob(files[name], found[target]) for name, target in targets.items())


def is_older(checkout: Checkout, commit: str, applied: str) -> bool | None:
    """Whether ``commit`` is an ancestor of the other commit ``applied``; ``None`` where git cannot tell.

    It cannot in a clone without that part of the history, and not of what is no commit's full id.
    """
    if not (COMMIT.fullmatch(commit) and COMMIT.fullmatch(applied)) or commit == applied:
        return None
    if read(checkout, "merge-base", "--is-ancestor", commit, applied) is not None:
        return True
    known = commit_of(checkout, applied) is not None and commit_of(checkout, commit) is not None
    if not known or read(checkout, "merge-base", "--is-ancestor", applied, commit) is not None:
        return False if known else None
    shallow = read(checkout, "rev-parse", "--is-shallow-repository")
    return None if shallow is None or shallow.strip() == b"true" else False
