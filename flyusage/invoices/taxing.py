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
    """Lift a net below zero to zero, as lines of their own, and say what is to be given as a credit note instead."""
    short = -ledger.net_minor
    sums: dict[TaxKey, int] = defaultdict(int)
    for line in ledger.lines:
        sums[line.tax] += line.amount_minor
    found = []
    for tax, net in sorted(sums.items(), key=lambda one: (one[1], one[0])):
        part = min(short, -net)
        if part > 0:
            short -= part
            key = f"carried/{tax.category}-{tax.percent}"
            named = (CREDITS, "Given as a credit note, since no invoice is negative")
            ledger.add(lump(ledger.setting, LineKind.CARRIED, key, named, part, tax=tax))
            found.append(Carried(tax, part))
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
