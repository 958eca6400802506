"""`flyusage terms`: what an organization agreed beside its price book."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Annotated

import typer
from sqlmodel import Session

from flyusage import clock, db
from flyusage.cli import asked, bootstrap
from flyusage.cli.output import LAST_ID, print_json, print_table
from flyusage.cli.price_drafts import DAY
from flyusage.invoices.queries import months_billed
from flyusage.invoices.subscribing import change_book, refuse_billed
from flyusage.logs import harmless
from flyusage.metering.catalog import region_ids
from flyusage.money import CURRENCIES, Currency, format_minor
from flyusage.orgs import queries
from flyusage.orgs.acting import system
from flyusage.orgs.queries import OrganizationEntry
from flyusage.periods import midnight
from flyusage.pricing import agreements, grants
from flyusage.pricing.agreed_words import CREDIT, NAMES, WORDS, credit_words, end_day, first_day, what, withdrawn_words
from flyusage.pricing.agreements import GLOBAL, Agreement
from flyusage.pricing.books import PER_QUANTITY, book_of, prices_of
from flyusage.pricing.errors import InputInvalid, InputMissing
from flyusage.pricing.listed import terms_json, tiers_from
from flyusage.pricing.price_list import terms_told
from flyusage.pricing.rating import Model, Price
from flyusage.pricing.tax import TaxTreatment
from flyusage.pricing.terms import CpuKind, CreditKind, Discount, OneOffCharge, PriceOverride, RecurringFee, Reservation, SpendLimit
from flyusage.pricing.typed import decimal, minor, tiers_json

app = typer.Typer(help="Agree prices, discounts, reservations, credits, fees and limits with an organization.", no_args_is_help=True)

BY = system("command")
COLUMNS = ("kind", "number", "what", "from", "until")

Org = Annotated[str, typer.Argument(metavar="ORG", help="The organization's slug.", show_default=False)]
Since = Annotated[datetime | None, typer.Option("--from", formats=DAY, help="The first day; this month's by default.", show_default=False)]
Until = Annotated[
    datetime | None, typer.Option("--until", formats=DAY, help="The day after the last; without end by default.", show_default=False)
]
Sku = Annotated[str, typer.Option("--sku", help="Only of this sku, as `prices list` names it.", show_default=False)]
Says = Annotated[str, typer.Option("--says", help="What the invoice calls it.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Kind = Annotated[str, typer.Argument(metavar="KIND", help=f"{', '.join(NAMES)}, as `terms show` names it.", show_default=False)]
Number = Annotated[int, typer.Argument(min=1, max=LAST_ID, metavar="NUMBER", help="Its number in `terms show`.", show_default=False)]


@dataclass(frozen=True)
class _Agreeing:
    """A transaction in which something is agreed with an organization."""

    session: Session
    org: OrganizationEntry
    currency: Currency

    def minor(self, text: str, name: str) -> int:
        """An amount in the organization's currency. Raises InputInvalid."""
        return minor(text, name, self.currency)

    def said(self, minor: int) -> str:
        """An amount as printed."""
        return format_minor(minor, self.currency)


@app.command("show")
def show(org: Org, as_json: AsJson = False) -> None:
    """The book it buys from, how it is taxed, and everything agreed, past and future too."""
    with _agreeing(org) as at:
        book, profile = book_of(at.session, at.org.id), agreements.billing_profile_of(at.session, at.org.id)
        found, given = agreements.agreed(at.session, at.org.id), grants.credits_of(at.session, at.org.id)
    if as_json:
        kinds = {WORDS[kind]: rows for kind, rows in found.items()}
        print_json(
            {"org": at.org.slug, "book": book.slug, "currency": book.currency, "tax": profile and profile.tax_treatment}
            | kinds
            | {"credit": given}
        )
        return
    taxed = "not known, as it has no billing profile" if profile is None else profile.tax_treatment.value.replace("_", " ")
    typer.echo(harmless(f"{at.org.slug} buys from {book.slug}, in {book.currency}. Tax: {taxed}."))
    rows = [(WORDS[kind], one["id"], what(kind, one), first_day(one), end_day(one)) for kind, each in found.items() for one in each]
    rows += [(CREDIT, one.id, credit_words(one), one.granted_at.date(), one.expires_at and one.expires_at.date()) for one in given]
    if rows:
        typer.echo("")
        print_table(COLUMNS, rows)
    else:
        typer.echo("Nothing else is agreed. `flyusage terms --help` lists what can be.")


