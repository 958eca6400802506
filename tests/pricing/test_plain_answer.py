"""An answer's JSON against its CSV, digit by digit: every column of both adds up to its total, at twelve decimals."""

import csv
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from billing_world import take_in, volume
from factories import started, stopped

from flyusage import clock, db
from flyusage.periods import Period
from flyusage.pricing.explorer import explore
from flyusage.pricing.export import csv_lines
from flyusage.pricing.plain_answer import series_plain
from flyusage.pricing.view import Answer, Comparison, Dimension, Granularity, Measure, Series, Totals, View

OCTOBER = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
THIRD = Fraction(1, 3)


def answer(*names: str, measure: Measure = Measure.EGRESS_GB) -> Answer:
    """Each value a third of everything: rounded by itself, three of them would miss their total by 1e-12."""
    of = Fraction(len(names), 3)
    series = tuple(Series(name, name, THIRD, previous_total=2 * THIRD, list_cost=THIRD, machine_hours=2 * THIRD) for name in names)
    totals = Totals(of, 2 * of, of, of, None, len(names), 1, 1, ())
    end = OCTOBER.end
    view = View(measure, OCTOBER, Dimension.APP)
    return Answer(view, Granularity.DAY, "USD", end, end, (), series, (), of, 2 * of, None, totals, None, None)


def test_json_has_the_digits_of_the_csv():
    """1/3 three times is 0.333333333334, …333, …333: the first takes what rounding leaves; 2/3 is …667, …667, …666."""
    told = series_plain(answer("a", "b", "c"))
    assert [(one["total"][-3:], one["list_cost"][-3:], one["previous_total"][-3:], one["machine_hours"][-3:]) for one in told] == [
        ("334", "334", "667", "667"), ("333", "333", "667", "667"), ("333", "333", "666", "666"),
    ]  # fmt: skip
    rows = [row for row in csv.reader(csv_lines(answer("a", "b", "c"))) if row[0] in ("a", "b", "c")]
    columns = ("key", "label", "total", "previous_total", "list_cost", "machine_hours")
    assert rows == [[one[name] for name in columns] for one in told]


def test_only_lines_about_the_numbers_begin_with_a_number_sign():
    """Readers are told to pass over those (pandas: comment="#", which cuts unquoted fields, too)."""
    lines = list(csv_lines(answer("#general", "c#", "plain")))
    about = [one for one in lines if one.startswith("#")]
    assert [one.split(",")[0] for one in about] == ["# measure", "# unit", "# from", "# to", "# time zone", "# as of", "# rolled through"]
    assert [next(csv.reader([one]))[0] for one in lines[len(about) + 1 : -1]] == ["#general", "c#", "plain"]
    assert [one[0] for one in lines[len(about) + 1 : -1]] == ['"', '"', "p"]


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("measure", [Measure.VOLUME_GB, Measure.RUNNING_PEAK])
def test_what_was_used_before_alone_is_drawn_at_nothing(measure: Measure):
    """With a point for each bucket, as a chart needs them: without, the page failed for as long as somebody looked."""
    ran = [started("m1", "2026-10-01T00:00:00Z"), stopped("m1", "2026-10-08T00:00:00Z"), started("m2", "2026-10-01T00:00:00Z", app="api")]
    org_id = take_in(*volume("v1", 10, days=7), *volume("v2", 10, app="api"), *ran)["prism"]
    week = Period(datetime(2026, 10, 8, tzinfo=UTC), datetime(2026, 10, 15, tzinfo=UTC))
    with clock.freeze(OCTOBER.end), db.transaction(org_id) as session:
        found = explore(session, org_id, View(measure, week, Dimension.APP, comparison=Comparison.PREVIOUS), now=OCTOBER.end)
    assert [(one.key, bool(one.total), bool(one.previous_total)) for one in found.drawn] == [("api", True, True), ("web", False, True)]
    assert [(len(one.points), any(one.points)) for one in found.drawn] == [(168, True), (168, False)]  # hours
