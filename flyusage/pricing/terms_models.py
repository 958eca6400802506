"""What one organization agreed beside its price book, and the reference of tax rates and sellers.

Amounts in minor units are of the row's `currency`; days are UTC. Rows of terms are agreed by verbs (`agreements.py`), which
audit them, and read by `terms.terms_of`.
"""

import sqlalchemy as sa
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

MOMENT = DateTime(timezone=True)

metadata = SQLModel.metadata


def _org() -> Column[int]:
    return Column("org_id", Integer, ForeignKey("organization.id"), nullable=False)


def _id() -> Column[int]:
    return Column("id", BigInteger, Identity(), nullable=False)


def _currency() -> Column[str]:
    return Column("currency", Text, nullable=False)


def _sku(*, nullable: bool = True) -> Column[int]:
    return Column("sku_id", SmallInteger, ForeignKey("sku.id"), nullable=nullable)


def _key(*columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint("org_id", *columns)


billing_profile = sa.Table(
    "billing_profile",
    metadata,
    _org(),
    Column("legal_name", Text, nullable=False),
    Column("address_lines", ARRAY(Text), nullable=False),
    Column("postcode", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("vat_number", Text),
    Column("tax_treatment", Text, nullable=False, server_default="standard"),
    Column("tax_reason", Text, nullable=False, server_default=""),
    Column("purchase_order", Text),
    Column("emails", ARRAY(Text), nullable=False),
    Column("payment_terms_days", SmallInteger, nullable=False, server_default="14"),
    _key(),
    sa.CheckConstraint("country ~ '^[A-Z]{2}$'", name="country_shape"),
    sa.CheckConstraint("tax_treatment IN ('standard', 'exempt', 'zero_rated', 'outside_scope')", name="tax_treatment_known"),
    sa.CheckConstraint("tax_treatment <> 'exempt' OR tax_reason <> ''", name="exempt_says_why"),
    sa.CheckConstraint("payment_terms_days BETWEEN 0 AND 365", name="payment_terms_in_bounds"),
)

price_override = sa.Table(
    "price_override",
    metadata,
    _org(),
    _id(),
    _sku(nullable=False),
    Column("scope", Text, nullable=False),
    Column("amount", Numeric, nullable=False),
    Column("per_quantity", BigInteger, nullable=False),
    Column("unit", Text, nullable=False),
    Column("model", JSONB(none_as_null=True)),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date),
    Column("note", Text, nullable=False, server_default=""),
    _key("id"),
    sa.CheckConstraint("amount >= 0", name="amount_not_negative"),
    sa.CheckConstraint("per_quantity > 0", name="per_quantity_positive"),
    sa.CheckConstraint("ends_on > starts_on", name="in_order"),
)

discount = sa.Table(
    "discount",
    metadata,
    _org(),
    _id(),
    Column("description", Text, nullable=False),
    Column("percent", Numeric),
    Column("amount_minor", BigInteger),
    Column("currency", Text),
    _sku(),
    Column("first_month", Date, nullable=False),
    Column("periods", SmallInteger),
    _key("id"),
    sa.CheckConstraint("num_nonnulls(percent, amount_minor) = 1", name="percent_or_amount"),
    sa.CheckConstraint("percent > 0 AND percent <= 100", name="percent_in_bounds"),
    sa.CheckConstraint("amount_minor > 0", name="amount_positive"),
    sa.CheckConstraint("(amount_minor IS NULL) = (currency IS NULL)", name="amount_has_currency"),
    sa.CheckConstraint("extract(day FROM first_month) = 1", name="month_first"),
    sa.CheckConstraint("periods > 0", name="periods_positive"),
)

reservation = sa.Table(
    "reservation",
    metadata,
    _org(),
    _id(),
    Column("region_id", SmallInteger, ForeignKey("region.id"), nullable=False),
    Column("cpu_kind", Text, nullable=False),
    Column("upfront_minor", BigInteger, nullable=False),
    Column("monthly_credit_minor", BigInteger, nullable=False),
    _currency(),
    Column("starts_on", Date, nullable=False),
    Column("months", SmallInteger, nullable=False),
    _key("id"),
    sa.CheckConstraint("cpu_kind IN ('shared', 'performance')", name="cpu_kind_known"),
    sa.CheckConstraint("upfront_minor >= 0 AND monthly_credit_minor > 0", name="amounts_in_bounds"),
    sa.CheckConstraint("months > 0", name="months_positive"),
)

credit_grant = sa.Table(
    "credit_grant",
    metadata,
    _org(),
    _id(),
    Column("kind", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("used_minor", BigInteger, nullable=False, server_default="0"),
    Column("revoked_minor", BigInteger, nullable=False, server_default="0", comment="taken back by the platform before an invoice took it"),
    _currency(),
    Column("granted_at", MOMENT, nullable=False),
    Column("expires_at", MOMENT),
    _key("id"),
    sa.CheckConstraint("kind IN ('prepaid', 'promotional')", name="kind_known"),
    sa.CheckConstraint("amount_minor > 0", name="amount_positive"),
    sa.CheckConstraint("used_minor >= 0 AND revoked_minor >= 0 AND used_minor + revoked_minor <= amount_minor", name="never_overdrawn"),
    sa.CheckConstraint("expires_at > granted_at", name="in_order"),
)

credit_use = sa.Table(
    "credit_use",
    metadata,
    _org(),
    _id(),
    Column("grant_id", BigInteger, nullable=False),
    Column("invoice_id", BigInteger, nullable=False),
    Column("amount_minor", BigInteger, nullable=False, comment="taken from the grant; negative when a void gives it back"),
    Column("used_at", MOMENT, nullable=False),
    _key("id"),
    sa.ForeignKeyConstraint(["org_id", "grant_id"], ["credit_grant.org_id", "credit_grant.id"]),
    sa.CheckConstraint("amount_minor <> 0", name="amount_not_zero"),
    sa.Index("uq_credit_use_taken", "org_id", "invoice_id", "grant_id", unique=True, postgresql_where=sa.text("amount_minor > 0")),
    sa.Index("uq_credit_use_returned", "org_id", "invoice_id", "grant_id", unique=True, postgresql_where=sa.text("amount_minor < 0")),
    sa.Index("ix_credit_use_org_id_grant_id", "org_id", "grant_id"),
)

recurring_fee = sa.Table(
    "recurring_fee",
    metadata,
    _org(),
    _id(),
    Column("description", Text, nullable=False),
    _sku(),
    Column("unit_amount", Numeric, comment="null: the price book's price of the sku"),
    Column("currency", Text),
    Column("quantity", Numeric, nullable=False, server_default="1"),
    Column("first_day", Date, nullable=False),
    Column("last_day", Date, comment="the last day that is charged"),
    _key("id"),
    sa.CheckConstraint("num_nonnulls(sku_id, unit_amount) > 0", name="sku_or_amount"),
    sa.CheckConstraint("(unit_amount IS NULL) = (currency IS NULL)", name="amount_has_currency"),
    sa.CheckConstraint("unit_amount >= 0 AND quantity >= 0", name="amounts_not_negative"),
    sa.CheckConstraint("last_day >= first_day", name="in_order"),
)

one_off_charge = sa.Table(
    "one_off_charge",
    metadata,
    _org(),
    _id(),
    Column("description", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    _currency(),
    Column("charged_on", Date, nullable=False),
    _key("id"),
    sa.CheckConstraint("amount_minor > 0", name="amount_positive"),
)

spend_limit = sa.Table(
    "spend_limit",
    metadata,
    _org(),
    _id(),
    Column("minimum_minor", BigInteger),
    Column("maximum_minor", BigInteger),
    _currency(),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date),
    _key("id"),
    sa.CheckConstraint("num_nonnulls(minimum_minor, maximum_minor) > 0", name="something_limited"),
    sa.CheckConstraint("minimum_minor >= 0 AND maximum_minor >= 0", name="limits_not_negative"),
    sa.CheckConstraint("maximum_minor >= minimum_minor", name="limits_in_order"),
    sa.CheckConstraint("ends_on > starts_on", name="in_order"),
)

tax_rate = sa.Table(
    "tax_rate",
    metadata,
    Column("country", Text, nullable=False),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date),
    Column("percent", Numeric, nullable=False),
    Column("name", Text, nullable=False),
    sa.PrimaryKeyConstraint("country", "starts_on"),
    sa.CheckConstraint("percent >= 0 AND percent < 100", name="percent_in_bounds"),
    sa.CheckConstraint("ends_on > starts_on", name="in_order"),
)

seller = sa.Table(
    "seller",
    metadata,
    Column("starts_on", Date, nullable=False),
    Column("name", Text, nullable=False),
    Column("address_lines", ARRAY(Text), nullable=False),
    Column("postcode", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("vat_number", Text),
    Column("tax_number", Text),
    Column("registration", Text),
    Column("iban", Text),
    Column("bic", Text),
    Column("email", Text, nullable=False),
    Column("is_demo", Boolean, nullable=False, server_default="false"),
    Column("logo", LargeBinary, comment="a PNG or JPEG, printed on invoices"),
    sa.PrimaryKeyConstraint("starts_on"),
    sa.CheckConstraint("country ~ '^[A-Z]{2}$'", name="country_shape"),
)