@app.command("book")
def book(org: Org, name: Annotated[str, typer.Argument(metavar="BOOK", help="As `prices books` names it.", show_default=False)]) -> None:
    """Let it buy from another price book: every month that is not billed yet is priced by it."""
    with _agreeing(org) as at:
        new = change_book(at.session, at.org.id, name, by=BY)
    typer.echo(harmless(f"{at.org.slug} buys from {new.slug}, in {new.currency}. Issued invoices stay as they are."))


@app.command("price")
def price(
    org: Org,
    sku: Annotated[str, typer.Argument(help="What is priced.", show_default=False)],
    scope: Annotated[str, typer.Argument(help="global, an egress group or a region's code.")] = GLOBAL,
    amount: Annotated[str, typer.Argument(help="For one unit, or a package; 0 with tiers.")] = "0",
    unit: Annotated[str, typer.Option("--per", help="The unit, as in `prices list`; that of its book's price by default.")] = "",
    model: Annotated[Model, typer.Option("--model")] = Model.PER_UNIT,
    tiers: Annotated[str, typer.Option("--tiers", help='JSON: [{"up_to": 10, "unit": "0.1", "flat": "0"}, {"up_to": null, …}].')] = "",
    package_size: Annotated[str, typer.Option("--package-size", help="Units in a package.")] = "",
    free: Annotated[str, typer.Option("--free", help="Units free in each period.")] = "",
    minimum: Annotated[str, typer.Option("--min", help="At least, each period.")] = "",
    maximum: Annotated[str, typer.Option("--max", help="At most, each period.")] = "",
    since: Since = None,
    until: Until = None,
    note: Annotated[str, typer.Option("--note")] = "",
) -> None:
    """Negotiate a price; one of the same sku and scope ends the day this begins.

    Example: flyusage terms price prism egress.public na_eu 0.015
    """
    with _agreeing(org) as at:
        per = unit or _unit_of(at, sku)
        quantity, value = PER_QUANTITY.get(per, 1), decimal(amount, "the amount")
        rated = Price(
            model,
            unit_amount=Fraction(value),
            per_quantity=quantity,
            tiers=tiers_from(tiers_json(tiers, "--tiers"), model) if tiers else (),
            package_size=_exact(package_size, "--package-size") if package_size else None,
            free_quantity=_exact(free or "0", "--free"),
            minimum=_exact(minimum, "--min") if minimum else None,
            maximum=_exact(maximum, "--max") if maximum else None,
        )
        agreed = PriceOverride(sku, scope, value, quantity, per, _since(since), _day(until), terms_json(rated), note)
        number = agreements.agree_price(at.session, at.org.id, agreed, by=BY)
        told = terms_told(rated)
    _tell(at, "price", number, f"{sku} costs {value:f} per {per} in {scope}{f' ({told})' if told else ''} from {agreed.starts_on} on")


@app.command("discount")
def discount(
    org: Org,
    percent: Annotated[str, typer.Option("--percent", help="So much off.", show_default=False)] = "",
    amount: Annotated[str, typer.Option("--amount", help="Or this amount off, each month.", show_default=False)] = "",
    first_month: Annotated[str, typer.Option("--from", metavar="MONTH", help="The first month, as 2026-10; this one by default.")] = "",
    months: Annotated[int | None, typer.Option("--months", min=1, help="For so many months; until withdrawn by default.")] = None,
    sku: Sku = "",
    says: Says = "Discount",
) -> None:
    """Give percent or an amount off, for some months or until withdrawn."""
    with _agreeing(org) as at:
        given = Discount(
            says,
            asked.month(first_month),
            decimal(percent, "--percent") if percent else None,
            at.minor(amount, "--amount") if amount else None,
            at.currency.code if amount else None,
            months,
            sku or None,
        )
        number = agreements.give_discount(at.session, at.org.id, given, by=BY)
    off = f"{given.percent:f} %" if given.percent is not None else at.said(given.amount_minor or 0)
    term = f"for {months} month{'s' if months != 1 else ''}" if months else "until withdrawn"
    _tell(at, "discount", number, f"{off} off {sku or 'usage and fees'} from {given.first_month:%B %Y}, {term}")


