import math
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyusage.ui.charts.palette import SLOTS, assign_slots, colour_of, slots_for_view, wash_of
from flyusage.ui.charts.theme import DARK, LIGHT, Theme

# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
VISION = {
    "full": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
D65 = (0.95047, 1.0, 1.08883)
SRGB_TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
THEMES = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])


def linear(colour: str) -> list[float]:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]


def times(matrix, vector) -> list[float]:
    return [sum(weight * value for weight, value in zip(row, vector, strict=True)) for row in matrix]


def lab(rgb: list[float]) -> tuple[float, float, float]:
    xyz = times(SRGB_TO_XYZ, [min(1.0, max(0.0, value)) for value in rgb])
    x, y, z = (
        ratio ** (1 / 3) if ratio > 216 / 24389 else (24389 / 27 * ratio + 16) / 116
        for ratio in (value / white for value, white in zip(xyz, D65, strict=True))
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def cie76(one: str, other: str, vision: str = "full") -> float:
    return math.dist(lab(times(VISION[vision], linear(one))), lab(times(VISION[vision], linear(other))))


def contrast(one: str, other: str) -> float:
    dark, light = sorted(times(SRGB_TO_XYZ, linear(colour))[1] for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def test_cie76_of_known_colours():
    # Lab of sRGB red is (53.24, 80.09, 67.20), of black (0, 0, 0): their distance is 117.3.
    assert lab(linear("#ff0000")) == pytest.approx((53.24, 80.09, 67.20), abs=0.02)
    assert cie76("#ff0000", "#000000") == pytest.approx(117.3, abs=0.1)


@THEMES
@pytest.mark.parametrize("vision", VISION)
def test_any_two_of_the_ten_can_be_told_apart(theme: Theme, vision: str):
    closest = min(combinations(theme.series, 2), key=lambda pair: cie76(*pair, vision))
    assert cie76(*closest, vision) >= 10, closest


@THEMES
def test_other_and_the_card_are_no_series(theme: Theme):
    assert all(cie76(colour, theme.other) >= 10 and cie76(colour, theme.surface) >= 10 for colour in theme.series)


@THEMES
def test_a_tint_is_neither_its_colour_nor_the_card(theme: Theme):
    for slot in range(10, SLOTS):
        tint = colour_of(slot, theme)
        assert cie76(tint, colour_of(slot - 10, theme)) >= 10
        assert cie76(tint, theme.surface) >= 10


@THEMES
def test_ink_is_readable_on_every_wash(theme: Theme):
    assert all(contrast(theme.ink, wash_of(slot, theme)) >= 4.5 for slot in (None, *range(SLOTS)))


def test_ranking_decides_the_slots_and_the_rest_gets_none():
    slots = assign_slots([f"app_{rank}" for rank in range(30)])
    assert slots == {f"app_{rank}": rank for rank in range(20)}


def test_swapped_ranks_do_not_swap_colours():
    september = assign_slots(["gru", "sin", "fra"])
    assert assign_slots(["sin", "gru", "fra"], september) == september


def test_a_newcomer_takes_the_slot_that_came_free():
    september = assign_slots(["gru", "sin", "fra"])  # 0, 1, 2
    assert assign_slots(["gru", "nrt", "fra"], september) == {"gru": 0, "fra": 2, "nrt": 1}


def test_who_rises_into_the_ten_leaves_the_tints():
    september = assign_slots([f"app_{rank}" for rank in range(12)])  # app_11 has slot 11
    october = assign_slots(["app_11", *(f"app_{rank}" for rank in range(11))], september)
    assert october["app_11"] == 9  # app_9 fell to rank 11, its slot came free
    assert october["app_9"] in range(10, 20)


def test_a_view_keeps_assigned_slots_and_lends_free_ones():
    assigned = {"gru": 0, "sin": 1, "fra": 2}
    assert slots_for_view(assigned, ["fra", "new", "gru"]) == {"fra": 2, "gru": 0, "new": 1}


def test_a_view_of_more_than_twenty_leaves_the_rest_grey():
    slots = slots_for_view({}, [str(rank) for rank in range(25)])
    assert len(slots) == 20
    assert colour_of(slots.get("24"), LIGHT) == LIGHT.other


@given(
    st.lists(st.text(max_size=3), unique=True, max_size=40),
    st.lists(st.text(max_size=3), unique=True, max_size=40),
    st.lists(st.text(max_size=3), unique=True, max_size=40),
)
def test_no_two_series_of_a_view_share_a_slot(september: list[str], october: list[str], shown: list[str]):
    assigned = assign_slots(october, assign_slots(september))
    assert set(assigned) == set(october[:20])
    assert len(set(assigned.values())) == len(assigned)
    slots = slots_for_view(assigned, shown)
    assert len(set(slots.values())) == len(slots)
    assert all(slots[key] == assigned[key] for key in shown if key in assigned)
    assert len(slots) == min(len(shown), 20) or len(shown) > 20
