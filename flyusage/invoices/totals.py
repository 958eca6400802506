"""Totals by month: of one organization from its invoices, of the platform from a summary that is exact at every moment.

Every change of an issued invoice leaves a row in `invoice_total_change`, by trigger, in its own transaction, so that closing a
month does not queue for one row of the summary. `fold` moves such rows into `invoice_month_total`; a question adds up both.
A credit note counts in the month that it corrects. Currencies are never mixed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.invoices.models import Kind, State

FOLDING = 7160010  # advisory lock: one folds at a time
AT_ONCE = 50_000


@dataclass(frozen=True)
class MonthTotal:
    """What a month came to in one currency, in minor units. Void invoices count nowhere.

    `net_minor`, `tax_minor` and `gross_minor` are invoices less credit notes; `credited_minor` is the gross of the latter.
    `open_minor` is what is still owed, `uncollectible_minor` what was given up.
    """

    month: date
    currency: str
    invoices: int
    credit_notes: int
    net_minor: int
    tax_minor: int
    gross_minor: int
    credited_minor: int
    open_minor: int
    uncollectible_minor: int


def month_totals(session: Session, org_id: int, *, since: date | None = None, until: date | None = None) -> list[MonthTotal]:
    """One organization's months, oldest first, by currency; `until` is exclusive. Months without an invoice are absent."""
    return _totals(session.execute(sa.text(_OF_ONE), {"org": org_id, "since": since, "until": until}))


def platform_month_totals(session: Session, *, since: date | None = None, until: date | None = None) -> list[MonthTotal]:
    """The platform's months, oldest first, by currency, exact. Needs the platform's role."""
    return _totals(session.execute(sa.text(_OF_ALL), {"since": since, "until": until}))


def fold(session: Session) -> int:
    """Move changes into the summary; how many. Changes nothing that a question would answer."""
    if not session.execute(sa.text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": FOLDING}).scalar_one():
        return 0
    return session.execute(sa.text(_FOLD), {"limit": AT_ONCE}).scalar_one()


def recount(session: Session) -> list[tuple[date, str, str, str]]:
    """Where the summary with its tail differs from the invoices themselves: (month, currency, kind, state). None should."""
    return [tuple(row) for row in session.execute(sa.text(_DIFFERENCES))]


def _totals(rows: Iterable[sa.Row]) -> list[MonthTotal]:
    """Rows by kind and state, added up by month and currency."""
    found: dict[tuple[date, str], dict[str, int]] = {}
    for row in rows:
        total = found.setdefault((row.month, row.currency), dict.fromkeys(_COUNTED, 0))
        if row.state == State.VOID:
            continue
        is_invoice = row.kind == Kind.INVOICE
        sign = 1 if is_invoice else -1
        total["invoices" if is_invoice else "credit_notes"] += int(row.invoices)
        for name in ("net_minor", "tax_minor", "gross_minor"):
            total[name] += sign * int(getattr(row, name))
        if not is_invoice:
            total["credited_minor"] += int(row.gross_minor)
        elif row.state == State.UNCOLLECTIBLE:
            total["uncollectible_minor"] += int(row.balance_minor)
        else:
            total["open_minor"] += int(row.balance_minor)
    counted = (MonthTotal(month, currency, **total) for (month, currency), total in sorted(found.items()))
    return [one for one in counted if one.invoices or one.credit_notes]


_COUNTED = (
    "invoices", "credit_notes", "net_minor", "tax_minor", "gross_minor", "credited_minor", "open_minor", "uncollectible_minor",
)  # fmt: skip
_NAMES = "invoices, net_minor, tax_minor, gross_minor, balance_minor"
_SUMS = ", ".join(f"sum({name})::bigint AS {name}" for name in _NAMES.split(", "))
_KEYS = "month, currency, kind, state"
_WITHIN = "(CAST(:since AS date) IS NULL OR month >= :since) AND (CAST(:until AS date) IS NULL OR month < :until)"
_COUNTED_ROWS = """
SELECT date_trunc('month', starts_on::timestamp)::date AS month, currency, kind, state, 1 AS invoices, net_minor, tax_minor, gross_minor,
       balance_minor, org_id
FROM invoice WHERE state <> 'draft'"""
_OF_ONE = f"SELECT {_KEYS}, {_SUMS} FROM ({_COUNTED_ROWS} AND org_id = :org) AS one WHERE {_WITHIN} GROUP BY {_KEYS} ORDER BY {_KEYS}"
_BOTH = f"SELECT {_KEYS}, {_NAMES} FROM invoice_month_total UNION ALL SELECT {_KEYS}, {_NAMES} FROM invoice_total_change"
_OF_ALL = f"SELECT {_KEYS}, {_SUMS} FROM ({_BOTH}) AS both_parts WHERE {_WITHIN} GROUP BY {_KEYS} ORDER BY {_KEYS}"
_FOLD = f"""
WITH moved AS (
  DELETE FROM invoice_total_change WHERE (org_id, id) IN (SELECT org_id, id FROM invoice_total_change ORDER BY id LIMIT :limit)
  RETURNING {_KEYS}, {_NAMES}
), folded AS (
  INSERT INTO invoice_month_total AS total ({_KEYS}, {_NAMES}) SELECT {_KEYS}, {_SUMS} FROM moved GROUP BY {_KEYS} ORDER BY {_KEYS}
  ON CONFLICT ({_KEYS}) DO UPDATE SET {", ".join(f"{name} = total.{name} + excluded.{name}" for name in _NAMES.split(", "))}
)
SELECT count(*) FROM moved"""
_DIFFERENCES = f"""
SELECT {_KEYS} FROM (
  SELECT {_KEYS}, {_NAMES} FROM ({_BOTH}) AS kept
  UNION ALL SELECT {_KEYS}, {", ".join(f"-{name}" for name in _NAMES.split(", "))} FROM ({_COUNTED_ROWS}) AS counted
) AS differing GROUP BY {_KEYS}
HAVING {" OR ".join(f"sum({name}) <> 0" for name in _NAMES.split(", "))} ORDER BY {_KEYS}"""
