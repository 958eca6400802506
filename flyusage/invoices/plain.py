"""A statement as plain values for JSON: exact decimals as text, `1/3` where one does not end, moments as they are. Pure."""

from typing import Any

from flyusage.invoices.rows import exact_text
from flyusage.invoices.statement import Line, Statement
from flyusage.money import Currency
from flyusage.periods import Period
from flyusage.pricing.rating import Step
from flyusage.pricing.urls import view_to_query

TOTALS = ("net_minor", "tax_minor", "gross_minor", "prepaid_minor", "due_minor")


def statement_plain(statement: Statement) -> dict[str, Any]:
    """The whole statement, its lines with their workings."""
    return {
        "org_id": statement.org_id,
        "currency": statement.currency.code,
        "period": period_plain(statement.period),
        "as_of": statement.as_of,
        "rolled_through": statement.rolled_through,
        "is_open": statement.is_open,
        **{name: getattr(statement, name) for name in TOTALS},
        "usage_exact": exact_text(statement.usage_exact),
        "exact": exact_text(statement.exact),
        "lines": [line_plain(line, statement.currency) for line in statement.lines],
        "taxes": [vars(tax) for tax in statement.taxes],
        "credit_uses": [vars(use) for use in statement.credit_uses],
        "carried": [{"tax": vars(one.tax), "amount_minor": one.amount_minor} for one in statement.carried],
        "unpriced": [{**vars(one), "period": period_plain(one.period)} for one in statement.unpriced],
        "problems": [vars(one) for one in statement.problems],
    }


def line_plain(line: Line, currency: Currency) -> dict[str, Any]:
    """A line with its working down to the minor unit; `view` is the explorer's address of exactly this usage."""
    return {
        "key": line.key,
        "kind": line.kind,
        "product": line.product,
        "region": line.region,
        "description": line.description,
        "period": period_plain(line.period),
        "quantity": line.quantity,
        "unit": line.unit,
        "unit_price": line.unit_price,
        "exact": exact_text(line.exact),
        "amount_minor": line.amount_minor,
        "tax": {"category": line.tax.category, "percent": line.tax.percent, "reason": line.tax.reason},
        "price_id": line.price_id,
        "price_version": line.price_version,
        "working": [step_plain(step) for step in line.explained(currency).steps],
        "components": [{**vars(part), "exact": exact_text(part.exact)} for part in line.components],
        "shares": [vars(share) for share in line.shares],
        "view": view_to_query(line.evidence) if line.evidence else None,
    }


def step_plain(step: Step) -> dict[str, Any]:
    """A step of a working."""
    return {
        "text": step.text,
        "amount": exact_text(step.amount),
        "quantity": None if step.quantity is None else exact_text(step.quantity),
        "unit_amount": None if step.unit_amount is None else exact_text(step.unit_amount),
        "per_quantity": step.per_quantity,
    }


def period_plain(period: Period) -> dict[str, Any]:
    """Its start, and its end, which does not belong to it."""
    return {"start": period.start, "end": period.end}
