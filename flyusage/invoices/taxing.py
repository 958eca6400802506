"""From net to due: what does not fit is carried, tax per category and rate on the summed net, prepaid credits pay. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction

from flyusage.invoices.ledger import Ledger, lump
from flyusage.invoices.statement import Carried, CreditUse, Line, LineKind, TaxLine
from flyusage.invoices.wording import CREDITS
from flyusage.money import round_half_away
from flyusage.pricing.tax import TaxKey
from flyusage.pricing.terms import Credit


def carry(ledger: Ledger) -> list[Carried]:
    """Lift a net below zero to zero, as lines of their own, and say what is to be given as a credit note instead.

    Where the tax on what is left would be below zero, since rates differ, all is lifted that a rate is below zero.
    """
    sums: dict[TaxKey, int] = defaultdict(int)
    for line in ledger.lines:
        sums[line.tax] += line.amount_minor
    below = sorted(((tax, net) for tax, net in sums.items() if net < 0), key=lambda one: (one[1], one[0]))
    parts, short = {}, -ledger.net_minor
    for tax, net in below:
        parts[tax] = max(0, min(short, -net))
        short -= parts[tax]
    if sum(_tax(net + parts.get(tax, 0), tax.percent) for tax, net in sums.items()) < 0:
        parts = {tax: -net for tax, net in below}
    found = [Carried(tax, part) for tax, part in parts.items() if part]
    for one in found:
        key = f"carried/{one.tax.category}-{one.tax.percent}"
        named = (CREDITS, "Given as a credit note, since no invoice is negative")
        ledger.add(lump(ledger.setting, LineKind.CARRIED, key, named, one.amount_minor, tax=one.tax))
    return found


def tax_lines(lines: Iterable[Line]) -> tuple[TaxLine, ...]:
    """Tax on the summed net of each category and rate, rounded once, halves away from zero. An undecided tax is none yet."""
    sums: dict[tuple[str, Decimal], int] = defaultdict(int)
    reasons: dict[tuple[str, Decimal], str] = {}
    for line in lines:
        if line.tax.is_decided:
            sums[line.tax.category, line.tax.percent] += line.amount_minor
            reasons.setdefault((line.tax.category, line.tax.percent), line.tax.reason)
    return tuple(
        TaxLine(category, percent, basis, _tax(basis, percent), reasons[category, percent])
        for (category, percent), basis in sorted(sums.items())
    )


def pay(gross_minor: int, prepaid: Sequence[Credit]) -> list[CreditUse]:
    """What prepaid credits pay of the gross, those that expire first before the others."""
    uses = []
    for credit in prepaid:
        taken = min(credit.left_minor, gross_minor)
        if taken > 0:
            gross_minor -= taken
            uses.append(CreditUse(credit.id, credit.kind, credit.description, taken))
    return uses


def _tax(basis_minor: int, percent: Decimal) -> int:
    return int(round_half_away(Fraction(basis_minor) * Fraction(percent) / 100, 0))
