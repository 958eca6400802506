"""Prices, printed. Pure."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import groupby

from flyusage.invoices.wording import times, unit_of
from flyusage.money import CURRENCIES, Currency, format_money
from flyusage.pricing.books import PriceBook
from flyusage.pricing.price_list import PriceEntry, PriceSpan
from flyusage.pricing.reference import RegionFact
from flyusage.pricing.terms import PriceOverride
from flyusage.pricing.versions import Version
from flyusage.ui import present, statements
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.billing.rows import Choosing
from flyusage.ui.pages.prices.address import Choice, prices_href
from flyusage.ui.pages.prices.rows import History, PriceGroup, PriceRow, RegionOption, Screen, SpanRow

FEW_REGIONS = 4
# What a sku's code begins with → the group it stands in, in the order of the page.
GROUPS = (
    ("machine.rootfs", "Storage"), ("machine.", "Machines"), ("gpu.", "GPUs"), ("volume", "Storage"), ("egress", "Network"),
    ("ingress", "Network"), ("transfer.", "Network"), ("ipv4", "Network"), ("mpg.", "Managed Postgres"), ("reservation.", "Reservations"),
)  # fmt: skip
ORDER = ("Machines", "GPUs", "Storage", "Network", "Managed Postgres", "Reservations", "Plans and fees")


@dataclass(frozen=True)
class Told:
    """Prices of a book on a day, as the address asks for them. `overrides` are the organization's own, in force on that day."""

    slug: str
    choice: Choice
    today: date
    book: PriceBook
    versions: Sequence[Version]
    regions: Sequence[RegionFact]
    entries: Sequence[PriceEntry]
    overrides: Sequence[PriceOverride] = ()
    history: Sequence[PriceSpan] | None = None

    @property
    def day(self) -> date:
        """The day whose prices are shown."""
        return self.choice.on or self.today

    @property
    def currency(self) -> Currency:
        """The book's."""
        return CURRENCIES[self.book.currency]


def screen(told: Told) -> Screen:
    """The whole page."""
    found = [one for one in told.entries if _matches(one, told.choice.find)]
    groups = _groups(told, found)
    count = len({one.sku for one in found})
    return Screen(
        note=f"{visible(told.book.name)} in {told.currency.code}{', on ' + present.date_text(told.day) if told.choice.on else ''}",
        versions=_versions(told),
        version_note=_version_note(told),
        regions=[RegionOption("", "All regions"), *[RegionOption(one.code, f"{one.code} · {one.name}") for one in told.regions]],
        region=told.choice.region,
        find=told.choice.find,
        count=present.plural(count, "price"),
        agreed=[_agreed(one, told) for one in told.overrides],
        history=_history(told) if told.history is not None else History(),
        groups=groups,
        empty_title="" if groups else "No price matches" if told.choice.find else f"{visible(told.book.name)} had no prices then",
        empty_next="" if groups else "Names and codes of what is sold are searched." if told.choice.find else _first_version(told),
        command=_command(told),
    )


def price_text(entry: PriceEntry | PriceSpan, currency: Currency) -> str:
    """`$0.0028 per hour`: a price by the second reads by the hour, at four decimals; any other with every digit."""
    unit = unit_of(entry.unit)
    if unit.times == 1:
        return statements.price_text(entry.amount, unit.per, currency)
    return f"{format_money(times(entry.amount, unit.times), currency, places=max(4, currency.exponent))} {unit.per}"


def exact_text(entry: PriceEntry | PriceSpan, currency: Currency) -> str:
    """The price as it is published."""
    return statements.price_text(entry.amount, f"per {entry.unit}", currency)


def _matches(entry: PriceEntry, find: str) -> bool:
    sought = f"{entry.sku} {entry.title} {group_of(entry.sku)}".lower()
    return all(word in sought for word in find.lower().split())


def group_of(sku: str) -> str:
    """The group that a sku stands in."""
    return next((name for beginning, name in GROUPS if sku.startswith(beginning)), ORDER[-1])


def _groups(told: Told, found: Iterable[PriceEntry]) -> list[PriceGroup]:
    by_sku = [list(same) for _, same in groupby(sorted(found, key=_place), key=lambda one: one.sku)]
    rows = [(group_of(same[0].sku), _row(told, same)) for same in by_sku]
    return [PriceGroup(name, [row for of, row in rows if of == name]) for name in ORDER if any(of == name for of, _ in rows)]


def _place(entry: PriceEntry) -> tuple[object, ...]:
    """Sizes by what they cost, so that 2x stands before 10x."""
    month = entry.month if entry.month is not None else Fraction(0)
    family = "z" if entry.sku == "machine.extra_ram" else entry.sku.rpartition("-")[0] or entry.sku.rpartition(".")[0]
    return group_of(entry.sku), family, _digits(entry.sku), month if not family else 0, entry.sku, entry.amount


