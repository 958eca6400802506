"""The reference that taxes stand on: dated rates from the packaged facts, and a seller to begin with, invented and labelled."""

import csv
from datetime import date
from decimal import Decimal
from importlib import resources

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from flyusage.pricing.agreements import set_seller
from flyusage.pricing.tax import Seller
from flyusage.pricing.terms_models import seller, tax_rate

DEMO_SELLER = Seller(
    starts_on=date(2000, 1, 1),
    name="Demo Cloud GmbH (invented seller)",
    address_lines=("Musterstraße 1",),
    postcode="10115",
    city="Berlin",
    country="DE",
    email="billing@demo-cloud.example",
    vat_number="DE123456788",
    tax_number="12/345/67890",
    registration="HRB 0 B (invented)",
    iban="DE89370400440532013000",
    bic="COBADEFFXXX",
    is_demo=True,
)


def load_tax_facts(session: Session) -> None:
    """Bring tax rates to the packaged facts, and the demo seller where there is none at all. Repeating it changes nothing."""
    put = insert(tax_rate).values(_rates())
    changed = {name: put.excluded[name] for name in ("ends_on", "percent", "name")}
    session.execute(put.on_conflict_do_update(index_elements=["country", "starts_on"], set_=changed))
    if session.scalar(sa.select(sa.func.count()).select_from(seller)) == 0:
        set_seller(session, DEMO_SELLER)


def _rates() -> list[dict[str, object]]:
    text = resources.files("flyusage.pricing").joinpath("facts", "tax_rates.csv").read_text(encoding="utf-8")
    return [
        {
            "country": row["country"],
            "percent": Decimal(row["percent"]),
            "starts_on": date.fromisoformat(row["starts_on"]),
            "ends_on": date.fromisoformat(row["ends_on"]) if row["ends_on"] else None,
            "name": row["name"],
        }
        for row in csv.DictReader(text.splitlines())
    ]
