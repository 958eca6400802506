"""What the page of closing a month shows, as frozen display rows."""

from dataclasses import dataclass, field

from flyusage.ui.components.statement import StatementTotal
from flyusage.ui.pages.billing.rows import Choosing


@dataclass(frozen=True)
class ExceptionRow:
    """Something out of the ordinary about an organization's month. `state` is waits, held or released; `can_decide`: by the form."""

    key: str
    org: str
    href: str
    code: str
    what: str
    state: str
    tone: str


@dataclass(frozen=True)
class Screen:
    """Everything the page shows. `too_many` says why the month is closed by the command instead."""

    month: str = ""
    months: list[Choosing] = field(default_factory=list)
    lead: str = ""
    figure: str = ""
    sentence: str = ""
    counts: list[StatementTotal] = field(default_factory=list)
    totals: list[StatementTotal] = field(default_factory=list)
    rows: list[ExceptionRow] = field(default_factory=list)
    rows_note: str = ""
    nothing: str = ""
    failures: list[str] = field(default_factory=list)
    close_label: str = ""
    close_says: str = ""
    close_does: str = ""
    early: str = ""
    too_many: str = ""
    command: str = ""