@app.command("reserve")
def reserve(
    org: Org,
    region: Annotated[str, typer.Argument(help="The region's code.", show_default=False)],
    cpu: Annotated[CpuKind, typer.Argument(help="What it is for.", show_default=False)],
    upfront: Annotated[str, typer.Argument(help="Paid at the start.", show_default=False)],
    monthly: Annotated[str, typer.Argument(help="The credit of each month; what a month leaves is gone.", show_default=False)],
    months: Annotated[int, typer.Option("--months", min=1, max=120)] = 12,
    since: Since = None,
) -> None:
    """Sell a reservation: an amount up front for a monthly credit on one region's machines of one CPU kind.

    Example: flyusage terms reserve prism fra shared 36 5
    """
    with _agreeing(org) as at:
        place = region_ids(at.session).get(region)
        if place is None:
            raise InputInvalid(f"There is no region {harmless(region[:40])!r}.")
        sold = Reservation(place, cpu, at.minor(upfront, "UPFRONT"), at.minor(monthly, "MONTHLY"), at.currency.code, _since(since), months)
        if sold.upfront_minor:
            refuse_billed(at.session, at.org.id, sold.starts_on, sold.starts_on)
        number = agreements.reserve(at.session, at.org.id, sold, by=BY)
    said = f"{at.said(sold.upfront_minor)} up front for {at.said(sold.monthly_credit_minor)} a month on {cpu} CPUs in {region}"
    _tell(at, "reservation", number, f"{said}, {months} months from {sold.starts_on}")


@app.command("credit")
def credit(
    org: Org,
    amount: Annotated[str, typer.Argument(help="In the organization's currency.", show_default=False)],
    kind: Annotated[
        CreditKind, typer.Option("--kind", help="Promotional lowers the net before tax; prepaid pays the total.")
    ] = CreditKind.PROMOTIONAL,
    expires: Annotated[
        datetime | None, typer.Option("--expires", formats=DAY, help="Its last day is the one before.", show_default=False)
    ] = None,
    says: Says = "Credit",
) -> None:
    """Grant a credit: what expires first is used first, what a month does not need is carried over."""
    with _agreeing(org) as at:
        minor, until = at.minor(amount, "AMOUNT"), midnight(expires.date()) if expires else None
        number = grants.grant(at.session, at.org.id, kind, minor, description=says, expires_at=until, by=BY)
    _tell(at, CREDIT, number, f"{at.said(minor)} {kind.value}{f', until {until:%Y-%m-%d} 00:00 UTC' if until else ''}")


@app.command("revoke")
def revoke(org: Org, number: Number) -> None:
    """Take back what is left of a credit; what invoices took of it stays theirs."""
    with _agreeing(org) as at:
        left = grants.revoke(at.session, at.org.id, number, by=BY)
    typer.echo(f"{at.org.slug}: {at.said(left)} of credit {number} is taken back.")


@app.command("fee")
def fee(
    org: Org,
    says: Annotated[str, typer.Argument(metavar="SAYS", help="What the invoice calls it.", show_default=False)],
    amount: Annotated[str, typer.Argument(help="For one, each month; with --sku the book's price without it.")] = "",
    quantity: Annotated[str, typer.Option("--quantity", help="How many.")] = "1",
    sku: Annotated[str, typer.Option("--sku", help="Charge what its book says of this, as support.standard.", show_default=False)] = "",
    since: Annotated[
        datetime | None, typer.Option("--from", formats=DAY, help="The first day charged; today by default.", show_default=False)
    ] = None,
    until: Annotated[datetime | None, typer.Option("--last-day", formats=DAY, help="The last day charged.", show_default=False)] = None,
) -> None:
    """Charge a fee each month, by the days it holds."""
    with _agreeing(org) as at:
        unit = decimal(amount, "AMOUNT") if amount else None
        first = since.date() if since else clock.now().date()
        agreed = RecurringFee(
            says, first, _day(until), unit, at.currency.code if unit is not None else None, decimal(quantity, "--quantity"), sku or None
        )
        refuse_billed(at.session, at.org.id, first, agreed.last_day)
        number = agreements.add_fee(at.session, at.org.id, agreed, by=BY)
    each = f"{unit:f} {at.currency.code}" if unit is not None else f"the book's price of {sku}"
    _tell(at, "fee", number, f"{says}: {agreed.quantity:f} × {each} a month from {first}{f' to {agreed.last_day}' if until else ' on'}")


@app.command("charge")
def charge(
    org: Org,
    says: Annotated[str, typer.Argument(metavar="SAYS", help="What the invoice calls it.", show_default=False)],
    amount: Annotated[str, typer.Argument(show_default=False)],
    on: Annotated[
        datetime | None, typer.Option("--on", formats=DAY, help="The day, and so the month; today by default.", show_default=False)
    ] = None,
) -> None:
    """Charge an amount once."""
    with _agreeing(org) as at:
        day = on.date() if on else clock.now().date()
        minor = at.minor(amount, "AMOUNT")
        refuse_billed(at.session, at.org.id, day, day)
        number = agreements.add_charge(at.session, at.org.id, OneOffCharge(says, minor, at.currency.code, day), by=BY)
    _tell(at, "charge", number, f"{says}: {at.said(minor)} on {day}")


