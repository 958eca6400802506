"""What a browser sends as a choice of apps, whatever it is."""

import pytest

from flyusage.ui.components.app_choice import LONGEST_CHOICE, apps_chosen


@pytest.mark.parametrize(
    ("written", "chosen"),
    [
        ("", None), ("3", {3}), ("3,12,3", {3, 12}), ("none", set()), ("all", set()), ("3,x,-1,1.5,٣", {3}), ("9" * 12, set()),
        ("1," * LONGEST_CHOICE, set()), (None, set()), (7, set()), ([3], set()), ({"apps": "3"}, set()),
    ],
)  # fmt: skip
def test_what_is_no_choice_is_no_app_and_never_all(written: object, chosen: set[int] | None):
    assert apps_chosen(written) == chosen
