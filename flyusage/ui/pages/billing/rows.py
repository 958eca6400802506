"""What the billing page puts on the screen, as frozen display rows."""

from dataclasses import dataclass, field

from flyusage.ui.components.month_files import MonthFile
from flyusage.ui.components.statement import StatementProduct, StatementTotal
from flyusage.ui.month_totals import MonthTotals


@dataclass(frozen=True)
class Choosing:
    """An entry of a choice: a month, a state, a year."""

    label: str
    href: str
    is_current: bool = False
    title: str = ""


@dataclass(frozen=True)
class Phrase:
    """A piece of the answer's sentence; `href` makes it a link."""

    text: str
    href: str = ""


@dataclass(frozen=True)
class Trouble:
    """Something that stands in the way of the month's invoice, with the way to see it."""

    text: str
    link: str = ""
    href: str = ""


@dataclass(frozen=True)
class InvoiceRow:
    """An invoice or credit note in the list. `tone` is ok, open or late; `state_note` says by when, or how late."""

    number: str
    href: str
    month: str
    kind: str
    state: str
    tone: str
    issued: str
    due: str
    total: str
    balance: str


@dataclass(frozen=True)
class InvoiceList:
    """The issued invoices that the address chooses, with their sums (a line per currency)."""

    rows: list[InvoiceRow] = field(default_factory=list)
    find: str = ""
    states: list[Choosing] = field(default_factory=list)
    years: list[Choosing] = field(default_factory=list)
    count: str = ""
    year_label: str = ""
    year_href: str = ""
    sums: list[InvoiceRow] = field(default_factory=list)
    older_href: str = ""
    newest_href: str = ""
    has_any: bool = False
    empty_title: str = ""
    empty_next: str = ""
    empty_command: str = ""


@dataclass(frozen=True)
class Standing:
    """One of the figures that answer most of what finance asks; `href` saves the document it speaks of."""

    label: str
    value: str
    note: str
    link: str = ""
    href: str = ""


@dataclass(frozen=True)
class Screen:
    """Everything the billing page shows. `command` repeats the draft on a command line; `as_of` is when an open `month` is complete to."""

    month: str = ""
    as_of: str = ""
    note: str = ""
    standing: list[Standing] = field(default_factory=list)
    months: list[Choosing] = field(default_factory=list)
    lead: str = ""
    owed: str = ""
    sentence: list[Phrase] = field(default_factory=list)
    method: str = ""
    by_product: list[StatementTotal] = field(default_factory=list)
    totals: list[StatementTotal] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    statement_title: str = ""
    statement_note: str = ""
    products: list[StatementProduct] = field(default_factory=list)
    nothing: str = ""
    command: str = ""
    invoices: InvoiceList = InvoiceList()
    months_billed: MonthTotals = field(default_factory=MonthTotals)
    files_month: str = ""
    files: list[MonthFile] = field(default_factory=list)
