import re

import pytest
from ui.charts.drawing import accepted, by_uid, wire_bytes, words

from flyusage.ui.charts.land import LAND_PATH
from flyusage.ui.charts.rows import Canvas, RegionSpend
from flyusage.ui.charts.theme import LIGHT
from flyusage.ui.charts.units import DOLLARS
from flyusage.ui.charts.world_map import UNITS, WORLD, project, window_of, world_map

GRU = RegionSpend("gru", "Sao Paulo, Brazil", -23.4356, -46.4731, 400.0, "$400.00")
FRA = RegionSpend("fra", "Frankfurt, Germany", 50.0264, 8.5431, 300.0, "$300.00")
AMS = RegionSpend("ams", "Amsterdam, Netherlands", 52.3086, 4.7639, 100.0, "$100.00")
SYD = RegionSpend("syd", "Sydney, Australia", -33.9461, 151.177, 100.0, "$100.00")
CANVAS = Canvas(LIGHT, width_px=500, height_px=260)


def test_the_projection_of_known_places():
    assert project(0, 0) == (0, 0)
    assert project(0, 180) == pytest.approx((1000, 0))
    # PROJ's own test of +proj=natearth: 2° east, 1° north on a sphere of 6,400 km.
    metres = 6_400_000 / UNITS
    x, y = project(1, 2)
    assert x * metres == pytest.approx(194507.265257889)
    assert y * metres == pytest.approx(112508.737358295)


def test_area_is_dollars():
    figure = world_map([GRU, SYD], CANVAS, DOLLARS)
    sizes = {uid: trace["marker"]["size"] for uid, trace in by_uid(figure).items()}
    assert sizes["gru"] / sizes["syd"] == pytest.approx(2, abs=0.02)  # $400 : $100, so the diameters are 2 : 1


def test_bubbles_that_hide_each_other_merge_with_a_count():
    figure = accepted(world_map([GRU, FRA, AMS, SYD], CANVAS, DOLLARS))
    assert sorted(by_uid(figure)) == ["fra", "gru", "syd"]
    merged = by_uid(figure)["fra"]
    assert merged["customdata"] == [["fra", "ams"]]
    assert merged["text"] == ["fra + 1"]
    assert merged["hovertemplate"].startswith("$300.00  Frankfurt, Germany<br>$100.00  Amsterdam")


def test_zooming_in_spreads_them():
    window = window_of([FRA, AMS], CANVAS)
    figure = world_map([GRU, FRA, AMS, SYD], CANVAS, DOLLARS, window)
    assert {"fra", "ams"} <= set(by_uid(figure))
    assert window.left < project(AMS.latitude, AMS.longitude)[0] < window.right


def test_the_merged_bubble_has_the_area_of_its_sum():
    sizes = {uid: trace["marker"]["size"] for uid, trace in by_uid(world_map([GRU, FRA, AMS], CANVAS, DOLLARS)).items()}
    assert sizes["fra"] == pytest.approx(sizes["gru"], abs=0.1)  # 300 + 100 = 400


def test_the_key_shows_round_amounts():
    assert words(world_map([GRU], CANVAS, DOLLARS)) == ["$300", "$100"]


def test_regions_without_spend_are_left_out():
    idle = RegionSpend("nrt", "Tokyo", 35.7, 140.3, 0.0, "$0.00")
    assert list(by_uid(world_map([GRU, idle], CANVAS, DOLLARS))) == ["gru"]


def test_a_map_of_nothing_is_still_a_map():
    figure = accepted(world_map([], CANVAS, DOLLARS))
    assert figure["data"] == []
    assert len(figure["layout"]["shapes"]) == 1


def test_a_phone_shows_the_part_with_regions():
    phone = world_map([FRA, AMS], Canvas(width_px=340, height_px=200), DOLLARS)["layout"]["xaxis"]["range"]
    assert phone[1] - phone[0] < WORLD.right - WORLD.left


def test_the_coast_is_a_path_inside_the_map():
    assert re.fullmatch(r"(M-?\d+,-?\d+(L-?\d+,-?\d+)+Z)+", LAND_PATH)
    xs = [int(x) for x in re.findall(r"[ML](-?\d+),", LAND_PATH)]
    assert min(xs) >= -1000
    assert max(xs) <= 1000


def test_hostile_region_names_are_literal():
    evil = RegionSpend("<b>", "<b>%{x}", 0, 0, 1.0, "$1.00")
    trace = world_map([evil], CANVAS, DOLLARS)["data"][0]
    assert trace["hovertemplate"] == "$1.00  &lt;b&gt;&#37;&#123;x&#125;<extra></extra>"
    assert trace["uid"] == "·3Cb·3E"


def test_it_fits_the_wire():
    assert wire_bytes(world_map([GRU, FRA, AMS, SYD], CANVAS, DOLLARS)) < 32_000
