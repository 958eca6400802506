"""What a PATCH does to a group, with who joins and who leaves reckoned in one go.

The protocol's library copies a group for each operation, and asks each member whether it is meant. Directories that name a thousand people
of ten thousand, each by an operation of its own, would hold the server for minutes.
"""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from scim2_models import Error, PatchOp, PatchOperation, SCIMException

from flyusage.api.scim.resources import Group, Member

MOST_ASKED = 200_000  # members, times what asks each of them
FEWEST = 200  # for as many an operation stands, also where nobody is in the group, or of somebody alone
_PREFIX = f"(?:{re.escape(str(Group.__schema__))}:)?members"
_ALL = re.compile(_PREFIX, re.IGNORECASE)
_ONE = re.compile(_PREFIX + r'\[\s*value\s+eq\s+"([^"\\]+)"\s*\]', re.IGNORECASE)


def changed(group: Group, told: PatchOp[Group]) -> bool:
    """Do to `group` what is told, in its order, and whether that changed it. Raises what the library does, and 413 where it asks too much."""
    operations = told.operations or []
    steps = [_step(one) for one in operations]
    rest = [one for one, step in zip(operations, steps, strict=True) if step is None]
    before = {one.value: one for one in group.members or []}
    if any(_concerns_members(one) for one in rest):
        refuse_beyond(operations, len(before))
        return told.patch(group)
    after = dict(before)
    for joins, ids in (step for step in steps if step is not None):
        for one in ids:
            if joins:
                after.setdefault(one, Member.model_validate({"value": one}))
            else:
                after.pop(one, None)
    group.members = None  # what follows is no business of theirs, and looks at all there is
    refuse_beyond(rest)
    is_changed = bool(rest) and told.model_copy(update={"operations": rest}).patch(group)
    group.members = list(after.values()) or None
    return is_changed or before.keys() != after.keys()


def refuse_beyond(operations: Iterable[PatchOperation[Group]], members: int = 0) -> None:
    """Raises 413 for what the library would take minutes for."""
    asked = sum(1 + str(one.path or "").count(" ") // 3 + len(_listed_to_remove(one)) for one in operations)
    if asked * max(members, FEWEST) > MOST_ASKED:
        detail = "That is too much at once. Name people by `value`, each to add or to remove, or send fewer operations at a time."
        raise SCIMException.from_error(Error(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail=detail))


def _step(one: PatchOperation[Group]) -> tuple[bool, list[str]] | None:
    """Whether people join, and the users' ids; None for what is said in another way."""
    path = str(one.path or "")
    if one.op == PatchOperation.Op.remove and one.value is None and (found := _ONE.fullmatch(path)):
        return False, [found[1]]
    if one.op not in (PatchOperation.Op.add, PatchOperation.Op.remove) or one.value is None or not _ALL.fullmatch(path):
        return None
    ids = [_id_in(entry) for entry in (one.value if isinstance(one.value, list) else [one.value])]
    named = [found for found in ids if found]
    return (one.op == PatchOperation.Op.add, named) if named and len(named) == len(ids) else None


def _id_in(entry: Any) -> str | None:
    named = [value for key, value in entry.items() if str(key).casefold() == "value"] if isinstance(entry, dict) else []
    return named[0] if len(named) == 1 and isinstance(named[0], str) else None


def _concerns_members(one: PatchOperation[Group]) -> bool:
    paths: Iterable[Any] = [one.path] if one.path else one.value if isinstance(one.value, dict) else ()
    return any("members" in str(path).casefold() for path in paths)


def _listed_to_remove(one: PatchOperation[Group]) -> list[Any]:
    return one.value if one.op == PatchOperation.Op.remove and isinstance(one.value, list) else []
