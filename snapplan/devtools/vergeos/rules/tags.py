"""Tag members: a tag on a VM, a tenant or a volume, if the tag's category allows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.devtools.vergeos.refusal import Refusal, fails_validation, no_such_reference
from snapplan.devtools.vergeos.rules.values import as_key

if TYPE_CHECKING:
    from snapplan.devtools.vergeos.rules.system import System
    from snapplan.devtools.vergeos.tables.shape import Row


def check_member(system: System, row: Row) -> Row:
    """Return the row of a new assignment; raises Refusal when its object is missing or may not have the tag."""
    table, _, key = str(row["member"]).partition("/")
    if table not in system.tables or not key:
        raise fails_validation("member")
    if system.row(table, as_key(system, table, key)) is None:
        raise no_such_reference("member")
    tag = system.row("tags", row["tag"])
    category = None if tag is None else system.row("tag_categories", tag["category"])
    assert category is not None
    if not category.get(f"taggable_{table}"):
        raise Refusal(422, f"Tag category '{category['name']}' cannot be used for {table}")
    if category["single_tag_selection"]:
        for other in system.store.find("tag_members", member=row["member"]):
            taken = system.row("tags", other["tag"])
            if taken is not None and taken["category"] == category["$key"] and taken["$key"] != row["tag"]:
                raise Refusal(422, f"Only one tag of category '{category['name']}' can be assigned")
    return row
