"""Who joins and leaves a group by a PATCH: as the protocol's library would have it, in a fraction of its time."""

import random
import time
from typing import Any

import pytest
from scim2_models import Context, PatchOp, SCIMException

from flyusage.api.scim import joining
from flyusage.api.scim.resources import TOLERANT, Group

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def group_of(*ids: str) -> Group:
    return Group.model_validate({"displayName": "Staff", "members": [{"value": one} for one in ids]}, scim_ctx=None)


def told(*operations: dict[str, Any]) -> PatchOp[Group]:
    return PatchOp[Group].model_validate({"schemas": [PATCH], "Operations": operations}, scim_ctx=Context.RESOURCE_PATCH_REQUEST)


def an_operation(rng: random.Random) -> dict[str, Any]:
    one, others = rng.choice("abcdef"), [{"value": other, "display": "shown"} for other in rng.sample("abcdef", 2)]
    return rng.choice(
        [
            {"op": "Add", "path": "members", "value": others},
            {"op": "add", "path": "Members", "value": {"value": one}},
            {"op": "remove", "path": f'members[value eq "{one}"]'},
            {"op": "remove", "path": f'urn:ietf:params:scim:schemas:core:2.0:Group:members[value eq "{one}"]'},
            {"op": "Remove", "path": "members", "value": [{"value": one}]},
            {"op": "remove", "path": f'members[value eq "{one}" or value eq "f"]'},
            {"op": "replace", "path": "members", "value": others},
            {"op": "replace", "value": {"displayName": one}},
            {"op": "add", "value": {"members": [{"value": one}]}},
            {"op": "remove", "path": "members"},
            {"op": "replace", "path": "displayName", "value": "Staff"},
        ]
    )


def state(group: Group) -> tuple[str | None, set[str | None]]:
    return group.display_name, {one.value for one in group.members or []}


@pytest.mark.parametrize("seed", range(60))
def test_it_comes_to_what_the_library_says(seed: int) -> None:
    rng = random.Random(seed)
    begun = rng.sample("abcdef", rng.randint(0, 4))
    with TOLERANT:
        operations = told(*(an_operation(rng) for _ in range(rng.randint(1, 5))))
        ours, theirs = group_of(*begun), group_of(*begun)
        joining.changed(ours, operations)
        operations.patch(theirs)
    assert state(ours) == state(theirs)


@pytest.mark.parametrize("way", ["each by a path", "each by a value", "one list", "all at once"])
def test_a_thousand_of_ten_thousand_leave_in_moments(way: str) -> None:
    """By the library alone each operation takes longer than all of them may take here."""
    everybody = [f"user-{number}" for number in range(10_000)]
    leaving = everybody[:1000]
    operations = {
        "each by a path": [{"op": "remove", "path": f'members[value eq "{one}"]'} for one in leaving],
        "each by a value": [{"op": "Remove", "path": "members", "value": [{"value": one}]} for one in leaving],
        "one list": [{"op": "Remove", "path": "members", "value": [{"value": one} for one in leaving]}],
        "all at once": [
            {"op": "add", "path": "members", "value": {"value": "new"}},
            *({"op": "remove", "path": f'members[value eq "{one}"]'} for one in leaving),
            {"op": "replace", "value": {"displayName": "Others"}},
        ],
    }[way]
    group = group_of(*everybody)
    with TOLERANT:
        patch = told(*operations)
        began = time.process_time()
        assert joining.changed(group, patch)
        took_s = time.process_time() - began
    assert len(group.members or []) == 9000 + (way == "all at once")
    assert took_s < 0.5


@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "replace", "path": "displayName", "value": f"{number}"} for number in range(1001)],
        [{"op": "remove", "path": 'members[value eq "a" or value eq "b"]'}] * 101,
        [{"op": "remove", "path": "members[" + " or ".join(f'value eq "{number}"' for number in range(200)) + "]"}],
        [{"op": "Remove", "path": "members", "value": [{"$ref": f"Users/{number}"} for number in range(200)]}],
    ],
    ids=["many", "many that ask members", "one that asks much", "a list by address"],
)
def test_what_would_take_minutes_is_refused_and_changes_nothing(operations: list[dict[str, Any]]) -> None:
    group = group_of(*(f"user-{number}" for number in range(2000)))
    with TOLERANT, pytest.raises(SCIMException) as refused:
        joining.changed(group, told(*operations))
    assert refused.value.status == 413