def _digits(sku: str) -> int:
    number = "".join(character for character in sku.rpartition("-")[2] if character.isdecimal()) if "-" in sku else ""
    return int(number or 0)


def _row(told: Told, same: Sequence[PriceEntry]) -> PriceRow:
    """One thing: its price, or from the least to the most where regions differ."""
    first, least, most, currency = same[0], min(same, key=_amount), max(same, key=_amount), told.currency
    price = price_text(least, currency)
    month = format_money(least.month, currency) if least.month is not None else ""
    if least.amount != most.amount:
        price = f"{price.partition(' ')[0]} – {price_text(most, currency)}"
        month = f"{month} – {format_money(most.month, currency)}" if most.month is not None else month
    more = first.terms or ("" if first.month is not None else first.note)
    return PriceRow(
        sku=first.sku,
        title=visible(first.title.removeprefix("Machine ")),
        price=price,
        exact=exact_text(first, currency) if least.amount == most.amount else f"{len(same)} prices, by region",
        month=month,
        more=_said(more),
        href=prices_href(told.slug, told.choice.with_(sku="" if told.choice.sku == first.sku else first.sku)),
        is_current=told.choice.sku == first.sku,
    )


def _amount(entry: PriceEntry) -> object:
    return entry.amount


def _versions(told: Told) -> list[Choosing]:
    """Newest first; the one in force on the day shown is current."""
    shown = _version_on(told, told.day)
    return [
        Choosing(
            present.date_text(one.effective_from),
            prices_href(told.slug, told.choice.with_(on=None if one == _version_on(told, told.today) else one.effective_from)),
            one == shown,
            _said(one.note) or one.name,
        )
        for one in reversed(told.versions)
    ]


def _version_on(told: Told, day: date) -> Version | None:
    return next((one for one in reversed(told.versions) if one.effective_from <= day), None)


def _version_note(told: Told) -> str:
    shown = _version_on(told, told.day)
    if shown is None:
        return ""
    note = f": {visible(shown.note)}" if shown.note else ""
    return f"Price version {shown.name}, in force from {present.date_text(shown.effective_from)} 00:00 UTC{note}."


def _first_version(told: Told) -> str:
    return (
        f"Its first version is of {present.date_text(told.versions[0].effective_from)}."
        if told.versions
        else "No version is published yet."
    )


def _agreed(override: PriceOverride, told: Told) -> str:
    unit, currency = unit_of(override.unit), told.currency
    where = "everywhere" if override.scope == "global" else f"in {override.scope}"
    if override.model is not None:
        return f"You agreed a price of your own for {override.sku} {where}, with terms beyond an amount per unit."
    price = statements.price_text(times(override.amount, unit.times), unit.per, currency)
    return f"You agreed {price} for {override.sku} {where}; it goes before the price below."


def _history(told: Told) -> History:
    assert told.history is not None
    entry = next((one for one in told.entries if one.sku == told.choice.sku), None)
    where = f"in {told.choice.region}" if told.choice.region else "in every region"
    return History(
        title=visible(entry.title if entry else told.choice.sku),
        sku=told.choice.sku,
        note=f"{where}, newest first",
        rows=[_span(one, told) for one in sorted(told.history, key=lambda one: (-one.starts_on.toordinal(), one.amount, one.regions))],
        close_href=prices_href(told.slug, told.choice.with_(sku="")),
    )


def _span(span: PriceSpan, told: Told) -> SpanRow:
    assert told.history is not None
    before = [one for one in told.history if one.ends_on == span.starts_on and set(span.regions) <= set(one.regions)]
    change, tone = "", "same"
    if len(before) == 1 and before[0].unit == span.unit and before[0].terms == span.terms:
        change = present.percent_change_text(Fraction(before[0].amount), Fraction(span.amount))
        tone = present.tone(Fraction(span.amount - before[0].amount))
    few = ", ".join(span.regions) if len(span.regions) <= FEW_REGIONS else f"{len(span.regions)} regions"
    return SpanRow(
        since=present.date_text(span.starts_on),
        until=present.date_text(span.ends_on) if span.ends_on else "still",
        regions="every region" if len(span.regions) == len(told.regions) else few,
        regions_title=", ".join(span.regions),
        price=price_text(span, told.currency),
        exact=exact_text(span, told.currency),
        more=_said(span.terms),
        change=change,
        tone=tone,
        is_now=span.starts_on <= told.today and (span.ends_on is None or told.today < span.ends_on),
    )


def _command(told: Told) -> str:
    region = f" --region {shlex.quote(told.choice.region)}" if told.choice.region else ""
    return f"flyusage prices list --org {shlex.quote(told.slug)} --on {told.day}{region}"


def _said(text: str) -> str:
    """What there is to say beside a price; where there is nothing, nothing is shown."""
    return visible(text) if text else ""
