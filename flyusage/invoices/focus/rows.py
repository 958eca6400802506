"""The rows of a month: papers told charge by charge, down to the day or hour, and to the machine where that is asked for.

Nothing is billed anew here. A row's billed cost is the invoice's own part of a place and day (whole minor units); of machines
and hours it is that part split by what each used, at twelve decimals, by largest remainder. List and contracted cost are rounded
to as many decimals so that all rows add up to what they come to together. Memory holds one month's places
and one place's day of machines, however many rows there are.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from sqlmodel import Session

from flyusage.invoices.allocation import Place
from flyusage.invoices.focus.columns import PLACES, PRICE_PLACES, Row
from flyusage.invoices.focus.papers import Group, Loose, Paper, Papers, Used, papers_of
from flyusage.invoices.focus.portions import Amounts, Portion, Unit, Width, amounts_on, parted, plain, portions_of
from flyusage.invoices.wording import unit_of
from flyusage.metering.cost_centres import UNASSIGNED
from flyusage.money import CURRENCIES, round_half_away
from flyusage.periods import DAY, HOUR, midnight, month_period
from flyusage.pricing.negotiated import contracted_table
from flyusage.pricing.price_table import DatedPrice
from flyusage.pricing.terms import Reservation, terms_of

AT_ONCE = 5_000
SCALE = 10**PLACES
WIDE = Context(prec=60)
PREPAID = "Prepaid credits"
RESOURCES = {1: "Machine", 2: "Volume", 3: "IPv4 address"}
COMPUTE = ("Compute", "Machines", "Virtual Machines")
STORAGE = ("Storage", "Storage", "Block Storage")
NETWORK = ("Networking", "Network", "Network Connectivity")
OTHER = ("Other", "Plans and charges", "Other (Other)")
SERVICES = {
    "machine": COMPUTE, "extra_memory": COMPUTE, "rootfs": STORAGE, "volume": STORAGE, "ipv4": NETWORK, "egress": NETWORK,
}  # fmt: skip
CONSUMED = {  # a sku's base units in one of what is told
    "machine": (3600, "Hours"), "extra_memory": (1024 * 3600, "GiB-Hours"), "rootfs": (1024 * 3600, "GiB-Hours"),
    "volume": (1024 * 3600, "GiB-Hours"), "ipv4": (3600, "Hours"), "egress": (10**9, "GB"),
}  # fmt: skip
PRICED_IN = {
    "hours": "Hours", "GB-hours": "GiB-Hours", "GB-months": "GiB-Months", "IP-hours": "Address-Hours", "IP-months": "Address-Months",
    "GB": "GB",
}  # fmt: skip
METERS = {
    "machine": "Machine time", "extra_memory": "Memory time", "rootfs": "Root filesystem time", "volume": "Volume time",
    "ipv4": "Address time", "egress": "Bytes out",
}  # fmt: skip


@dataclass(frozen=True)
class Account:
    """Whose bill it is."""

    id: int
    slug: str
    name: str


def rows(
    session: Session, account: Account, month: date, *, by: Unit = Unit.APP, per: Width = Width.DAY, now: datetime | None = None
) -> Iterator[Row]:
    """Every charge of the month that begins on `month`, document by document.

    BilledCost sums to what each document asks for (gross less prepaid credits; a credit note's is below zero), and its rows that
    are neither Tax nor prepaid to its net. A month that is not issued is told as a draft. Raises NothingBilled at once.
    """
    papers = papers_of(session, account.id, month, now=now)
    return _Telling(session, account, papers, by, per).rows()


class _Prices(NamedTuple):
    """A place's prices on a day: unit price, units of quantity and words; numerator and denominator of a base unit's cost × SCALE."""

    list_price: Decimal
    contracted_price: Decimal
    per: int
    unit: str
    sku_price: str
    list_rate: tuple[int, int]
    contracted_rate: tuple[int, int]


class _Telling:
    def __init__(self, session: Session, account: Account, papers: Papers, by: Unit, per: Width) -> None:
        self.session, self.account, self.papers, self.by, self.per = session, account, papers, by, per
        self.known, self.month = papers.known, papers.month
        self.period = month_period(midnight(papers.month))
        self.days = list(self.period.days())
        self.contracted = contracted_table(session, account.id, self.known.prices, self.period)
        self.reservations = {f"reservation/{one.id}": one for one in terms_of(session, account.id, self.period).reservations}
        self._priced: dict[tuple[int, int, int], _Prices] = {}
        self._listed, self._contracted = _Carried(), _Carried()
        self._centres = self.known.names.centres.on(papers.month)

    def rows(self) -> Iterator[Row]:
        for paper in self.papers.papers:
            common = self._common(paper)
            if paper.quantities:
                yield from self._of_usage(paper, common)
            for one in paper.loose:
                yield from self._of_loose(paper, one, common)
            yield from self._of_totals(paper, common)

    def _common(self, paper: Paper) -> dict[str, Any]:
        """What every row of a paper says, and null for all that it may leave out."""
        issuer = plain(paper.issuer)
        return {
            **dict.fromkeys(Row._fields),
            "BillingAccountId": f"org/{self.account.slug}",
            "BillingAccountName": plain(self.account.name),
            "BillingCurrency": paper.currency,
            "PricingCurrency": paper.currency,
            "BillingPeriodStart": self.period.start,
            "BillingPeriodEnd": self.period.end,
            "InvoiceId": plain(paper.number),
            "InvoiceIssuerName": issuer,
            "ProviderName": issuer,
            "PublisherName": issuer,
            "x_InvoiceState": paper.state,
        }

    def _of_usage(self, paper: Paper, common: dict[str, Any]) -> Iterator[Row]:
        portions = portions_of(self.session, self.known, self.period, by=self.by, per=self.per)
        unit = self._unit(paper)
        for place in sorted(paper.quantities):
            used = paper.used.get(place) or Used()
            about = {**common, **self._about(place)}
            for index, day in enumerate(self.days):
                amounts = amounts_on(used, index)
                quantity = paper.quantities[place][index]
                if not quantity and not amounts.is_something:
                    continue
                whole = parted(quantity, portions.of(place, day)) if portions else [Portion(None, None, None, quantity)]
                prices = self._prices(place, day)
                yield from self._of_day(about, day, whole, (amounts.times(unit), prices, paper.names))

    def _of_day(
        self, about: dict[str, Any], day: date, portions: list[Portion], priced: "tuple[Amounts, _Prices, Mapping[str, str]]"
    ) -> Iterator[Row]:
        amounts, prices, names = priced
        parts = amounts.split([one.quantity for one in portions])
        for portion, part in zip(portions, parts, strict=True):
            start = portion.start or midnight(day)
            own = {
                **about,
                "ChargePeriodStart": start,
                "ChargePeriodEnd": start + (HOUR if portion.start else DAY),
                "ResourceId": portion.name,
                "ResourceName": portion.name,
                "ResourceType": RESOURCES.get(portion.kind or 0),
            }
            yield from self._of_portion(own, portion.quantity, part, (prices, names))

    def _of_portion(self, own: dict[str, Any], quantity: int, part: "Amounts", priced: tuple[_Prices, Mapping[str, str]]) -> Iterator[Row]:
        """A row of what is paid for itself, one for each reservation that paid a part, one for each credit."""
        prices, names = priced
        left = quantity
        for key in sorted({*part.reserved, *part.shares}):
            taken = -part.reserved.get(key, 0)
            covered = min(left, quantity * taken // part.usage) if part.usage > 0 else 0
            left -= covered
            more = {"BilledCost": Decimal(0), "EffectiveCost": _cost(part.shares.get(key, 0)), "PricingCategory": "Committed"}
            yield _row(own, self._usage(own, covered, prices), more, self._commitment(key, names, "Used", taken))
        billed = part.usage + part.lowered + sum(part.reserved.values())
        if left or billed:
            cost = _cost(billed)
            yield _row(own, self._usage(own, left, prices), {"BilledCost": cost, "EffectiveCost": cost})
        for key, amount in sorted(part.credits.items()):
            if amount:
                yield _row(own, _flat("Credit", "One-Time", _cost(amount), names.get(key, key)))

    def _usage(self, own: dict[str, Any], quantity: int, prices: _Prices) -> dict[str, Any]:
        size, unit = own["_consumed"]
        return {
            "ChargeCategory": "Usage",
            "ChargeFrequency": "Usage-Based",
            "PricingCategory": "Standard",
            "ConsumedQuantity": _told(quantity, size),
            "ConsumedUnit": unit,
            "PricingQuantity": _told(quantity, prices.per),
            "PricingUnit": prices.unit,
            "ListUnitPrice": prices.list_price,
            "ContractedUnitPrice": prices.contracted_price,
            "ListCost": self._listed.at(quantity, prices.list_rate),
            "ContractedCost": self._contracted.at(quantity, prices.contracted_rate),
            "SkuPriceId": prices.sku_price,
        }

    def _of_loose(self, paper: Paper, one: Loose, common: dict[str, Any]) -> Iterator[Row]:
        unit, last = self._unit(paper), len(list(month_period(midnight(one.month)).days())) - 1
        about = {**common, **self._about(one.place)}
        if one.group is Group.UPFRONT:  # bought once, on its first day
            days = {next((index for index, amount in enumerate(one.days) if amount), 0): sum(one.days)}
        else:
            days = {index: amount for index, amount in enumerate(one.days[:last]) if amount}
            if rest := sum(one.days[last:]):
                days[last] = rest
        for index, amount in days.items():
            start = midnight(one.month + timedelta(days=index))
            own = {**about, "ChargePeriodStart": start, "ChargePeriodEnd": start + DAY}
            yield _row(own, self._loose(one, amount * unit, paper))

    def _loose(self, one: Loose, amount: int, paper: Paper) -> dict[str, Any]:
        cost = _cost(amount)
        if one.group is Group.UNUSED:
            zero = {"BilledCost": Decimal(0), "EffectiveCost": cost, "ListCost": Decimal(0), "ContractedCost": Decimal(0)}
            priced = {**_bought(one.key, Decimal(0), Decimal(0), "Units"), **zero, "PricingCategory": "Committed"}
            told = {**priced, "ChargeCategory": "Usage", "ChargeFrequency": "Usage-Based"}
            return {**told, **self._commitment(one.key, paper.names, "Unused", 0), "ChargeDescription": f"Unused: {plain(one.description)}"}
        if one.group is Group.UPFRONT:
            key = one.key.removesuffix("/upfront")
            told = {**_flat("Purchase", "One-Time", cost, one.description), **_bought(one.key, Decimal(1), cost, "Units")}
            more = self._commitment(key, paper.names, None, self._term_credit(key) * self._unit(paper) or amount)
            return {**told, "EffectiveCost": Decimal(0), "PricingCategory": "Standard", **more, "ChargeDescription": plain(one.description)}
        if one.group in (Group.FEE, Group.ONE_OFF) and amount > 0:
            often, unit = ("Recurring", "Days") if one.group is Group.FEE else ("One-Time", "Units")
            consumed = {"ConsumedQuantity": Decimal(1), "ConsumedUnit": unit, "PricingCategory": "Standard"}
            return {**_flat("Usage", often, cost, one.description), **_bought(one.key, Decimal(1), cost, unit), **consumed}
        if one.group in (Group.LATE, Group.GIVEN_BACK):
            return {**_flat("Adjustment", "One-Time", cost, one.description), "ChargeClass": "Correction"}
        category = "Credit" if one.group is Group.REDUCTION else "Adjustment"
        return _flat(category, "One-Time", cost, one.description)

    def _of_totals(self, paper: Paper, common: dict[str, Any]) -> Iterator[Row]:
        """Tax, and what prepaid credits pay: of the document as a whole."""
        span = {"ChargePeriodStart": self.period.start, "ChargePeriodEnd": self.period.end}
        about = {**common, **self._about(Place(0, 0, 0, 0)), **span}
        for name, amount in paper.taxes:
            if amount:
                yield _row(about, _flat("Tax", "One-Time", _cost(amount * self._unit(paper)), name))
        if paper.prepaid_minor:
            cost = _cost(-paper.prepaid_minor * self._unit(paper))
            yield _row(about, _flat("Credit", "One-Time", cost, PREPAID))

    def _commitment(self, key: str, names: Mapping[str, str], status: str | None, taken: int) -> dict[str, Any]:
        """What a row says of a reservation; `taken` of its credit, in units of SCALE."""
        one = self.reservations.get(key)
        where = f", {self.known.reference.regions[one.region_id].code}" if one and one.region_id in self.known.reference.regions else ""
        name = f"Reserved {one.cpu_kind} machines{where}" if one else names.get(key, "Reservation")
        return {
            "CommitmentDiscountCategory": "Spend",
            "CommitmentDiscountId": key,
            "CommitmentDiscountName": plain(name),
            "CommitmentDiscountQuantity": _cost(taken),
            "CommitmentDiscountStatus": status,
            "CommitmentDiscountType": "Reservation",
            "CommitmentDiscountUnit": self.known.book.currency,
        }

    def _term_credit(self, key: str) -> int:
        """What a reservation's term gives, in minor units; 0 where it is not known any more."""
        one: Reservation | None = self.reservations.get(key)
        return one.monthly_credit_minor * one.months if one else 0

    def _about(self, place: Place) -> dict[str, Any]:
        """What a place is called."""
        facts, names = self.known.reference, self.known.names
        sku, region = facts.skus.get(place.sku_id), facts.regions.get(place.region_id)
        category, service, sub = SERVICES.get(sku.meter or "", OTHER) if sku else OTHER
        app = names.apps.get(place.app_id)
        tags = {}
        if app is not None:
            tags["flyusage/cost_centre"] = names.centres.names.get(self._centres.get(place.app_id, 0), UNASSIGNED)
        if place.vm_size_id in facts.sizes and place.vm_size_id:
            tags["flyusage/vm_size"] = facts.sizes[place.vm_size_id].name
        return {
            "ChargeDescription": plain(f"{sku.title}{f' in {region.name}' if region else ''}") if sku else "Charge",
            "RegionId": region.code if region else None,
            "RegionName": plain(region.name) if region else None,
            "ServiceCategory": category,
            "ServiceName": service,
            "ServiceSubcategory": sub,
            "SkuId": sku.code if sku else None,
            "SkuMeter": METERS.get(sku.meter or "") if sku else None,
            "SubAccountId": f"app/{plain(app)}" if app is not None else None,
            "SubAccountName": plain(app) if app is not None else None,
            "Tags": json.dumps(tags) if tags else None,
            "_consumed": CONSUMED.get(sku.meter or "", (1, "Units")) if sku else (1, "Units"),
        }

    def _prices(self, place: Place, day: date) -> _Prices:
        listed, contracted = (table.on(place.sku_id, place.region_id, day) for table in (self.known.prices, self.contracted))
        key = (id(listed), id(contracted), place.sku_id)
        if key not in self._priced:
            self._priced[key] = self._priced_at(listed, contracted, place.sku_id)
        return self._priced[key]

    def _priced_at(self, listed: DatedPrice | None, contracted: DatedPrice | None, sku_id: int) -> _Prices:
        code = self.known.reference.skus[sku_id].code
        if listed is None and contracted is None:
            size, unit = CONSUMED.get(self.known.reference.skus[sku_id].meter or "", (1, "Units"))
            return _Prices(Decimal(0), Decimal(0), size, unit, f"unpriced/{code}", (0, 1), (0, 1))
        told = listed or contracted
        assert told is not None
        unit = unit_of(told.unit)
        size = told.per * unit.times
        return _Prices(
            _unit_price(listed, size),
            _unit_price(contracted, size),
            size,
            PRICED_IN.get(unit.name, "Units"),
            f"price/{told.price_id}" if told.price_id else f"contracted/{code}",
            _rate(listed),
            _rate(contracted),
        )

    def _unit(self, paper: Paper) -> int:
        """A minor unit in units of SCALE."""
        return 10 ** (PLACES - CURRENCIES[paper.currency].exponent)


def _row(*parts: Mapping[str, Any]) -> Row:
    whole: dict[str, Any] = {}
    for part in parts:
        whole.update(part)
    whole.pop("_consumed", None)
    for name in ("ContractedUnitPrice", "EffectiveCost", "ListUnitPrice"):
        whole[f"PricingCurrency{name}"] = whole[name]
    return Row(**whole)


def _flat(category: str, often: str, cost: Decimal, description: str) -> dict[str, Any]:
    """A charge that no price times a quantity makes: every cost is what is billed."""
    costs = dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), cost)
    return {**costs, "ChargeCategory": category, "ChargeFrequency": often, "ChargeDescription": plain(description)}


