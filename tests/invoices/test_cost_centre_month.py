"""A month by cost centre: the invoice's net to the cent, on one page and in one file."""

import csv
import io
from collections.abc import Iterator
from datetime import date

import pytest
from billing_world import OCTOBER, bill_to, bill_world, invoice_row
from conftest import Database
from pypdf import PdfReader
from usage_world import NOW as WORLD_NOW
from usage_world import World, centre_of, make_world

from flyusage import clock, db
from flyusage.invoices.breakdowns import By, breakdown
from flyusage.invoices.cost_centre_month import AppPart, CentreMonth, centre_csv, month_by_cost_centre
from flyusage.invoices.cost_centre_page import MOST_ROWS, render
from flyusage.invoices.storing import Issued
from flyusage.money import USD


@pytest.fixture(scope="module")
def world(shared_database: Database) -> Iterator[tuple[World, dict[date, Issued]]]:
    made = make_world()
    bill_to(made.org_id)
    issued = bill_world(made)
    with clock.freeze(WORLD_NOW):
        yield made, issued


def month(org_id: int, first: date) -> CentreMonth:
    with db.transaction(org_id) as session:
        return month_by_cost_centre(session, org_id, "Prism", first)


@pytest.mark.parametrize("first", [date(2026, 9, 1), OCTOBER])
def test_the_parts_are_the_invoices_own_and_sum_to_its_net(world, first: date):
    made, issued = world
    told = month(made.org_id, first)
    stored = invoice_row(issued[first].id)
    assert (told.net_minor, told.tax_minor) == (stored["net_minor"], stored["tax_minor"])
    assert sum(part.net_minor for part in told.parts) == stored["net_minor"]
    with db.transaction(made.org_id) as session:
        own = breakdown(session, made.org_id, issued[first].id, By.COST_CENTRE)
    assert {name: part.net_minor for name, _, part in told.centres()} == {part.label: part.amount_minor for part in own}
    assert all(centre_of(part.app, first) == part.centre for part in told.parts if part.app)
    assert told.documents == (stored["number"],)
    # September's fee of $29.00 less 7.5 % (2.17), and the $91.00 paid up front, belong to no app.
    loose = [part for part in told.parts if part.centre == "No app"]
    assert [part.charges_minor for part in loose] == ([2900 + 9100] if first.month == 9 else [])


def test_the_file_and_the_page_say_the_same(world):
    made, _ = world
    told = month(made.org_id, OCTOBER)
    rows = list(csv.DictReader(io.StringIO("".join(centre_csv(told)))))
    assert rows[-1]["cost_centre"] == "Net"
    cents = [round(float(row["net"]) * 100) for row in rows]
    assert sum(cents[:-1]) == cents[-1] == told.net_minor
    pages = PdfReader(io.BytesIO(render(told))).pages
    text = pages[0].extract_text()
    assert len(pages) == 1
    assert f"${told.net_minor / 100:,.2f}" in text and "Shop" in text and told.documents[0] in text
    assert render(told) == render(told)


def test_an_open_month_says_that_it_is_a_draft(world):
    told = month(world[0].org_id, date(2026, 11, 1))
    assert (told.state, told.documents) == ("draft, so far", ())
    assert "Not issued yet" in PdfReader(io.BytesIO(render(told))).pages[0].extract_text()


def test_any_number_of_cost_centres_with_any_names_fits_on_a_page():
    parts = tuple(AppPart(f"{'Ausgabenstelle ' * 6}{n} 京 #[x] \u202e", f"app{n}", 10**9 - n, -n, n) for n in range(200))
    told = CentreMonth("P" * 200, OCTOBER, "billed", tuple(f"PRISM-{n:06d}" for n in range(40)), "Seller", USD, parts,
                       sum(part.net_minor for part in parts), 0, date(2026, 11, 2))  # fmt: skip
    pages = PdfReader(io.BytesIO(render(told))).pages
    assert len(pages) == 1
    assert f"{200 - MOST_ROWS} more" in pages[0].extract_text()
