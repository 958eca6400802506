"""What an invoice's page puts on the screen, as frozen display rows."""

from dataclasses import dataclass, field

from flyusage.ui.components.crumbs import Step
from flyusage.ui.components.month_files import MonthFile
from flyusage.ui.components.statement import StatementProduct, StatementTotal
from flyusage.ui.pages.billing.rows import Choosing, InvoiceRow, Phrase


@dataclass(frozen=True)
class PartRow:
    """A part of the net. `width` is CSS, the share of the largest; `title` the whole name."""

    label: str
    detail: str
    title: str
    share: str
    amount: str
    width: str
    is_negative: bool = False


@dataclass(frozen=True)
class PaymentRow:
    """Money that arrived."""

    received: str
    method: str
    reference: str
    amount: str


@dataclass(frozen=True)
class FactRow:
    """Something printed on the document."""

    label: str
    value: str


@dataclass(frozen=True)
class Screen:
    """Everything an invoice's page shows. `tone` as in the list; without `pdf_href` its document is still being made."""

    title: str = ""
    state: str = ""
    tone: str = ""
    crumbs: list[Step] = field(default_factory=list)
    lead: str = ""
    figure: str = ""
    sentence: list[Phrase] = field(default_factory=list)
    news: str = ""
    by_product: list[StatementTotal] = field(default_factory=list)
    totals: list[StatementTotal] = field(default_factory=list)
    pdf_label: str = ""
    pdf_href: str = ""
    xml_href: str = ""
    csv_href: str = ""
    staff_href: str = ""
    ways: list[Choosing] = field(default_factory=list)
    parts: list[PartRow] = field(default_factory=list)
    parts_head: str = ""
    parts_total: str = ""
    parts_note: str = ""
    products: list[StatementProduct] = field(default_factory=list)
    payments: list[PaymentRow] = field(default_factory=list)
    notes: list[InvoiceRow] = field(default_factory=list)
    facts: list[FactRow] = field(default_factory=list)
    files_month: str = ""
    files: list[MonthFile] = field(default_factory=list)


@dataclass(frozen=True)
class Missing:
    """No such invoice."""

    explanation: str = ""
    billing_href: str = "/"
