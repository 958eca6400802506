"""The product against a second biller that shares no code with it, over books, agreements and usage drawn by chance.

More of them: FLYUSAGE_TEST_EXAMPLES=200.
"""

import os
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import count
from random import Random

import pytest
import reference_bill as ref
from billing_world import BY, NOVEMBER, OCTOBER, acting, bill_to, billed, invoice_row, rows, take_in
from factories import Event, ingest, started, voided
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from reference_stories import Story
from reference_usage import quantities

from flyusage import clock, db
from flyusage.errors import FlyusageError
from flyusage.invoices.adjusting import adjust
from flyusage.invoices.breakdowns import By, breakdown
from flyusage.invoices.crediting import credit
from flyusage.invoices.errors import CreditTooLarge
from flyusage.invoices.settlement import Receipt, record_payment, void
from flyusage.invoices.storing import Issued
from flyusage.metering.rollups import catch_up

EXAMPLES = int(os.environ.get("FLYUSAGE_TEST_EXAMPLES", "2"))
BEGIN = datetime(2026, 9, 19, tzinfo=UTC)
AFTER_OCTOBER = datetime(2026, 11, 2, 9, tzinfo=UTC)
AFTER_NOVEMBER = datetime(2026, 12, 2, 9, tzinfo=UTC)
NUMBERS = count(1)
by_chance = settings(
    max_examples=EXAMPLES, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

pytestmark = pytest.mark.usefixtures("database")


def begin(chance: Random, usage: list[Event], *, with_credits: bool = True) -> tuple[Story, int]:
    """An organization with agreements and its first usage; what names no known size is refused and bills nothing."""
    story = Story(chance, f"org-{next(NUMBERS)}")
    usage += story.usage("a", datetime(2026, 9, 20, tzinfo=UTC), datetime(2026, 11, 1, 8, tzinfo=UTC), chance.randint(1, 8))
    org_id = take_in(*usage, at=AFTER_OCTOBER)[story.slug]
    with clock.freeze(AFTER_OCTOBER):
        assert ingest([started("odd", "2026-10-02T00:00:00Z", org=story.slug, vm_size="colossal-cpu-1x")]).refused
    with acting(BEGIN) as session:
        story.agree(session, org_id, with_credits=with_credits)
    bill_to(org_id, story.profile)
    return story, org_id


def used(story: Story, events: list[Event]) -> ref.Quantities:
    return quantities(events, datetime(2027, 2, 1, tzinfo=UTC), story.world.presets)


def amounts(lines: list[tuple[str, int]]) -> dict[str, Counter[int]]:
    """Lines' amounts by kind. Late usage in one sum, since the product has a line for each line that changed."""
    found: dict[str, Counter[int]] = {}
    for kind, amount in lines:
        if kind != "adjustment":
            found.setdefault(kind, Counter())[amount] += bool(amount)
    late = sum(amount for kind, amount in lines if kind == "adjustment")
    return {kind: +counted for kind, counted in (found | {"adjustment": Counter({late: bool(late)})}).items() if +counted}


def agrees(org_id: int, issued: Issued, expected: ref.Bill) -> None:
    """Lines, totals and every breakdown are those of the second biller."""
    lines = rows("SELECT kind, amount_minor FROM invoice_line WHERE invoice_id = :id", id=issued.id)
    assert amounts([(kind, amount) for kind, amount in lines]) == amounts([(line.kind, line.amount) for line in expected.lines])
    row = invoice_row(issued.id)
    bases = dict(rows("SELECT tax_percent, sum(amount_minor)::bigint FROM invoice_line WHERE invoice_id = :id GROUP BY 1", id=issued.id))
    assert {Fraction(rate): net for rate, net in bases.items() if net} == {rate: net for rate, net in expected.bases.items() if net}
    found = [row[name] for name in ("net_minor", "tax_minor", "prepaid_minor", "due_minor")]
    assert found == [expected.net, expected.tax, expected.prepaid, expected.due]
    sums_up(org_id, issued)


def sums_up(org_id: int, issued: Issued) -> None:
    with db.transaction(org_id) as session:
        for by in By:
            assert sum(part.amount_minor for part in breakdown(session, org_id, issued.id, by)) == issued.net_minor


def bill_and_compare(story: Story, org_id: int, usage: list[Event], month: date, late: Sequence[ref.Line] = ()) -> Issued | None:
    """None where there is nothing to bill, or the month is a credit note as a whole."""
    expected, at = ref.bill(story.world, used(story, usage), month, late=late), AFTER_OCTOBER if month == OCTOBER else AFTER_NOVEMBER
    if not (expected.net or expected.tax or expected.carried or any(line.kind == "promotional" for line in expected.lines)):
        with pytest.raises(FlyusageError):
            billed(org_id, month, at=at)
        return None
    issued = billed(org_id, month, at=at)
    note = (
        "SELECT net_minor, tax_minor FROM invoice WHERE org_id = :org AND starts_on = :month AND kind = 'credit_note' AND refers_to IS NULL"
    )
    assert rows(note, org=org_id, month=month) == ([(expected.given, ref.taxed(expected.carried))] if expected.carried else [])
    if issued.kind == "credit_note":
        assert (expected.net, expected.tax) == (0, 0)
        return None
    agrees(org_id, issued, expected)
    return issued


@by_chance
@given(st.integers(0, 2**32))
def test_months_late_usage_payments_and_credit_notes_come_to_what_the_second_biller_says(seed):
    chance, known = Random(seed), []
    story, org_id = begin(chance, known)
    october = bill_and_compare(story, org_id, known, OCTOBER)
    if october:
        settle(story, org_id, october)
    before = list(known)
    late = story.usage("l", datetime(2026, 9, 20, tzinfo=UTC), AFTER_OCTOBER, chance.choice([0, 1, 3]))
    if chance.random() < 0.4:
        late.append(voided(chance.choice(before), "2026-11-15T00:00:00Z"))
    known += [*late, *story.usage("n", datetime(2026, 11, 1, 8, tzinfo=UTC), datetime(2026, 12, 1, 8, tzinfo=UTC), chance.randint(0, 5))]
    take_in(*known[len(before) :], at=AFTER_NOVEMBER)
    changed: list[ref.Line] = []
    if october:
        with acting(AFTER_NOVEMBER) as session:
            late_lines = adjust(session, org_id, [OCTOBER]).lines
        changed = [ref.Line("adjustment", line.amount_minor, percent=story.world.percent(OCTOBER)) for line in late_lines]
        now, then = (sum(line.amount for line in ref.adjustable(story.world, used(story, one), OCTOBER)) for one in (known, before))
        assert sum(line.amount for line in changed) == now - then
    held = [[ref.Credit(**vars(one)) for one in credits_] for credits_ in (story.world.promotional, story.world.prepaid)]
    november = bill_and_compare(story, org_id, known, NOVEMBER, changed)
    beside = rows("SELECT 1 FROM invoice WHERE org_id = :org AND origin = 'carried'", org=org_id)
    if november and invoice_row(november.id)["state"] == "open" and not beside:
        with acting(AFTER_NOVEMBER) as session:
            void(session, org_id, november.id, reason="Wrong address", by=BY)
        story.world.promotional, story.world.prepaid = held
        bill_and_compare(story, org_id, known, NOVEMBER, changed)


def settle(story: Story, org_id: int, issued: Issued) -> None:
    """Payments and credit notes by chance: tax of notes follows what was given back so far, and what is too much becomes a credit."""
    chance, given_net, given_tax = story.chance, 0, 0
    balance = invoice_row(issued.id)["balance_minor"]
    for _ in range(chance.randint(0, 3)):
        if chance.random() < 0.4:
            gross = chance.randint(1, balance + 500)
            with acting(AFTER_OCTOBER) as session:
                record_payment(session, org_id, issued.id, Receipt(gross, AFTER_OCTOBER.date(), "wire"), by=BY)
        elif (net := noted(story, org_id, issued, issued.net_minor - given_net)) is None:
            continue
        else:
            given_net, tax = given_net + net, given_tax
            given_tax = ref.half_away(given_net * story.world.percent(OCTOBER) / 100)
            gross = net + given_tax - tax
            assert rows("SELECT gross_minor FROM invoice WHERE refers_to = :id ORDER BY id DESC LIMIT 1", id=issued.id) == [(gross,)]
        if gross > balance:
            story.world.prepaid.append(ref.Credit(gross - balance, AFTER_OCTOBER))
        balance = max(0, balance - gross)
        assert invoice_row(issued.id)["balance_minor"] == balance
    left = dict(
        rows(
            "SELECT kind, sum(amount_minor - used_minor - revoked_minor)::bigint FROM credit_grant WHERE org_id = :org GROUP BY 1",
            org=org_id,
        )
    )
    for kind, held in (("promotional", story.world.promotional), ("prepaid", story.world.prepaid)):
        assert left.get(kind, 0) == sum(one.left for one in held)


def noted(story: Story, org_id: int, issued: Issued, left: int) -> int | None:
    """A credit note for all that is left, an amount of it, or a part of a line; its net, None where there is none."""
    chance, lines, net = story.chance, None, left
    if not left:
        return None
    how = chance.choice(["all", "amount", "line"])
    if how == "amount":
        net = chance.randint(1, left)
    elif how == "line":
        charged = rows(
            "SELECT position, amount_minor FROM invoice_line WHERE invoice_id = :id AND amount_minor > 0 ORDER BY 1", id=issued.id
        )
        position, amount = chance.choice(charged)
        net = chance.randint(1, amount)
        lines = {position: net}
    try:
        with acting(AFTER_OCTOBER) as session:
            note = credit(session, org_id, issued.id, reason="Because", lines=lines, net_minor=net if how == "amount" else None, by=BY)
    except CreditTooLarge:
        assert lines
        return None
    assert note.net_minor == net
    sums_up(org_id, note)
    return net


@settings(by_chance, max_examples=(EXAMPLES + 1) // 2)  # a story of many invoices
@given(st.integers(0, 2**32))
def test_months_voided_and_billed_anew_with_late_usage_and_notes_between_are_billed_exactly_once(seed):
    chance, known = Random(seed), []
    story, org_id = begin(chance, known, with_credits=False)
    standing: dict[date, Issued] = {}

    def bill_missing(at: datetime, *months: date) -> None:
        with clock.freeze(at):
            catch_up(org_id)
        for month in months:
            if month not in standing:
                try:
                    standing[month] = billed(org_id, month, at=at)
                except FlyusageError as error:
                    assert error.code == "nothing_to_bill", error

    def learn(month: int, at: datetime) -> None:
        start = datetime(2026, month, 1, tzinfo=UTC)
        new = story.usage(f"n{len(known)}", start, start + timedelta(days=29), chance.randint(1, 3))
        known.extend(new)
        take_in(*new, at=at)

    bill_missing(AFTER_OCTOBER, OCTOBER)
    at = AFTER_NOVEMBER
    learn(11, at)
    for _ in range(chance.randint(2, 5)):
        at += timedelta(minutes=10)
        match chance.choice(["learn", "void", "void", "bill"]):
            case "learn":
                learn(10, at)
            case "void":
                give_up(story, org_id, standing, chance.choice([OCTOBER, OCTOBER, NOVEMBER]), at)
            case _:
                bill_missing(at, OCTOBER, NOVEMBER)
    bill_missing(at, *chance.sample([OCTOBER, NOVEMBER], 2))
    at = datetime(2027, 1, 2, 9, tzinfo=UTC)
    learn(chance.choice([10, 11]), at)
    bill_missing(at, date(2026, 12, 1))
    bill_missing(datetime(2027, 2, 2, 9, tzinfo=UTC), date(2027, 1, 1))
    papers = rows("SELECT kind, net_minor FROM invoice WHERE org_id = :org AND state <> 'void'", org=org_id)
    found, quantity, expected = sum(net if kind == "invoice" else -net for kind, net in papers), used(story, known), 0
    for month in (OCTOBER, NOVEMBER, date(2026, 12, 1), date(2027, 1, 1)):
        one = ref.bill(story.world, quantity, month)
        expected += one.net - one.given
    assert found == expected


def give_up(story: Story, org_id: int, standing: dict[date, Issued], month: date, at: datetime) -> None:
    """Void a month's invoice; before October's, perhaps credit what November charges late of it, as October anew holds it whole."""
    if month not in standing or rows("SELECT state, kind FROM invoice WHERE id = :id", id=standing[month].id) != [("open", "invoice")]:
        return
    beside = "SELECT 1 FROM invoice WHERE refers_to = :id OR org_id = :org AND origin = 'carried' AND starts_on = :month"
    if rows(beside, id=standing[month].id, org=standing[month].org_id, month=month):
        return
    late = "SELECT position, amount_minor FROM invoice_line WHERE invoice_id = :id AND key LIKE 'late/2026-10/%' AND amount_minor > 0"
    charged = rows(f"{late} ORDER BY 1", id=standing[NOVEMBER].id) if month == OCTOBER and NOVEMBER in standing else []
    if charged and story.chance.random() < 0.6:
        position, amount = story.chance.choice(charged)
        try:
            with acting(at) as session:
                lines = {position: story.chance.randint(1, amount)}
                credit(session, org_id, standing[NOVEMBER].id, reason="Late", lines=lines, by=BY)
        except FlyusageError as error:
            assert isinstance(error, CreditTooLarge) or "credit note" in str(error), error
    with acting(at) as session:
        void(session, org_id, standing.pop(month).id, reason="Wrong address", by=BY)
