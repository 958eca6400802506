"""Reservations, discounts and promotional credits: what lowers the lines. Pure; the order is `compiling`'s."""

from fractions import Fraction

from flyusage.invoices.ledger import Ledger, lump, percent, reduction
from flyusage.invoices.statement import CreditUse, Line, LineKind, Share
from flyusage.invoices.wording import CREDITS, DISCOUNTS, MACHINES, RESERVATIONS, region_name
from flyusage.pricing.rating import Step
from flyusage.pricing.terms import Credit, Discount, Reservation


def reserve(ledger: Ledger) -> None:
    """Each reservation's credit for its days of the period, on machines of its region and CPU kind. Nothing rolls over."""
    for one in sorted(ledger.setting.terms.reservations, key=lambda one: (one.starts_on, one.id)):
        if line := _reservation_credit(ledger, one):
            ledger.add(line)


def discount(ledger: Ledger) -> None:
    """Each discount on what those before it left of usage and fees."""
    for one in sorted(ledger.setting.terms.discounts, key=lambda one: (one.first_month, one.id)):
        if line := _discount(ledger, one):
            ledger.add(line)


def promote(ledger: Ledger) -> list[CreditUse]:
    """Promotional credits on everything that is left, in the order in which they expire; what was taken from each."""
    return [use for credit in ledger.setting.terms.promotional if (use := _promote(ledger, credit))]


def _reservation_credit(ledger: Ledger, one: Reservation) -> Line | None:
    setting = ledger.setting
    period = one.term.clip(setting.terms.period)
    days, of_days = period.seconds // 86_400, setting.days
    monthly = ledger.major(one.monthly_credit_minor)
    credit = ledger.minor(monthly * days / of_days)
    covered = [line for line in ledger.lines if _is_covered(ledger, line, one)]
    taken = min(credit, ledger.left_of(covered))
    if not taken:
        return None
    of_month = "" if days == of_days else f" for {days} of {of_days} days"
    steps = [Step(f"Monthly credit of {ledger.said(monthly)}{of_month}", -ledger.major(credit))]
    if taken < credit:
        steps.append(Step("More than the usage it is for; what is left does not roll over", ledger.major(credit - taken)))
    return reduction(
        ledger,
        LineKind.RESERVATION,
        f"reservation/{one.id}",
        (RESERVATIONS, f"Credit for reserved {one.cpu_kind} machines"),
        covered,
        taken,
        period=period,
        working=tuple(steps),
        region_id=one.region_id,
        region=region_name(setting.reference, frozenset({one.region_id})),
    )


def _is_covered(ledger: Ledger, line: Line, one: Reservation) -> bool:
    """CPU and extra memory of machines without GPUs."""
    if line.kind is not LineKind.USAGE or line.product != MACHINES or line.region_id != one.region_id or line.vm_size_id is None:
        return False
    size = ledger.setting.reference.sizes[line.vm_size_id]
    return size.cpu_kind == one.cpu_kind and not size.gpus


def _discount(ledger: Ledger, one: Discount) -> Line | None:
    lines = [line for line in ledger.spent if one.sku_id is None or line.sku_id == one.sku_id]
    left = ledger.major(ledger.left_of(lines))
    if one.percent is not None:
        exact = left * Fraction(one.percent) / 100
        said = f"{percent(one.percent)} of {ledger.said(left)}"
    else:
        exact = min(ledger.major(one.amount_minor or 0), left)
        said = f"{ledger.said(ledger.major(one.amount_minor or 0))} off {ledger.said(left)}"
    taken = ledger.minor(exact)
    if not taken:
        return None
    named = (DISCOUNTS, one.description)
    return reduction(ledger, LineKind.DISCOUNT, f"discount/{one.id}", named, lines, taken, exact=-exact, working=(Step(said, -exact),))


def _promote(ledger: Ledger, credit: Credit) -> CreditUse | None:
    lines = [line for line in ledger.lines if ledger.left[line.key] > 0]
    taken = min(credit.left_minor, ledger.net_minor, ledger.left_of(lines))
    if taken <= 0:
        return None
    shares = ledger.shares(lines, taken)
    for tax in sorted({line.tax for line in lines}):
        alike = {line.key for line in lines if line.tax == tax}
        part = tuple(share for share in shares if share.key in alike)
        if part:
            ledger.add(_promotional_line(ledger, credit, part, taken))
    return CreditUse(credit.id, credit.kind, credit.description, taken)


def _promotional_line(ledger: Ledger, credit: Credit, part: tuple[Share, ...], taken: int) -> Line:
    """The part of a credit on lines that are taxed alike."""
    tax = next(line.tax for line in ledger.lines if line.key == part[0].key)
    amount = sum(share.amount_minor for share in part)
    said = f"{ledger.said(ledger.major(taken))} of the {ledger.said(ledger.major(credit.left_minor))} left"
    key, exact = f"credit/{credit.id}", ledger.major(amount)
    if -amount != taken:
        key, said = f"{key}/{tax.category}-{tax.percent}", f"{said}: the part that is taxed at {percent(tax.percent)}"
    named = (CREDITS, credit.description)
    return lump(ledger.setting, LineKind.PROMOTIONAL, key, named, amount, tax=tax, shares=part, working=(Step(said, exact),))
