"""Books, agreements and usage drawn by chance: entered in the product, and told to the second biller in its own words."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import reference_bill as ref
import sqlalchemy as sa
from billing_world import BY, GERMAN
from factories import (
    Event,
    destroyed,
    egress_reported,
    ipv4_allocated,
    ipv4_released,
    started,
    stopped,
    volume_created,
    volume_destroyed,
    volume_resized,
)
from sqlmodel import Session

from flyusage import clock
from flyusage.money import CURRENCIES
from flyusage.pricing import agreements, books, experiments, grants
from flyusage.pricing.listed import ListedPrice, terms_json
from flyusage.pricing.rating import Model, Tier
from flyusage.pricing.tax import BillingProfile, TaxTreatment
from flyusage.pricing.terms import CpuKind, CreditKind, Discount, OneOffCharge, PriceOverride, RecurringFee, Reservation, SpendLimit

PRESETS = {"shared-cpu-1x": 256, "performance-2x": 4096, "shared-cpu-2x": 512, "a10": 32768}
KINDS = {"shared-cpu-1x": "shared", "shared-cpu-2x": "shared", "performance-2x": "performance", "a10": "gpu"}
GROUPS = {"dfw": "na_eu", "fra": "na_eu", "gru": "ap_oc_sa", "nrt": "ap_oc_sa"}
GB_MONTH, HOUR = 1024 * 30 * 86400, 3600
UNITS = {
    "machine.extra_ram": (1024 * HOUR, "GB-hour"), "machine.rootfs_stopped": (GB_MONTH, "GB-month"), "volume": (GB_MONTH, "GB-month"),
    "ipv4.dedicated": (30 * 86400, "ip-month"), "egress.public": (10**9, "GB"),
}  # fmt: skip
SCOPES = [["global"], ["na_eu", "ap_oc_sa"], list(GROUPS), ["global", "fra"], ["na_eu", "global", "dfw"]]
UNPRICED = [["fra"]]  # everywhere else the sku has no price
NOVEMBER = date(2026, 11, 1)
GERMAN_VAT = [
    (date(2007, 1, 1), Fraction(19)),
    (NOVEMBER, Fraction("21.3")),
]  # raised for these stories, so that late usage has its own rate
RAISE_GERMAN_VAT = (
    "UPDATE tax_rate SET ends_on = '2026-11-01' WHERE country = 'DE' AND ends_on IS NULL AND starts_on < '2026-11-01'",
    """INSERT INTO tax_rate (country, percent, starts_on, name) VALUES ('DE', 21.3, '2026-11-01', 'VAT') ON CONFLICT DO NOTHING""",
)
PROFILES = [
    (GERMAN, "19"),
    (GERMAN, "19"),
    (BillingProfile("Prism SAS", ("12 rue",), "75002", "Paris", "FR", vat_number="FR40303265045"), "0"),
    (BillingProfile("Privé", ("12 rue",), "75002", "Paris", "FR"), "20"),
    (BillingProfile("Prism Inc", ("1 Main",), "94104", "San Francisco", "US"), "0"),
    (BillingProfile("Museum", ("1 Main",), "10119", "Berlin", "DE", tax_treatment=TaxTreatment.EXEMPT, tax_reason="Art. 135"), "0"),
    (BillingProfile("Oy", ("1 Katu",), "00100", "Helsinki", "FI"), "25.5"),
]


@dataclass(frozen=True)
class Prices:
    """A price as the product takes it and as the second biller has it."""

    terms: dict[str, Any]
    told: ref.Price


class Story:
    """One organization's chances: currency, tax, and the world that the second biller bills by."""

    def __init__(self, chance: Random, slug: str) -> None:
        self.chance, self.slug = chance, slug
        self.currency = chance.choice(["USD", "USD", "EUR", "JPY", "KWD"])
        self.scale = 10 ** CURRENCIES[self.currency].exponent  # minor units in one
        self.size = 100 if self.currency == "JPY" else 1  # of amounts, so that a yen is not most of a price
        self.profile, percent = chance.choice(PROFILES)
        taxes = GERMAN_VAT if self.profile is GERMAN else [(date(2000, 1, 1), Fraction(percent))]
        self.world = ref.World(GROUPS, KINDS, PRESETS, CURRENCIES[self.currency].exponent, taxes)

    def amount(self, low: float, high: float, places: int) -> Decimal:
        """Between `low` and `high` of the currency."""
        return Decimal(self.chance.randint(int(low * 10**places), int(high * self.size * 10**places))).scaleb(-places)

    def minor(self, high: int) -> int:
        """Up to `high` of the currency, in minor units."""
        return self.chance.randint(1, high * self.size * self.scale)

    def sometimes(self, *counts: int) -> range:
        """As often as one of `counts` says."""
        return range(self.chance.choice(counts))

    def agree(self, session: Session, org_id: int, *, with_credits: bool = True) -> None:
        """A book of its own, perhaps after a life in another currency, and agreements of every kind."""
        self._buy(session, org_id)
        for _ in self.sometimes(0, 0, 1, 2):
            self._override(session, org_id)
        for number in self.sometimes(0, 0, 1, 2):
            self._discount(session, org_id, number)
        for _ in self.sometimes(0, 0, 1, 2):
            self._reservation(session, org_id)
        for number in self.sometimes(0, 1, 2):
            self._fee(session, org_id, number)
        for _ in self.sometimes(0, 0, 1):
            day, minor = date(2026, self.chance.choice([10, 11]), self.chance.randint(1, 30)), self.minor(100)
            agreements.add_charge(session, org_id, OneOffCharge("Charge", minor, self.currency, day), by=BY)
            self.world.charges.append((day, minor))
        for _ in self.sometimes(0, 0, 1):
            self._limit(session, org_id)
        for kind, held in ((CreditKind.PROMOTIONAL, self.world.promotional), (CreditKind.PREPAID, self.world.prepaid)):
            for _ in self.sometimes(0, 0, 1, 2) if with_credits else ():
                ends = [None, datetime(2026, 10, 15, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 20, 5, tzinfo=UTC)]
                credit = ref.Credit(self.minor(80), clock.now(), self.chance.choice(ends))
                grants.grant(session, org_id, kind, credit.left, description="Credit", expires_at=credit.expires, by=BY)
                held.append(credit)

    def _buy(self, session: Session, org_id: int) -> None:
        for statement in RAISE_GERMAN_VAT:
            session.execute(sa.text(statement))
        if self.currency != "USD":
            self._earlier_life(session, org_id)
        self._book(session, org_id)
        if self.chance.random() < 0.3:
            self._experiment(session)

    def price(self, *, is_linear: bool) -> Prices:
        """Of any model."""
        amount = self.amount(0.01, 3, self.chance.choice([2, 3, 6, 12]))
        model = "per_unit" if is_linear else self.chance.choice([*["per_unit"] * 3, "tiers", "tiers", "package", "free", "bounds"])
        if model == "tiers":
            return self._tiers()
        if model == "package":
            size, free = self.chance.randint(1, 12), self.chance.choice([0, 3])
            terms = {"amount": amount, "model": Model.PACKAGE, "package_size": Decimal(size), "free_quantity": Decimal(free)}
            return Prices(terms, ref.Price(Fraction(amount), model="package", package=Fraction(size), free=Fraction(free)))
        if model == "free":
            free = self.amount(0, 20, 2)
            return Prices({"amount": amount, "free_quantity": free}, ref.Price(Fraction(amount), free=Fraction(free)))
        if model == "bounds":
            low, high = self._bounds(sorted([self.amount(0, 60, 2), self.amount(0, 60, 2)]))
            told = ref.Price(
                Fraction(amount), minimum=low if low is None else Fraction(low), maximum=high if high is None else Fraction(high)
            )
            return Prices({"amount": amount, "minimum": low, "maximum": high}, told)
        return Prices({"amount": amount}, ref.Price(Fraction(amount)))

    def _tiers(self) -> Prices:
        bounds = [*map(Fraction, sorted(self.chance.sample(range(1, 40), 2))), None]
        flats = [self.chance.choice([Decimal(0), self.amount(0, 20, 2)]) for _ in bounds]
        tiers = tuple((up_to, Fraction(self.amount(0, 3, 3)), Fraction(flat)) for up_to, flat in zip(bounds, flats, strict=True))
        model, free = self.chance.choice([("graduated", 0), ("volume", 0), ("graduated", self.chance.randint(1, 10))])
        terms = {"amount": Decimal(0), "model": Model(model), "tiers": tuple(Tier(*tier) for tier in tiers), "free_quantity": Decimal(free)}
        return Prices(terms, ref.Price(model=model, tiers=tiers, free=Fraction(free)))

    def _bounds(self, both: list[Any]) -> tuple[Any, Any]:
        low, high = both
        return self.chance.choice([(low, None), (None, high), (low, high)])

    def _listed(self, sku: str, scope: str, *, is_linear: bool) -> tuple[ListedPrice, ref.Price]:
        per, unit = UNITS.get(sku, (HOUR, "machine-hour"))
        price = self.price(is_linear=is_linear)
        told = ref.Price(**{**vars(price.told), "per": per})
        return ListedPrice(sku=sku, scope=scope, per_quantity=per, unit=unit, **price.terms), told

    def _book(self, session: Session, org_id: int) -> None:
        """Versions in force before October, and perhaps from inside of it and of November on."""
        starts = [date(2026, 10, self.chance.randint(2, 31)), date(2026, 11, self.chance.randint(1, 30))]
        self.world.books = self._published(session, f"book-{self.slug}", [one for one in starts if self.chance.random() < 0.5])
        agreements.buy_from(session, org_id, f"book-{self.slug}", by=BY)

    def _earlier_life(self, session: Session, org_id: int) -> None:
        """Agreements in dollars, all withdrawn before the organization buys in its own currency: nothing of them is ever billed."""
        fee = agreements.add_fee(session, org_id, RecurringFee("Dollars", date(2026, 9, 1), None, Decimal(99), "USD"), by=BY)
        given = grants.grant(session, org_id, CreditKind.PREPAID, 9900, description="Dollars", by=BY)
        agreements.withdraw(session, org_id, agreements.Agreement.FEE, fee, by=BY)
        grants.revoke(session, org_id, given, by=BY)

    def _experiment(self, session: Session) -> None:
        """Another book's prices for a time, for this organization; perhaps ended before its planned end."""
        slug, begin = f"trial-{self.slug}", date(2026, 10, 1) + timedelta(days=self.chance.randint(0, 40))
        end = self.chance.choice([None, begin + timedelta(days=self.chance.randint(1, 40))])
        trial = self._published(session, slug, [])
        experiments.start(session, experiments.Plan(slug, slug, begin, end, base=f"book-{self.slug}", orgs=[self.slug]), by=BY)
        if self.chance.random() < 0.3:
            end = begin + timedelta(days=self.chance.randint(0, 1 if end else 20))
            experiments.end(session, slug, on=end, by=BY)
        self.world.trials.append(ref.Trial(begin, end, trial))

    def _published(self, session: Session, slug: str, starts: list[date]) -> dict[date, list[ref.Listed]]:
        """A book's versions, from long ago and from `starts` on; some of their prices stay."""
        book, told_of = books.create_book(session, slug=slug, name=slug, currency=self.currency), {}
        before: dict[tuple[str, str], tuple[ListedPrice, ref.Price]] = {}
        for start in [date(2024, 11, 1), *starts]:
            prices = {}
            for sku in [*(f"machine.{size}" for size in PRESETS), *UNITS]:
                is_machine = sku.startswith("machine.") and sku != "machine.rootfs_stopped"
                is_linear = sku == ref.MEMORY or (is_machine and self.chance.random() < 0.93)
                for scope in self.chance.choice(SCOPES if is_machine else [*SCOPES * 4, *UNPRICED]):
                    new = self._listed(sku, scope, is_linear=is_linear)
                    prices[sku, scope] = before.get((sku, scope), new) if self.chance.random() < 0.4 else new
            books.draft(session, book, start, prices=[listed for listed, _ in prices.values()])
            told_of[start] = [ref.Listed(sku, scope, told, start) for (sku, scope), (_, told) in prices.items()]
            before = prices
        books.publish(session, book)
        return told_of

    def _override(self, session: Session, org_id: int) -> None:
        sku = self.chance.choice(
            ["volume", "egress.public", "ipv4.dedicated", "machine.shared-cpu-1x", "machine.performance-2x", ref.MEMORY]
        )
        scope = self.chance.choice(["global", "fra", "na_eu"])
        if any((one.sku, one.scope) == (sku, scope) for one in self.world.overrides):
            return
        listed, told = self._listed(sku, scope, is_linear=sku.startswith("machine") or self.chance.random() < 0.5)
        start = date(2026, self.chance.choice([9, 10, 10]), self.chance.randint(1, 30))
        end = self.chance.choice([None, None, start + timedelta(days=self.chance.randint(1, 50))])
        amount, model = listed.checked().amount, terms_json(listed.price)
        agreed = PriceOverride(sku, scope, amount, listed.per_quantity, listed.unit, start, end, model=model)
        number = agreements.agree_price(session, org_id, agreed, by=BY)
        self.world.overrides.append(ref.Listed(sku, scope, told, start, end, negotiated=number))

    def _discount(self, session: Session, org_id: int, number: int) -> None:
        first, periods = date(2026, self.chance.choice([9, 10, 11]), 1), self.chance.choice([None, 1, 2])
        sku = self.chance.choice([None, None, "volume", "machine.performance-2x"])
        percent, minor = (self.amount(1, 100 / self.size, 2), None) if self.chance.random() < 0.5 else (None, self.minor(60))
        currency = self.currency if minor else None
        agreed = Discount(f"Discount {number}", first, percent=percent, amount_minor=minor, currency=currency, periods=periods, sku=sku)
        agreements.give_discount(session, org_id, agreed, by=BY)
        self.world.discounts.append(ref.Discount(first, periods, sku, None if percent is None else Fraction(percent), minor or 0))

    def _reservation(self, session: Session, org_id: int) -> None:
        region, kind = self.chance.choice(list(GROUPS)), self.chance.choice(["shared", "performance"])
        upfront, credit = self.chance.choice([0, self.minor(90)]), self.minor(80)
        start = date(2026, self.chance.choice([8, 9, 10, 11]), self.chance.randint(1, 28))
        months = self.chance.choice([1, 2, 12])
        region_id = session.execute(sa.text("SELECT id FROM region WHERE code = :code"), {"code": region}).scalar_one()
        agreed = Reservation(region_id, CpuKind(kind), upfront, credit, self.currency, start, months)
        agreements.reserve(session, org_id, agreed, by=BY)
        self.world.reservations.append(ref.Reservation(region, kind, upfront, credit, start, months))

    def _fee(self, session: Session, org_id: int, number: int) -> None:
        """Seats or support: many of them, from a day inside the month to another."""
        first = date(2026, self.chance.choice([9, 10, 11]), self.chance.randint(1, 30))
        last = self.chance.choice([None, first + timedelta(days=self.chance.randint(0, 60))])
        amount, quantity = self.amount(0, 60, 3), Decimal(self.chance.choice(["1", "1", "3", "2.5"]))
        agreements.add_fee(session, org_id, RecurringFee(f"Fee {number}", first, last, amount, self.currency, quantity), by=BY)
        self.world.fees.append(ref.Fee(first, last, Fraction(amount), Fraction(quantity)))

    def _limit(self, session: Session, org_id: int) -> None:
        low, high = self._bounds(sorted([self.minor(300), self.minor(300)]))
        start = date(2026, self.chance.choice([9, 10]), 1 if high is not None else self.chance.randint(1, 30))
        end = self.chance.choice([None, date(2026, 11, 1)])
        agreements.limit_spend(session, org_id, SpendLimit(self.currency, start, end, low, high), by=BY)
        self.world.limits.append(ref.Limit(start, end, low, high))

    def usage(self, prefix: str, start: datetime, end: datetime, count: int) -> list[Event]:
        """What `count` machines, volumes and addresses did between `start` and `end`."""
        found: list[Event] = []
        for number in range(count):
            kind = self.chance.choice("mmmmvvie")
            where = {"org": self.slug, "app": self.chance.choice(["web", "api", "wörk"]), "region": self.chance.choice(list(GROUPS))}
            times = sorted(start + timedelta(seconds=self.chance.randint(0, int((end - start).total_seconds()))) for _ in range(3))
            if self.chance.random() < 0.2:
                times[1] = times[0]
            found += {"m": self._machine, "e": self._egress, "v": self._volume, "i": self._address}[kind](
                f"{prefix}{kind}{number}", times, where
            )
        return found

    def _machine(self, name: str, times: list[datetime], where: dict[str, Any]) -> list[Event]:
        found = []
        for number, at in enumerate(times[: self.chance.randint(1, 3)]):
            verb = self.chance.choice(["start", "start", "stop", "stop", "destroy"]) if number else "start"
            size = self.chance.choice(list(PRESETS))
            memory = PRESETS[size] + self.chance.choice([0, 0, 256, 512, 1000])
            if verb == "start":
                found.append(started(name, _iso(at), vm_size=size, memory_mb=memory, **where))
            elif verb == "stop":
                found.append(stopped(name, _iso(at), rootfs_gb=self.chance.choice([None, 8, 1.5]), **where))
            else:
                found.append(destroyed(name, _iso(at), **where))
        return found

    def _egress(self, name: str, times: list[datetime], where: dict[str, Any]) -> list[Event]:
        start = times[1]
        end = start + timedelta(seconds=self.chance.randint(1, 40_000))
        report = egress_reported(name, _iso(start), _iso(end), count=self.chance.randint(1, 60 * 10**9), **where)
        return [*self._machine(name, times, where), report]

    def _volume(self, name: str, times: list[datetime], where: dict[str, Any]) -> list[Event]:
        found = [volume_created(name, _iso(times[0]), gb=self.chance.randint(1, 40), **where)]
        if self.chance.random() < 0.5:
            found.append(volume_resized(name, _iso(times[1]), gb=self.chance.randint(1, 60), **where))
        return [*found, volume_destroyed(name, _iso(times[2]), **where)] if self.chance.random() < 0.5 else found

    def _address(self, name: str, times: list[datetime], where: dict[str, Any]) -> list[Event]:
        found = [ipv4_allocated(name, _iso(times[0]), **where)]
        return [*found, ipv4_released(name, _iso(times[1]), **where)] if self.chance.random() < 0.6 else found


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
