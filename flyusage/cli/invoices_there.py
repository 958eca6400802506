"""Invoices of another flyusage, through its API, as the commands on a database show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from flyusage.cli.remote import Remote
from flyusage.invoices.breakdowns import By, Part
from flyusage.invoices.models import Kind, State
from flyusage.invoices.queries import CurrencySum, InvoiceDetail, InvoiceEntry, InvoicePage
from flyusage.money import CURRENCIES
from flyusage.pricing.urls import parse_moment

AMOUNTS = ("net", "tax", "gross", "due", "balance")


@dataclass(frozen=True)
class Shown:
    """What `invoices show` prints of an invoice; amounts in minor units."""

    entry: InvoiceEntry
    prepaid_minor: int
    lines: Sequence[tuple[int, str, str, str, int]]
    taxes: Sequence[tuple[str, str, int]]
    payments: Sequence[tuple[str, str, int]]
    credit_notes: Sequence[tuple[str, int]]
    questions: Sequence[tuple[int, int, str, str, str | None]]


def shown_of(found: InvoiceDetail) -> Shown:
    """The same of one in the database."""
    return Shown(
        found.entry,
        found.document.prepaid_minor,
        [(one.position, one.product, one.description, one.region, one.amount_minor) for one in found.lines],
        [(one.category, f"{one.percent}", one.tax_minor) for one in found.document.taxes],
        [(f"{one.received_on}", one.reference, one.amount_minor) for one in found.payments],
        [(one.number, one.gross_minor) for one in found.credit_notes],
        [(one.id, one.position, str(one.state), one.note, one.answer) for one in found.questions],
    )


def shown_there(told: Mapping[str, Any]) -> Shown:
    """An invoice as the API tells it."""
    return Shown(
        entry_there(told),
        minor(told["prepaid"]),
        [(one["position"], one["product"], one["description"], one["region"], minor(one["amount"])) for one in told["lines"]],
        [(one["category"], one["percent"], minor(one["tax"])) for one in told["taxes"]],
        [(one["received_on"], one["reference"], minor(one["amount"])) for one in told["payments"]],
        [(one["number"], minor(one["gross"])) for one in told["credit_notes"]],
        [(one["id"], one["position"], one["state"], one["note"], one["answer"]) for one in told["questions"]],
    )


def explained_there(there: Remote, number: str, position: int) -> dict[str, Any]:
    """A line with its working, as `invoices explain` has it of one in the database."""
    told = there.get(f"/invoices/{quote(number, safe='')}/lines/{position}/working")
    kept = {name: value for name, value in told.items() if name not in ("invoice", "issued_at", "currency")}
    return {"number": told["invoice"], "org": there.get("/organization")["org"], "currency": told["currency"], **kept}


def breakdown_there(there: Remote, number: str, by: By) -> tuple[dict[str, Any], list[Part]]:
    """An invoice's parts, and what stands above them."""
    told = there.get(f"/invoices/{quote(number, safe='')}/breakdown", {"by": by.value})
    parts = [Part(one["key"], one["label"], minor(one["amount"])) for one in told["data"]]
    return {"number": told["number"], "currency": told["net"]["currency"], "by": by, "net_minor": minor(told["net"])}, parts


def page_there(there: Remote, params: Mapping[str, Any]) -> tuple[InvoicePage, dict[str, Any]]:
    """A page of the list, and as the API tells it."""
    told = there.get("/invoices", params)
    sums = [
        CurrencySum(one["net"]["currency"], one["documents"], minor(one["net"]), minor(one["gross"]), minor(one["balance"]))
        for one in told["sums"]
    ]
    return InvoicePage(tuple(map(entry_there, told["data"])), tuple(sums), told["next"]), told


def entry_there(told: Mapping[str, Any]) -> InvoiceEntry:
    """An entry of a list. Its ids are the other database's own, and unknown here."""
    issued_at = parse_moment(told["issued_at"])
    assert issued_at is not None
    return InvoiceEntry(
        org_id=0,
        id=0,
        number=told["number"],
        kind=Kind(told["kind"]),
        state=State(told["state"]),
        starts_on=date.fromisoformat(told["month"]),
        issued_at=issued_at,
        due_on=date.fromisoformat(told["due_on"]) if told["due_on"] else None,
        currency=told["net"]["currency"],
        buyer=told["buyer"],
        refers_to=None,
        is_overdue=told["is_overdue"],
        **{f"{name}_minor": minor(told[name]) for name in AMOUNTS},
    )


def minor(told: Mapping[str, str]) -> int:
    """Minor units of an amount with its currency."""
    return int(Decimal(told["amount"]).scaleb(CURRENCIES[told["currency"]].exponent))
