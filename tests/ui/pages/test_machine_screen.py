"""A machine's page in words and numbers; sums are done by hand beside the claims."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from flyusage.metering.machines import Machine
from flyusage.money import JPY, USD
from flyusage.periods import Period, month_period
from flyusage.pricing.machines import Line, MachineHour, RawEvent, Why
from flyusage.pricing.view import Measure, View
from flyusage.ui.addresses import id_in, machine_in, month_in, page_in, text_in, zone_in
from flyusage.ui.pages.machine.figure import hours_figure, life_figure, life_zone_minutes, spans_of
from flyusage.ui.pages.machine.screen import (
    Told,
    amount_text,
    crumbs,
    days,
    exact_text,
    in_reading_order,
    month_links,
    screen,
    strip,
    why_row,
)

NOW = datetime(2026, 11, 15, tzinfo=UTC)
OCTOBER = month_period(datetime(2026, 10, 1, tzinfo=UTC))


def machine(**changes) -> Machine:
    made = {
        "name": "batch-0", "app": "batch", "region": "gru", "region_name": "Sao Paulo, Brazil", "continent": "South America",
        "vm_size": "performance-2x", "memory_mib": 4096, "started_at": datetime(2026, 9, 28, 2, tzinfo=UTC),
        "stopped_at": datetime(2026, 10, 2, 6, tzinfo=UTC), "running_since": None, "runs": 5, "inferred": 0,
    }  # fmt: skip
    return Machine(**{**made, **changes})


def told(**changes) -> Told:
    return Told("prism", machine(**changes), Fraction("4.32"), View(Measure.LIST_COST, OCTOBER), NOW)


def line(**changes) -> Line:
    """Four hours: 14,400 s × $0.00002 a second = $0.288."""
    start = datetime(2026, 10, 1, 2, tzinfo=UTC)
    event = RawEvent(start, "flyusage.machine.started", "/hosts/gru-01", "e1", "performance-2x, 4096 MB")
    made = {
        "sku": "machine.performance-2x", "title": "performance-2x", "started_at": start, "stopped_at": start + timedelta(hours=4),
        "is_open": False, "is_inferred": False, "capacity": 1, "quantity": 14_400, "unit": "machine-second", "amount": Decimal("0.00002"),
        "per": 1, "price_unit": "per machine-second", "price_since": date(2024, 7, 1), "cost": Fraction("0.288"), "events": (event,),
    }  # fmt: skip
    return Line(**{**made, **changes})


def why(*lines: Line) -> Why:
    return Why("batch-0", OCTOBER, NOW, "USD", lines, sum((one.cost for one in lines), Fraction(0)), ())


def hours() -> list[MachineHour]:
    """Two days of four hours at $0.072 an hour; the last hour of the second only half."""
    made = []
    for day in (1, 2):
        for hour in range(24):
            ran = 3600 if 2 <= hour < 6 else 0
            ran = 1800 if (day, hour) == (2, 5) else ran
            made.append(MachineHour(datetime(2026, 10, day, hour, tzinfo=UTC), ran, Fraction(ran, 3600) * Fraction("0.072")))
    return made


def test_why_is_seconds_times_price() -> None:
    row = why_row(line(), USD)
    assert (row.quantity, row.price, row.cost) == ("14,400 s", "$0.00002 per machine-second", "$0.2880")
    assert row.exact == "exactly $0.288"
    assert row.since == "price since Jul 1, 2024"
    assert row.when == "Oct 1, 02:00 – 06:00"


@pytest.mark.parametrize(
    ("changes", "quantity", "price"),
    [
        # 10 GB (of 1,024 MiB) for 15 days of a price for 30: half of ten
        (
            {"unit": "MiB-second", "quantity": 10 * 1024 * 15 * 86_400, "per": 1024 * 30 * 86_400, "price_unit": "per GB-month(30d)"},
            "5 GB-months",
            "$0.00002 per GB for 30 days",
        ),
        ({"unit": "MiB-second", "quantity": 3_072, "per": 1024, "price_unit": "per GB-second"}, "3 GB-s", "$0.00002 per GB-second"),
        ({"unit": "byte", "quantity": 2_500_000_000, "per": 10**9, "price_unit": "per GB"}, "2.50 GB", "$0.00002 per GB"),
        ({"unit": "byte", "quantity": 1, "per": 3, "price_unit": "per GB"}, "0.3333 GB", "$0.00002 per GB"),
    ],
)
def test_a_quantity_is_said_in_the_unit_of_its_price(changes: dict, quantity: str, price: str) -> None:
    row = why_row(line(**changes), USD)
    assert (row.quantity, row.price) == (quantity, price)


def test_the_machine_comes_before_the_memory_it_brings_along() -> None:
    memory = line(sku="machine.extra_ram", title="Extra memory", unit="MiB-second")
    assert [one.title for one in in_reading_order([memory, line()])] == ["performance-2x", "Extra memory"]


def test_an_unpriced_line_is_not_nothing() -> None:
    row = why_row(line(amount=None, cost=Fraction(0), price_since=None, price_unit=""), USD)
    assert (row.price, row.cost, row.exact) == ("unpriced", "unpriced", "")


def test_a_run_that_goes_on_ends_now_and_an_inferred_stop_says_so() -> None:
    assert why_row(line(is_open=True), USD).when == "Oct 1, 02:00 – now"
    assert why_row(line(is_inferred=True), USD).note == "its stop never came; closed by the next start"


def test_the_events_below_a_line_are_shown_as_they_came() -> None:
    event = why_row(line(), USD).events[0]
    assert (event.time, event.type) == ("Oct 1, 02:00:00", "machine.started")
    assert event.source == "/hosts/gru-01 · e1"


def test_prices_keep_every_decimal_they_were_published_with() -> None:
    assert amount_text(Decimal("0.000000779247"), USD) == "$0.000000779247"
    assert amount_text(Decimal("0.15"), USD) == "$0.15"
    assert amount_text(Decimal("2"), USD) == "$2.00"
    assert amount_text(Decimal("1E+3"), USD) == "$1,000.00"
    assert amount_text(Decimal("120"), JPY) == "¥120"


def test_an_endless_fraction_does_not_claim_to_be_exact() -> None:
    assert exact_text(Fraction(1, 3), USD) == "$0.333333333333…"
    assert exact_text(Fraction("0.288"), USD) == "exactly $0.288"


def test_days_sum_their_hours_latest_first() -> None:
    rows = days(hours(), USD)
    assert [row.day for row in rows] == ["Fri Oct 2", "Thu Oct 1"]
    assert [row.hours for row in rows] == ["3.50 h", "4.00 h"]
    assert [row.cost for row in rows] == ["$0.25", "$0.29"]  # 3.5 × 0.072 = 0.252; 4 × 0.072 = 0.288
    assert rows[1].strip_text == "ran in 02:00–06:00"


def test_days_on_which_it_did_not_run_are_left_out() -> None:
    idle = [MachineHour(datetime(2026, 10, 3, hour, tzinfo=UTC), 0, Fraction(0)) for hour in range(24)]
    assert len(days([*hours(), *idle], USD)) == 2


def test_the_page_gives_the_month_and_the_whole_life() -> None:
    shown = screen(told(), date(2026, 10, 1), why(line(), line()), hours())
    assert [(tile.label, tile.value) for tile in shown.tiles[:3]] == [
        ("Cost in October", "$0.58"),  # 2 × 0.288 = 0.576
        ("Cost so far", "$4.32"),
        ("Hours in October", "7.50"),
    ]
    assert (shown.why_total, shown.why_total_exact) == ("$0.58", "exactly $0.576")
    assert shown.state == "stopped Oct 2, 06:00 UTC"
    assert screen(told(running_since=NOW), date(2026, 10, 1), why(), []).state == "running since Nov 15, 00:00 UTC"


def test_breadcrumbs_lead_back_up_through_region_and_app() -> None:
    steps = crumbs(told())
    assert [step.label for step in steps] == ["All usage", "gru", "batch", "batch-0"]
    assert "region=gru" in steps[1].href
    assert "app=batch" in steps[2].href
    assert steps[3].href == ""


def test_the_months_are_those_of_its_life() -> None:
    assert [link.label for link in month_links(told(), date(2026, 10, 1))] == ["October", "September"]
    running = month_links(told(running_since=NOW), date(2026, 9, 1))
    assert [(link.label, link.is_current) for link in running] == [("November", False), ("October", False), ("September", True)]
    assert running[0].href == "/orgs/prism/machines/batch-0?month=2026-11"


def test_a_zone_is_said_and_kept_between_months() -> None:
    there = replace(told(), view=View(Measure.LIST_COST, OCTOBER, zone_minutes=330))
    shown = screen(there, date(2026, 10, 1), why(), hours())
    assert (shown.zone, shown.zone_minutes, shown.zone_at) == ("UTC+5:30", 330, "2026-10-01T00:00:00+00:00")
    assert shown.zone_href == "/orgs/prism/machines/batch-0?month=2026-10"
    assert shown.hours_label.endswith("in October, UTC+5:30")
    assert shown.months[0].href.endswith("?month=2026-10&zone=05:30")
    assert "zone=05:30" in shown.explorer_href


@pytest.mark.parametrize(("text", "minutes"), [("05:30", 330), ("-03:00", -180), ("Mars", 0), (None, 0), (["05:30"], 0), ("9" * 10_000, 0)])
def test_an_addresss_zone_is_an_offset_or_none(text: object, minutes: int) -> None:
    assert zone_in(text) == minutes


def test_a_strip_shows_parts_of_hours() -> None:
    shown = strip([0] * 22 + [1800, 3600])
    assert shown.count("transparent 0.00%") == 1
    assert "var(--accent) 95.83% 100.00%" in shown


def test_both_pictures_are_drawn() -> None:
    life = Period(OCTOBER.start, OCTOBER.start + timedelta(days=2))
    assert life_figure(spans_of([line(), line(unit="byte")]), life, now=NOW, height_px=100)["data"]
    assert hours_figure(hours(), OCTOBER)["data"]
    assert (life_zone_minutes(life, 330), life_zone_minutes(Period(OCTOBER.start, OCTOBER.start + timedelta(days=63)), 330)) == (330, 0)
    in_india = hours_figure(hours(), OCTOBER, zone_minutes=330)
    assert in_india["layout"]["xaxis"]["range"][0] == "2026-10-01 05:30"
    assert in_india["layout"]["xaxis"]["hoverformat"].endswith("UTC+5:30")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/orgs/prism/machines/batch-0", "batch-0"),
        ("/orgs/prism/machines/%3Cb%3E%2Fx", "<b>/x"),
        ("/orgs/prism/machines/", ""),
        ("/orgs/prism/machines", ""),
        ("/orgs/prism/usage/batch-0", ""),
        ("", ""),
    ],
)
def test_the_machine_is_read_from_the_path(path: str, name: str) -> None:
    assert machine_in(path) == name


@pytest.mark.parametrize(
    ("text", "month"),
    [("2026-10", date(2026, 10, 1)), ("2026-13", None), ("2026-1", None), ("2026-10-01", None), ("٢٠٢٦-١٠", None), (None, None), (7, None)],
)
def test_a_month_that_is_none_is_none(text: object, month: date | None) -> None:
    assert month_in(text) == month


@pytest.mark.parametrize(("text", "page"), [("3", 3), ("0", 1), ("-1", 1), ("x", 1), (None, 1), ("9" * 400, 999_999_999), ("²", 1)])
def test_a_page_number_is_a_number(text: object, page: int) -> None:
    assert page_in(text) == page


@pytest.mark.parametrize(
    ("given", "text"),
    [({"series": "gru"}, "gru"), ({"series": 7}, ""), ({}, ""), (None, ""), (["series"], ""), ({"series": "x" * 2000}, "x" * 1000)],
)
def test_what_a_browser_sends_is_text_or_nothing(given: object, text: str) -> None:
    assert text_in(given, "series") == text


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("42", 42), ("9" * 9, 999_999_999), ("9" * 10, None), ("٣", None), ("-1", None), (7, None)]
)
def test_an_id_from_a_browser_is_a_few_digits_or_none(text: object, number: int | None):
    assert id_in(text) == number
