"""`flyusage usage`: the explorer's measures from the command line."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from billing_world import BY, acting, bill_to, billed, take_in, volume
from conftest import Begun

from flyusage import clock
from flyusage.pricing import agreements
from flyusage.pricing.terms import CpuKind, PriceOverride, RecurringFee, Reservation

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
OCTOBER = date(2026, 10, 1)


def prisms_story() -> int:
    """October: 1,000 GB of web in dfw and 400 of api in fra: $150.00 and $60.00, negotiated at $0.10 for $100.00 and $40.00.

    A fee of $29.00 and $3.65 up front for a reservation of a year, a cent a day, are billed with it: $172.65.
    """
    org_id = take_in(*volume("v1", 1000), *volume("v2", 400, app="api", region="fra"))["prism"]
    bill_to(org_id)
    with acting() as session:
        price = PriceOverride("volume", "global", Decimal("0.10"), 1024 * 2_592_000, "GB-month", OCTOBER)
        agreements.agree_price(session, org_id, price, by=BY)
        agreements.add_fee(session, org_id, RecurringFee("Support", OCTOBER, date(2026, 10, 31), Decimal(29), "USD"), by=BY)
        agreements.reserve(session, org_id, Reservation(1, CpuKind.SHARED, 365, 100, "USD", OCTOBER, 12), by=BY)
    billed(org_id)
    return org_id


@pytest.fixture
def prism(begun: Begun) -> Iterator[int]:
    org_id = begun(prisms_story)
    with clock.freeze(NOW):
        yield org_id


@pytest.mark.parametrize(
    ("measure", "total", "shown"),
    [
        ("list_cost", "210", {"web": "150", "api": "60"}),
        ("contracted_cost", "140", {"web": "100", "api": "40"}),
        ("billed_cost", "172.65", {"web": "100", "api": "40", "": "32.65"}),
        ("effective_cost", "169.31", {"web": "100", "api": "40", "": "29.31"}),  # October's 31 days are 31 cents
    ],
)
def test_every_cost_is_told_and_its_parts_add_up(flyusage, prism, measure: str, total: str, shown: dict[str, str]):
    asked = ("usage", "--org", "prism", "--range", "2026-10", "--by", "app", "--show", measure)
    said = json.loads(flyusage(*asked, "--json").out, parse_float=Decimal)
    assert (said["measure"], Decimal(said["total"])) == (measure, Decimal(total))
    assert {one["key"]: Decimal(one["total"]) for one in said["series"]} == {key: Decimal(amount) for key, amount in shown.items()}
    rows = list(csv.reader(io.StringIO(flyusage(*asked, "--csv").out)))
    assert Decimal(rows[-1][2]) == Decimal(total)
    printed = flyusage(*asked)
    assert f"${Decimal(total):,.2f}" in printed.out
    assert ("Billed by PRISM-000001" in printed.err) == (measure in ("billed_cost", "effective_cost"))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (("--show", "biled_cost"), "There is no measure called “biled_cost”; billed cost is shown."),
        (("--range", "2026-13"), "There is no range called “2026-13”"),
        (("--from", "2026-10-32"), "“2026-10-32” is not a date"),
        (("--filter", "apps=web"), "“apps” is not part of a view"),
    ],
)
@pytest.mark.parametrize("form", ["--json", "--csv", ""])
def test_what_is_misspelt_is_never_answered_with_another_questions_numbers(flyusage, prism, asked, says, form: str):
    """A script would take them for its own. The API refuses the same by the same sentence, which names what is nearest."""
    said = flyusage("usage", "--org", "prism", *asked, *filter(None, [form]))
    assert (said.code, said.out) == (1, "")
    assert says in said.err


@pytest.mark.parametrize("asked", [("--filter", "app"), ("--json", "--csv")])
def test_what_says_nothing_or_two_things_is_a_wrong_usage(flyusage, prism, asked):
    assert flyusage("usage", "--org", "prism", *asked).code == 2
