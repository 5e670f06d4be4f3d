"""A tree as text: a repository of an older snapplan as ``tests/fixtures/`` keeps it, with what git would not (times).

``tree.jsonl`` holds one line per entry: path, type, mode, time of writing, text or link. ``catalog.sql`` is the catalog as
statements. What depends on the place and the user that the fixture was made by stands as ``@ROOT@``, ``@UID@``, ``@GID@``.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

ROOT = "@ROOT@"
CATALOG = "catalog.db"
PRAGMAS = ("application_id", "user_version")


def pack(root: Path, fixture: Path) -> None:
    """Write the tree below ``root`` into the folder ``fixture``."""
    rows = [_row(path, root) for path in sorted(root.rglob("*")) if not path.name.startswith(CATALOG)]
    (fixture / "tree.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    catalog = sqlite3.connect(root / CATALOG)
    lines = [f"PRAGMA {name} = {catalog.execute(f'PRAGMA {name}').fetchone()[0]};" for name in PRAGMAS]
    text = "\n".join([*lines, *catalog.iterdump()]) + "\n"
    catalog.close()
    (fixture / "catalog.sql").write_text(text.replace(str(root), ROOT))


def unpack(fixture: Path, root: Path) -> None:
    """Make the tree of ``fixture`` in the new folder ``root``, as if it had been made there by this user."""
    root.mkdir(parents=True)
    rows = [json.loads(line) for line in (fixture / "tree.jsonl").read_text().splitlines()]
    for row in rows:
        path = root / row["path"]
        if row["type"] == "directory":
            path.mkdir()
        elif row["type"] == "symlink":
            path.symlink_to(_here(row["text"], root))
        else:
            path.write_text(_here(row["text"], root))
    for row in reversed(rows):
        path = root / row["path"]
        if row["type"] != "symlink":
            path.chmod(int(row["mode"], 8))
        os.utime(path, ns=(row["mtime_ns"], row["mtime_ns"]), follow_symlinks=False)
    catalog = sqlite3.connect(root / CATALOG, isolation_level=None)
    catalog.executescript(_here((fixture / "catalog.sql").read_text(), root))
    catalog.close()
    (root / CATALOG).chmod(0o600)


def _row(path: Path, root: Path) -> dict[str, Any]:
    status = path.lstat()
    row: dict[str, Any] = {
        "path": str(path.relative_to(root)),
        "type": {stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFREG: "file"}[stat.S_IFMT(status.st_mode)],
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
        "mtime_ns": status.st_mtime_ns,
    }
    if row["type"] == "symlink":
        row["text"] = os.readlink(path).replace(str(root), ROOT)
    elif row["type"] == "file":
        text = path.read_text().replace(str(root), ROOT)
        if path.name == "manifest.jsonl":
            text = text.replace(f'"uid":{status.st_uid},"gid":{status.st_gid}', '"uid":@UID@,"gid":@GID@')
        row["text"] = text
    return row


def _here(text: str, root: Path) -> str:
    return text.replace(ROOT, str(root)).replace("@UID@", str(os.getuid())).replace("@GID@", str(os.getgid()))
