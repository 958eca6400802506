from ui.charts.drawing import OCTOBER_DAYS, accepted, regions, words

from flyusage.ui.charts.picture import FOOT_PX, HEAD_PX, as_picture
from flyusage.ui.charts.rows import Canvas, TimeChart
from flyusage.ui.charts.theme import LIGHT
from flyusage.ui.charts.timeseries import stacked_area
from flyusage.ui.charts.units import DOLLARS
from flyusage.ui.charts.world_map import world_map

CANVAS = Canvas(LIGHT)


def test_a_picture_says_what_it_shows():
    figure = stacked_area(TimeChart(OCTOBER_DAYS, regions(3, OCTOBER_DAYS)), CANVAS, {})
    picture = accepted(as_picture(figure, CANVAS, title="Cost per day by region", subtitle="$2,547,699.98", note="list cost, UTC"))
    assert words(picture)[-3:] == ["Cost per day by region", "&#36;2,547,699.98", "list cost, UTC"]
    assert picture["layout"]["paper_bgcolor"] == LIGHT.surface


def test_the_plot_keeps_its_pixels_and_the_figure_its_layout():
    figure = stacked_area(TimeChart(OCTOBER_DAYS, regions(3, OCTOBER_DAYS)), CANVAS, {})
    before = figure["layout"]["height"]
    picture = as_picture(figure, CANVAS, title="Cost")["layout"]
    assert picture["height"] - HEAD_PX - FOOT_PX == before == figure["layout"]["height"]
    assert picture["margin"]["t"] == figure["layout"]["margin"]["t"] + HEAD_PX


def test_hostile_titles_are_literal_and_any_figure_will_do():
    picture = accepted(as_picture(world_map([], CANVAS, DOLLARS), CANVAS, title="<b>%{x}"))
    assert words(picture) == ["&lt;b&gt;&#37;&#123;x&#125;"]
