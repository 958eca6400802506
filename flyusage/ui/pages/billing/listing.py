"""The list of issued invoices, printed. Pure."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date
from urllib.parse import quote

from flyusage.invoices.models import Kind, State
from flyusage.invoices.queries import CurrencySum, InvoiceEntry, InvoicePage
from flyusage.invoices.totals import MonthTotal
from flyusage.money import CURRENCIES, format_minor
from flyusage.periods import midnight
from flyusage.ui import present
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.billing.address import STATES, Choice, billing_href, invoice_href
from flyusage.ui.pages.billing.rows import Choosing, InvoiceList, InvoiceRow, Standing

STATE_WORDS = {State.OPEN: "Open", State.PAID: "Paid", State.VOID: "Void", State.UNCOLLECTIBLE: "Uncollectible"}


@dataclass(frozen=True)
class Issued:
    """A page of invoices, and the years in which any were billed. `last_month` is the newest that could be closed."""

    page: InvoicePage
    years: Sequence[int]
    last_month: date


def listing(slug: str, issued: Issued, choice: Choice) -> InvoiceList:
    """Everything below the statement."""
    page = issued.page
    following = choice.listing(after=page.after) if page.after else None
    is_narrow = bool(choice.state or choice.year or choice.find)
    return InvoiceList(
        rows=[row(slug, entry) for entry in page.entries],
        find=choice.find,
        states=[
            Choosing(label, billing_href(slug, choice.listing(state=str(state))), state == choice.state) for state, label in STATES.items()
        ],
        years=_years(slug, issued.years, choice),
        count=present.plural(sum(one.documents for one in page.sums), "document"),
        year_label=f"All PDFs of {choice.year} (zip)" if choice.year in issued.years else "",
        year_href=f"/orgs/{quote(slug)}/billing/{choice.year}.zip" if choice.year in issued.years else "",
        sums=[_sum(one) for one in page.sums],
        older_href=billing_href(slug, following) if following else "",
        newest_href=billing_href(slug, choice.listing()) if choice.after else "",
        has_any=bool(page.entries) or is_narrow or bool(issued.years) or bool(choice.after),
        empty_title="No invoice matches",
        empty_next="Numbers and buyers are searched; states and years narrow further.",
        empty_command=f"flyusage bill close {issued.last_month:%Y-%m} --org {shlex.quote(slug)}",
    )


def standing(slug: str, page: InvoicePage, year: Sequence[MonthTotal], of: int) -> list[Standing]:
    """The balance, the last document with its PDF, and the gross of the months of `year`, in each currency."""
    if not page.entries:
        return []
    last = page.entries[0]
    overdue = " · some of it is overdue" if last.is_overdue else ""
    balances = [
        Standing("To be paid", format_minor(one.balance_minor, CURRENCIES[one.currency]), f"on issued invoices{overdue}")
        for one in page.sums
    ]
    document = Standing(
        "Last invoice" if last.kind is Kind.INVOICE else "Last credit note",
        format_minor(last.gross_minor, CURRENCIES[last.currency]),
        f"{visible(last.number)} · {last.starts_on:%B %Y}",
        f"{visible(last.number)} (PDF)",
        f"{invoice_href(slug, last.number)}.pdf",
    )
    sums = {code: sum(one.gross_minor for one in year if one.currency == code) for code in sorted({one.currency for one in year})}
    months = present.plural(len({one.month for one in year}), "month")
    return [
        *balances,
        document,
        *(Standing(f"{of} so far", format_minor(sums[code], CURRENCIES[code]), f"{months} billed, with tax") for code in sums),
    ]


def row(slug: str, entry: InvoiceEntry) -> InvoiceRow:
    """An invoice or a credit note, which gives back."""
    currency = CURRENCIES[entry.currency]
    is_note = entry.kind is Kind.CREDIT_NOTE
    return InvoiceRow(
        number=visible(entry.number),
        href=invoice_href(slug, entry.number),
        month=f"{entry.starts_on:%B %Y}",
        kind="Credit note" if is_note else "",
        state="Overdue" if entry.is_overdue else "Credited" if is_note and entry.state != State.VOID else STATE_WORDS[entry.state],
        tone="late"
        if entry.is_overdue or entry.state is State.UNCOLLECTIBLE
        else "open"
        if entry.state is State.OPEN and not is_note
        else "ok",
        issued=present.day_text(entry.issued_at.astimezone(UTC), year=True),
        due=present.day_text(midnight(entry.due_on), year=True) if entry.due_on else "–",
        total=format_minor(-entry.gross_minor if is_note else entry.gross_minor, currency),
        balance="–" if is_note else format_minor(entry.balance_minor, currency),
    )


def due_words(entry: InvoiceEntry) -> str:
    """What there is to say about paying it."""
    currency = CURRENCIES[entry.currency]
    due = f" by {present.day_text(midnight(entry.due_on), year=True)}" if entry.due_on else ""
    match entry.state:
        case "open":
            late = "; it is overdue" if entry.is_overdue else ""
            return f"; {format_minor(entry.balance_minor, currency)} is to be paid{due}{late}"
        case "paid":
            return " and is paid"
        case "void":
            return " and is void: nothing is owed on it"
        case "uncollectible":
            return f"; {format_minor(entry.balance_minor, currency)} was given up as uncollectible"
        case _:
            return ""


def _years(slug: str, years: Sequence[int], choice: Choice) -> list[Choosing]:
    if not years:
        return []
    every = Choosing("All years", billing_href(slug, choice.listing(year=None)), choice.year is None)
    shown = sorted({*years, *([choice.year] if choice.year else [])}, reverse=True)
    return [every, *[Choosing(str(year), billing_href(slug, choice.listing(year=year)), year == choice.year) for year in shown]]


def _sum(one: CurrencySum) -> InvoiceRow:
    currency = CURRENCIES[one.currency]
    return InvoiceRow(
        number=present.plural(one.documents, "document"), href="", month=f"in {currency.code}", kind="", state="", tone="", issued="", due="",
        total=format_minor(one.gross_minor, currency), balance=format_minor(one.balance_minor, currency),
    )  # fmt: skip