def _bought(key: str, quantity: Decimal, price: Decimal, unit: str) -> dict[str, Any]:
    """A thing that is its own sku: so much of it at a price."""
    return {
        "SkuId": plain(key),
        "SkuMeter": "Agreed amount",
        "SkuPriceId": f"agreed/{plain(key)}",
        "PricingQuantity": quantity,
        "PricingUnit": unit,
        "ListUnitPrice": price,
        "ContractedUnitPrice": price,
    }


def _cost(units: int) -> Decimal:
    """Units of SCALE in the major unit, without trailing zeros."""
    return Decimal(units).scaleb(-PLACES, WIDE).normalize(WIDE) if units else Decimal(0)


def _told(quantity: int, size: int) -> Decimal:
    return _cost((2 * quantity * SCALE + size) // (2 * size))


class _Carried:
    """Costs to the nearest unit of SCALE, of which each takes over what the rounding of those before it left: they sum to what is exact."""

    def __init__(self) -> None:
        self._left = Fraction(0)

    def at(self, quantity: int, rate: tuple[int, int]) -> Decimal:
        """What a quantity costs at a rate. Less than a unit from what is exact."""
        above, below = rate
        exact = Fraction(quantity * above, below) + self._left
        units = (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)
        self._left = exact - units
        return _cost(units)


def _rate(price: DatedPrice | None) -> tuple[int, int]:
    if price is None:
        return 0, 1
    one = Fraction(price.amount) * SCALE / price.per
    return one.numerator, one.denominator


def _unit_price(price: DatedPrice | None, size: int) -> Decimal:
    """The price of `size` base units."""
    if price is None:
        return Decimal(0)
    return round_half_away(Fraction(price.amount) * size / price.per, PRICE_PLACES).normalize(WIDE)