@app.command("limit")
def limit(
    org: Org,
    minimum: Annotated[str, typer.Option("--min", help="At least, each month.", show_default=False)] = "",
    maximum: Annotated[str, typer.Option("--max", help="At most, each month.", show_default=False)] = "",
    since: Since = None,
    until: Until = None,
) -> None:
    """Agree what a month's usage and fees come to at least or at most; what was agreed before ends that day."""
    with _agreeing(org) as at:
        if not (minimum or maximum):
            raise InputMissing("Name a minimum (--min), a maximum (--max) or both.")
        least, most = (at.minor(text, name) if text else None for text, name in ((minimum, "--min"), (maximum, "--max")))
        if least is not None and most is not None and least > most:
            raise InputInvalid("The minimum is above the maximum.")
        agreed = SpendLimit(at.currency.code, _since(since), _day(until), least, most)
        number = agreements.limit_spend(at.session, at.org.id, agreed, by=BY)
    bounds = [f"at least {at.said(least)}"] if least is not None else []
    bounds += [f"at most {at.said(most)}"] if most is not None else []
    _tell(at, "limit", number, f"{' and '.join(bounds)} a month from {agreed.starts_on} on")


@app.command("tax")
def tax(
    org: Org,
    treatment: Annotated[TaxTreatment, typer.Argument(help="standard is by the rules of its country and VAT number.", show_default=False)],
    reason: Annotated[str, typer.Option("--reason", help="Why, as its invoices say.", show_default=False)] = "",
) -> None:
    """Say how it is taxed: by the rules, or as the tax office lets it be."""
    with _agreeing(org) as at:
        agreements.set_tax_treatment(at.session, at.org.id, treatment, reason, by=BY)
    typer.echo(f"{at.org.slug} is taxed as {treatment.value.replace('_', ' ')} from its next invoice on.")


@app.command("end")
def end(
    org: Org,
    kind: Kind,
    number: Number,
    last_day: Annotated[datetime, typer.Argument(metavar="DATE", formats=DAY, help="The last day that it holds.", show_default=False)],
) -> None:
    """Let a price, a fee or a limit end."""
    with _agreeing(org) as at:
        agreements.end(at.session, at.org.id, _kind(kind), number, last_day.date(), by=BY)
    typer.echo(f"{at.org.slug}: {kind} {number} holds to {last_day:%Y-%m-%d}, that day included.")


@app.command("withdraw")
def withdraw(org: Org, kind: Kind, number: Number) -> None:
    """Take an agreement back as if it had never been; issued invoices stay, and the audit keeps what it said."""
    with _agreeing(org) as at:
        rows = agreements.agreed(at.session, at.org.id).get(_kind(kind), [])
        agreements.withdraw(at.session, at.org.id, _kind(kind), number, by=BY)
        (gone,) = [one for one in rows if one["id"] == number]
        billed = months_billed(at.session, at.org.id)
    typer.echo(f"{at.org.slug}: {kind} {number} is withdrawn. {withdrawn_words(billed, first_day(gone), end_day(gone))}")


@contextmanager
def _agreeing(slug: str) -> Iterator[_Agreeing]:
    """The organization's terms, open to be changed; kept when nothing was raised. Raises OrganizationUnknown."""
    bootstrap.be_ready()
    with db.lookup_transaction() as session:
        org = queries.organization_by_slug(session, slug)
    with db.platform_transaction() as session:
        yield _Agreeing(session, org, CURRENCIES[book_of(session, org.id).currency])


def _tell(at: _Agreeing, kind: str, number: int, sentence: str) -> None:
    typer.echo(harmless(f"{at.org.slug}: {sentence}. It is {kind} {number}."))


def _kind(name: str) -> Agreement:
    if name not in NAMES:
        more = " A credit is taken back by `flyusage terms revoke`." if name == CREDIT else ""
        raise InputInvalid(f"{harmless(name[:40])!r} is none of {', '.join(NAMES)}.{more}")
    return NAMES[name]


def _unit_of(at: _Agreeing, sku: str) -> str:
    """The unit that the book prices the sku in. Raises InputMissing where it does not."""
    found = prices_of(at.session, book_of(at.session, at.org.id).id, clock.now().date())
    unit = next((one.unit for one in found if one.sku == sku), None)
    if unit is None:
        raise InputMissing(
            f"Its book has no price of {harmless(sku[:60])}, so the unit is not known. Say --per UNIT ({', '.join(PER_QUANTITY)}, …)."
        )
    return unit


def _exact(text: str, name: str) -> Fraction:
    return Fraction(decimal(text, name))


def _since(given: datetime | None) -> date:
    return given.date() if given else asked.month(None)


def _day(given: datetime | None) -> date | None:
    return given.date() if given else None
