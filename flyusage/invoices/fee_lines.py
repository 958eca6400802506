"""What is charged beside usage: recurring fees by the day, one-off charges, what reservations cost up front. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from flyusage.invoices.ledger import lump
from flyusage.invoices.statement import Line, LineKind
from flyusage.invoices.usage_lines import Setting
from flyusage.invoices.wording import FEES, MONTHLY, ONE_OFF, RESERVATIONS, region_name, shown, telling
from flyusage.money import format_money, to_minor
from flyusage.periods import DAY, Period, midnight
from flyusage.pricing.proration import prorate
from flyusage.pricing.rating import Model, Price, RatedCharge, Step, plain, rate
from flyusage.pricing.terms import OneOffCharge, RecurringFee, Reservation


@dataclass(frozen=True)
class FeePrice:
    """The book's price of a sku that is not metered, in `[since, until)`."""

    price: Price
    since: date
    until: date
    price_id: int
    version: date

    @property
    def span(self) -> Period:
        """Its days as a period."""
        return Period(midnight(self.since), midnight(self.until))


FeePrices = Mapping[int, Sequence[FeePrice]]  # by sku id


def fee_lines(setting: Setting, prices: FeePrices, usage: Fraction) -> list[Line]:
    """Everything agreed that is due in the period. `usage` is what a percentage is of: the period's usage, before reductions."""
    terms = setting.terms
    lines = [line for fee in terms.fees for line in _fee(setting, fee, prices.get(fee.sku_id or 0, ()), usage)]
    lines += [_charge(setting, charge) for charge in terms.charges]
    starting = [one for one in terms.reservations if one.upfront_minor and midnight(one.starts_on) in terms.period]
    return lines + [_upfront(setting, one) for one in starting]


def unpriced_fees(setting: Setting, prices: FeePrices) -> list[RecurringFee]:
    """Fees of a sku that the book has no price for on some day they are due."""
    found = []
    for fee in setting.terms.fees:
        due = fee.term.clip(setting.terms.period)
        covered = sum(one.span.clip(due).seconds for one in prices.get(fee.sku_id or 0, ()))
        if fee.unit_amount is None and covered < due.seconds:
            found.append(fee)
    return found


def _fee(setting: Setting, fee: RecurringFee, prices: Sequence[FeePrice], usage: Fraction) -> list[Line]:
    due = fee.term.clip(setting.terms.period)
    if fee.unit_amount is not None:
        whole = _times(Fraction(fee.unit_amount), Fraction(fee.quantity))
        return [_fee_line(setting, fee, due, whole, None)]
    spans = [(one.span.clip(due), one) for one in prices]
    return [_fee_line(setting, fee, span, _rated(fee, one.price, usage), one) for span, one in spans if span.seconds]


def _rated(fee: RecurringFee, price: Price, usage: Fraction) -> RatedCharge:
    base = usage if price.model is Model.PERCENTAGE else Fraction(fee.quantity)
    return rate(base * price.per_quantity, price)


def _times(amount: Fraction, quantity: Fraction) -> RatedCharge:
    return RatedCharge(amount * quantity, (Step(f"{plain(quantity)} × {plain(amount)}", amount * quantity, quantity, amount),))


def _fee_line(setting: Setting, fee: RecurringFee, span: Period, whole: RatedCharge, price: FeePrice | None) -> Line:
    """A month's fee for the days of `span`."""
    days, of_days = span.seconds // 86_400, setting.days
    exact = prorate(whole.amount, days, of_days)
    steps = whole.steps if days == of_days else (*whole.steps, Step(f"Charged for {days} of {of_days} days", exact - whole.amount))
    amount = to_minor(exact, setting.terms.currency)
    quantity = shown(Fraction(fee.quantity))
    unit_price = fee.unit_amount if days == of_days else None
    return Line(
        kind=LineKind.FEE,
        key=_key(setting, f"fee/{fee.id}", span),
        product=FEES,
        description=fee.description,
        period=span,
        quantity=quantity,
        unit=MONTHLY.name if quantity == 1 and days == of_days else "",
        unit_price=telling(quantity, unit_price, amount, setting.terms.currency),
        per=MONTHLY.per,
        exact=exact,
        amount_minor=amount,
        tax=setting.terms.tax,
        working=steps,
        sku_id=fee.sku_id,
        price_id=price.price_id if price else None,
        price_version=price.version if price else None,
    )


def _key(setting: Setting, name: str, span: Period) -> str:
    return name if span.start == setting.terms.period.start else f"{name}/{span.start.date()}"


def _charge(setting: Setting, charge: OneOffCharge) -> Line:
    day = Period(midnight(charge.charged_on), midnight(charge.charged_on) + DAY)
    return lump(setting, LineKind.ONE_OFF, f"charge/{charge.id}", (ONE_OFF, charge.description), charge.amount_minor, period=day)


def _upfront(setting: Setting, reserved: Reservation) -> Line:
    credit = format_money(Fraction(reserved.monthly_credit_minor, 10**setting.terms.currency.exponent), setting.terms.currency)
    said = f"Reservation of {reserved.cpu_kind} machines: {credit} a month for {reserved.months} months"
    region = region_name(setting.reference, frozenset({reserved.region_id}))
    key, named, more = f"reservation/{reserved.id}/upfront", (RESERVATIONS, said), {"period": reserved.term, "region": region}
    return lump(setting, LineKind.ONE_OFF, key, named, reserved.upfront_minor, region_id=reserved.region_id, **more)
