"""The last steps to what is owed: tax, credited shares, reservations. Pure."""

from collections.abc import Iterable
from fractions import Fraction

from flyusage.money import Currency, to_minor
from flyusage.pricing.errors import PeriodInvalid
from flyusage.pricing.rating import RatedCharge, Step, charge, plain


def tax_on(net: Fraction, percent: Fraction, currency: Currency) -> Fraction:
    """`percent` of `net` in whole minor units, halves away from zero, in the major unit."""
    return Fraction(to_minor(net * percent / 100, currency), 10**currency.exponent)


def tax_inside(gross: Fraction, percent: Fraction, currency: Currency) -> Fraction:
    """The tax that a price with tax holds, in whole minor units, halves away from zero, in the major unit: 1.67 of 10.00 at 20 %."""
    return Fraction(to_minor(gross * percent / (100 + percent), currency), 10**currency.exponent)


def with_tax(net: RatedCharge, percent: Fraction, currency: Currency, *, basis: Fraction | None = None) -> RatedCharge:
    """The gross of a rounded `net`; the tax is a step. `basis` stands for a net that was not rounded before it is taxed."""
    taxed = net.amount if basis is None else basis
    tax = tax_on(taxed, percent, currency)
    exact = taxed * percent / 100
    said = f"{plain(percent)} % tax on {plain(taxed)}"
    return net.then(Step(said if tax == exact else f"{said}: {plain(exact)}, rounded", tax))


def reservation_discount(upfront: Fraction, monthly_credit: Fraction, months: Fraction) -> Fraction:
    """The percent that a reservation takes off usage that is all covered by it. Raises PeriodInvalid where it covers none."""
    covered = monthly_credit * months
    if covered <= 0:
        raise PeriodInvalid("A reservation gives a credit above zero for one month or more.")
    return (covered - upfront) * 100 / covered


def after_reservation(usage: Iterable[Fraction], monthly_credit: Fraction) -> RatedCharge:
    """Months of usage, each less its credit. What a month leaves unused is gone: no roll-over."""
    steps = []
    for month, used in enumerate(usage, 1):
        credit = min(used, monthly_credit)
        steps += [Step(f"Month {month}: usage {plain(used)}", used), Step(f"Month {month}: reserved {plain(credit)}", -credit)]
    return charge(steps)
