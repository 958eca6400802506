"""The monthly summary as a mail that is read in thirty seconds: the figure first, then what changed, budgets, and the invoice. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from html import escape

from flyusage.alerts.budgets import Standing
from flyusage.alerts.places import Place
from flyusage.invoices.queries import InvoiceEntry
from flyusage.mail import Letter
from flyusage.mail_page import TONES, button, document, figure, heading, html_name, link, plain, quiet, rows
from flyusage.money import CURRENCIES, format_minor, format_money, round_half_away
from flyusage.periods import add_months, midnight
from flyusage.pricing.view import Contributor

MOST_BUDGETS = 5
FULL = 100


@dataclass(frozen=True)
class Summary:
    """What is told, as its reader may know it. `before` is None where history begins later; `changes` are the largest three."""

    place: Place
    month: date
    is_part: bool  # of some apps only
    currency: str
    total: Fraction
    before: Fraction | None
    changes: tuple[Contributor, ...]
    budgets: tuple[Standing, ...]
    invoice: InvoiceEntry | None
    explorer: str | None


def summary_letter(told: Summary, stop: str | None) -> Letter:
    """The mail; `stop` is the address that ends such mails."""
    org, month, total = plain(told.place.name), f"{told.month:%B %Y}", _money(told, told.total)
    against = _against(told)
    subject = f"{org}: {total} in {month}"
    said = f"{org} used {total} in {month}" + (", in the apps you see" if told.is_part else "") + (f": {against}." if against else ".")
    return Letter(subject, _text(told, said, stop), _html(told, subject, said, stop), stop_link=stop)


def _text(told: Summary, said: str, stop: str | None) -> str:
    parts = [said]
    if told.changes:
        changed = [f"  {_signed(told, one)}  {plain(one.label)}" + (f": {plain(one.words)}" if one.words else "") for one in told.changes]
        parts.append("\n".join(["What changed most:", *changed]))
    if told.budgets:
        parts.append("\n".join([_budgets_said(told), *(f"  {plain(name)}: {state}" for name, state, _, _ in _budget_lines(told))]))
    if told.invoice is not None:
        parts.append(f"{_invoice_said(told)}" + (f"\n{href}" if (href := _invoice_href(told)) else ""))
    if told.explorer is not None:
        parts.append(f"Open the month in the explorer:\n{told.explorer}")
    parts += ["\n".join(_foot(told)), *([f"Stop this mail: {stop}"] if stop else [])]
    return "\n\n".join(parts) + "\n"


def _html(told: Summary, subject: str, said: str, stop: str | None) -> str:
    against, tone = _against(told), _tone(told)
    parts = [
        quiet(f"{html_name(told.place.name)} · {told.month:%B %Y}"),
        figure(_money(told, told.total)),
        f'<p style="margin:0"><span class="{tone}" style="color:{TONES[tone]};font-weight:600">{escape(against)}</span></p>'
        if against
        else "",
    ]
    if told.changes:
        parts.append(heading("What changed most"))
        parts.append(
            rows((html_name(one.label), escape(plain(one.words)), _signed(told, one), _tone_of(one.difference)) for one in told.changes)
        )
    if told.budgets:
        parts.append(heading(_budgets_said(told)))
        parts.append(rows((html_name(name), escape(state), percent, tone) for name, state, percent, tone in _budget_lines(told)))
    if told.invoice is not None:
        parts.append(heading("Invoice"))
        state, due = _invoice_state(told)
        parts.append(rows([(link(_invoice_href(told), escape(told.invoice.number)), escape(state), due, "ink")]))
    parts.append(button(told.explorer, f"Open {told.month:%B} in the explorer"))
    return document(subject, said, parts, _foot(told), stop=stop)


def _foot(told: Summary) -> list[str]:
    whose = "the apps you see" if told.is_part else "all of it"
    return [
        f"Usage of {whose} at your own prices, {told.month:%B %Y} in UTC, before fees, credits and tax.",
        "Once a month. Choose your mails on your account's page.",
    ]


def _against(told: Summary) -> str:
    """`$20.00 less than in September (−12.3 %)`; empty where history begins later."""
    if told.before is None:
        return ""
    before = f"{add_months(midnight(told.month), -1):%B}"
    difference = told.total - told.before
    if not difference:
        return f"the same as in {before}"
    percent = f" ({_percent(difference, told.before)})" if told.before else ""
    return f"{_money(told, abs(difference))} {'more' if difference > 0 else 'less'} than in {before}{percent}"


def _percent(difference: Fraction, before: Fraction) -> str:
    share = round_half_away(Fraction(abs(difference) * FULL) / before, 1)
    return f"{'+' if difference > 0 else '−'}{share:,} %"


def _budgets_said(told: Summary) -> str:
    over = sum(one.spent_minor > one.budget.plan.amount_minor for one in told.budgets)
    count = len(told.budgets)
    budgets = "budget" if count == 1 else "budgets"
    return f"{over:,} of {count:,} {budgets} overspent" if over else f"{'The' if count == 1 else f'All {count:,}'} {budgets} kept"


def _budget_lines(told: Summary) -> Iterator[tuple[str, str, str, str]]:
    """Name, `$45.00 of $100.00`, percent, tone; the fullest first."""
    for one in told.budgets[:MOST_BUDGETS]:
        yield one.budget.plan.name, _spent(one), f"{one.percent:,.0f} %", "up" if one.spent_minor > one.budget.plan.amount_minor else "same"


def _spent(one: Standing) -> str:
    currency = CURRENCIES[one.budget.currency]
    spent, amount = format_minor(one.spent_minor, currency), format_minor(one.budget.plan.amount_minor, currency)
    return f"{spent} of {amount}"


def _invoice_state(told: Summary) -> tuple[str, str]:
    """What is to do about it, and its amount."""
    one = told.invoice
    assert one is not None
    currency = CURRENCIES[one.currency]
    if not one.balance_minor:
        return "paid, nothing to do", format_minor(one.gross_minor, currency)
    due = f"to be paid by {one.due_on:%B} {one.due_on.day}" if one.due_on else "to be paid"
    return f"{due}{', overdue' if one.is_overdue else ''}", format_minor(one.balance_minor, currency)


def _invoice_said(told: Summary) -> str:
    assert told.invoice is not None
    state, amount = _invoice_state(told)
    return f"Invoice {told.invoice.number}: {amount}, {state}."


def _invoice_href(told: Summary) -> str | None:
    assert told.invoice is not None
    return told.place.link(f"/invoices/{told.invoice.number}")


def _tone(told: Summary) -> str:
    return "same" if told.before is None else _tone_of(told.total - told.before)


def _tone_of(difference: Fraction) -> str:
    return "up" if difference > 0 else "down" if difference < 0 else "same"


def _signed(told: Summary, one: Contributor) -> str:
    return ("+" if one.difference > 0 else "−") + _money(told, abs(one.difference))


def _money(told: Summary, amount: Fraction) -> str:
    return format_money(amount, CURRENCIES[told.currency])
