"""Price books: published, immutable, effective-dated; and which one an organization buys from."""

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

metadata = SQLModel.metadata

price_book = sa.Table(
    "price_book",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("slug", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("is_synthetic", Boolean, nullable=False, server_default="false"),
)

price_book_version = sa.Table(
    "price_book_version",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("book_id", Integer, ForeignKey("price_book.id"), nullable=False),
    Column("effective_from", Date, nullable=False),
    Column("published_at", DateTime(timezone=True)),
    Column("note", Text, nullable=False, server_default=""),
    sa.UniqueConstraint("book_id", "effective_from"),
)

price = sa.Table(
    "price",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("version_id", Integer, ForeignKey("price_book_version.id"), nullable=False),
    Column("sku_id", SmallInteger, ForeignKey("sku.id"), nullable=False),
    Column("scope", Text, nullable=False),
    Column("amount", Numeric, nullable=False),
    Column("per_quantity", BigInteger, nullable=False),
    Column("unit", Text, nullable=False),
    Column("effective_from", Date),
    Column("effective_to", Date),
    Column("note", Text, nullable=False, server_default=""),
    Column("model", Text, nullable=False, server_default="per_unit"),
    Column("tiers", JSONB(none_as_null=True), comment="[{up_to, unit_amount, flat_amount, rate_percent}], numbers as texts"),
    Column("package_size", Numeric, comment="units of per_quantity base units"),
    Column("rate_percent", Numeric, nullable=False, server_default="0"),
    Column("free_quantity", Numeric, nullable=False, server_default="0", comment="units of per_quantity base units, each period"),
    Column("minimum", Numeric, comment="major units of the book's currency, each period"),
    Column("maximum", Numeric),
    sa.Index("ix_price_version_id_sku_id", "version_id", "sku_id"),
    sa.CheckConstraint("amount >= 0", name="amount_not_negative"),
    sa.CheckConstraint("per_quantity > 0", name="per_quantity_positive"),
    sa.CheckConstraint("effective_to > effective_from", name="effective_in_order"),
    sa.CheckConstraint("model IN ('per_unit', 'graduated', 'volume', 'package', 'percentage', 'flat', 'one_off')", name="model_known"),
    sa.CheckConstraint("tiers IS NULL OR price_tiers_are_sound(tiers)", name="tiers_sound"),
    sa.CheckConstraint(
        "CASE WHEN model IN ('graduated', 'volume') THEN tiers IS NOT NULL ELSE tiers IS NULL OR model = 'percentage' END",
        name="tiers_fit_model",
    ),
    sa.CheckConstraint("(model = 'package') = (package_size IS NOT NULL)", name="package_size_fits_model"),
    sa.CheckConstraint("package_size > 0 AND package_size = trunc(package_size)", name="package_size_whole"),
    sa.CheckConstraint("rate_percent >= 0 AND free_quantity >= 0 AND minimum >= 0 AND maximum >= 0", name="terms_not_negative"),
    sa.CheckConstraint("maximum >= minimum", name="bounds_in_order"),
)

price_segment = sa.Table(
    "price_segment",
    metadata,
    Column("book_id", Integer, ForeignKey("price_book.id"), nullable=False),
    Column("sku_id", SmallInteger, nullable=False),
    Column("region_id", SmallInteger, nullable=False),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date, nullable=False),
    Column("amount", Numeric, nullable=False),
    Column("per_quantity", BigInteger, nullable=False),
    Column("price_id", BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("book_id", "sku_id", "region_id", "starts_on"),
    sa.CheckConstraint("ends_on > starts_on", name="in_order"),
)

subscription = sa.Table(
    "subscription",
    metadata,
    Column("org_id", Integer, ForeignKey("organization.id"), primary_key=True, autoincrement=False),
    Column("price_book_id", Integer, ForeignKey("price_book.id"), nullable=False),
)

price_experiment = sa.Table(
    "price_experiment",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("slug", Text, nullable=False, unique=True),
    Column("base_book_id", Integer, ForeignKey("price_book.id"), nullable=False),
    Column("book_id", Integer, ForeignKey("price_book.id"), nullable=False),
    Column("percent", Numeric, comment="of the organizations that buy from the base book, by a stable hash; null: named ones only"),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date),
    Column("note", Text, nullable=False, server_default=""),
    Column("created_at", DateTime(timezone=True), nullable=False),
    sa.Index("ix_price_experiment_base_book_id", "base_book_id"),
    sa.CheckConstraint("slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'", name="slug_shape"),
    sa.CheckConstraint("base_book_id <> book_id", name="books_differ"),
    sa.CheckConstraint("percent > 0 AND percent <= 100", name="percent_in_bounds"),
    sa.CheckConstraint("ends_on >= starts_on", name="in_order"),
)

price_experiment_member = sa.Table(
    "price_experiment_member",
    metadata,
    Column("org_id", Integer, ForeignKey("organization.id"), nullable=False),
    Column("experiment_id", Integer, ForeignKey("price_experiment.id"), nullable=False),
    Column("is_in", Boolean, nullable=False, comment="false: named to stay out, whatever its hash"),
    sa.PrimaryKeyConstraint("org_id", "experiment_id"),
)

price_experiment_notice = sa.Table(
    "price_experiment_notice",
    metadata,
    Column("org_id", Integer, ForeignKey("organization.id"), nullable=False),
    Column("experiment_id", Integer, ForeignKey("price_experiment.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("handed_over_at", DateTime(timezone=True), comment="when the outbox took it; null until then"),
    sa.PrimaryKeyConstraint("org_id", "experiment_id", "kind"),
    sa.Index("ix_price_experiment_notice_due", "due_on", postgresql_where=sa.text("handed_over_at IS NULL")),
    sa.CheckConstraint("kind IN ('begins', 'ends')", name="kind_known"),
)

costliest_month = sa.Table(
    "costliest_month",
    metadata,
    Column("org_id", Integer, ForeignKey("organization.id"), nullable=False),
    Column("month", Date, nullable=False),
    Column("revision", BigInteger, nullable=False, comment="that of resource_month_revision when it was ranked"),
    Column("priced_by", LargeBinary, nullable=False, comment="a digest of the prices it was ranked by"),
    Column("resource_ids", ARRAY(BigInteger), nullable=False, comment="the costliest first; none: too few machines to keep"),
    sa.PrimaryKeyConstraint("org_id", "month"),
)

price_book_event = sa.Table(
    "price_book_event",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", JSONB, nullable=False, server_default="{}"),
)
