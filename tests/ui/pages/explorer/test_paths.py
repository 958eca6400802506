"""Ways through the explorer: down to a machine, up again, and around."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from flyusage.periods import Period
from flyusage.pricing.urls import view_from_query
from flyusage.pricing.view import Chart, Dimension, Filter, Measure, View
from flyusage.ui.pages.explorer.paths import Place, below, trail, with_filter

OCTOBER = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
NOW = datetime(2026, 11, 15, tzinfo=UTC)


def place(**changes: object) -> Place:
    return Place("prism", View(**{"measure": Measure.LIST_COST, "period": OCTOBER, **changes}))


def view_at(href: str) -> View:
    query = {key: values[-1] for key, values in parse_qs(urlsplit(href).query).items()}
    return view_from_query(query, now=NOW, history=OCTOBER)[0]


def test_the_way_down_goes_from_continent_to_machine_page():
    where = place(group_by=Dimension.CONTINENT)
    for value, expected in (
        ("Europe", Dimension.REGION),
        ("fra", Dimension.APP),
        ("app_22", Dimension.VM_SIZE),
        ("performance-1x", Dimension.MACHINE),
    ):
        where = Place("prism", view_at(where.down(value)))
        assert where.view.group_by is expected
    assert where.down("00047e041e04c9") == "/orgs/prism/machines/00047e041e04c9?month=2026-10"
    assert [one.values for one in trail(where.view.filters)] == [
        ("Europe",),
        ("fra",),
        ("app_22",),
        ("performance-1x",),
    ]


def test_a_machine_is_shown_in_the_month_and_the_zone_it_was_found_in():
    assert place(zone_minutes=330).machine("web/1") == "/orgs/prism/machines/web%2F1?month=2026-10&zone=05:30"
    longer = Period(OCTOBER.start, datetime(2026, 11, 2, tzinfo=UTC))
    assert place(period=longer, zone_minutes=-180).machine("web-1") == "/orgs/prism/machines/web-1?zone=-03:00"
    assert place(period=longer).machine("web-1") == "/orgs/prism/machines/web-1"


def test_a_cost_centre_leads_to_its_apps():
    assert view_at(place(group_by=Dimension.COST_CENTRE).down("Search")).group_by is Dimension.APP


def test_a_way_down_skips_what_is_already_one_value():
    filters = (Filter(Dimension.APP, ("app_22",)),)
    assert below(Dimension.REGION, filters) is Dimension.VM_SIZE


def test_hostile_names_survive_the_address():
    name = '=cmd|"/C calc"!A1, <b>&?#%{y} ‮'
    where = place(group_by=Dimension.APP)
    assert view_at(where.down(name)).filters == (Filter(Dimension.APP, (name,)),)
    assert view_at(where.toggled(Dimension.APP, name, excludes=True)).filters == (Filter(Dimension.APP, (name,), True),)


def test_a_map_shows_regions_and_leaves_with_the_way_down():
    shown = view_at(place(group_by=Dimension.APP).drawn(Chart.MAP))
    assert (shown.chart, shown.group_by) == (Chart.MAP, Dimension.REGION)
    assert view_at(Place("prism", shown).down("fra")).chart is Chart.AREA


def test_toggling_the_last_value_takes_the_filter_away():
    filters = with_filter((), Dimension.REGION, ("fra",))
    where = place(filters=filters)
    assert view_at(where.toggled(Dimension.REGION, "fra", excludes=False)).filters == ()
