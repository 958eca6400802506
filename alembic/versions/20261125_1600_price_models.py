"""Prices of every model: tiers, packages, percentages, free quantities, bounds; the log of price books; experiments with prices.

Revision ID: 20261125_1600
Revises: 20261125_1530
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from flyusage.db import APP_ROLE, PLATFORM_ROLE

revision = "20261125_1600"
down_revision = "20261125_1530"
branch_labels = None
depends_on = None

CHECKS = {
    "model_known": "model IN ('per_unit', 'graduated', 'volume', 'package', 'percentage', 'flat', 'one_off')",
    "tiers_sound": "tiers IS NULL OR price_tiers_are_sound(tiers)",
    "tiers_fit_model": "CASE WHEN model IN ('graduated', 'volume') THEN tiers IS NOT NULL ELSE tiers IS NULL OR model = 'percentage' END",
    "package_size_fits_model": "(model = 'package') = (package_size IS NOT NULL)",
    "package_size_whole": "package_size > 0 AND package_size = trunc(package_size)",
    "terms_not_negative": "rate_percent >= 0 AND free_quantity >= 0 AND minimum >= 0 AND maximum >= 0",
    "bounds_in_order": "maximum >= minimum",
}
COLUMNS = ("model", "tiers", "package_size", "rate_percent", "free_quantity", "minimum", "maximum")


def upgrade() -> None:
    op.execute(_TIERS_ARE_SOUND)
    op.add_column("price", sa.Column("model", sa.Text(), server_default="per_unit", nullable=False))
    op.add_column(
        "price",
        sa.Column("tiers", postgresql.JSONB(), comment="[{up_to, unit_amount, flat_amount, rate_percent}], numbers as texts"),
    )
    op.add_column("price", sa.Column("package_size", sa.Numeric(), comment="units of per_quantity base units"))
    op.add_column("price", sa.Column("rate_percent", sa.Numeric(), server_default="0", nullable=False))
    op.add_column(
        "price",
        sa.Column("free_quantity", sa.Numeric(), server_default="0", nullable=False, comment="units of per_quantity base units, each period"),
    )
    op.add_column("price", sa.Column("minimum", sa.Numeric(), comment="major units of the book's currency, each period"))
    op.add_column("price", sa.Column("maximum", sa.Numeric()))
    for name, condition in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_price_{name}"), "price", condition)
    op.create_table(
        "price_book_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_book_event")),
    )
    _create_experiments()
    for statement in _security():
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("price_experiment_notice")
    op.drop_table("price_experiment_member")
    op.drop_table("price_experiment")
    op.drop_table("price_book_event")
    for name in CHECKS:
        op.drop_constraint(op.f(f"ck_price_{name}"), "price")
    for column in COLUMNS:
        op.drop_column("price", column)
    op.execute("DROP FUNCTION price_tiers_are_sound(jsonb)")


TENANT = ("price_experiment_member", "price_experiment_notice")
CURRENT_ORG = "NULLIF(current_setting('flyusage.org_id', true), '')::int"


def _create_experiments() -> None:
    op.create_table(
        "price_experiment",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("base_book_id", sa.Integer(), nullable=False),
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column(
            "percent",
            sa.Numeric(),
            comment="of the organizations that buy from the base book, by a stable hash; null: named ones only",
        ),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date()),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'", name=op.f("ck_price_experiment_slug_shape")),
        sa.CheckConstraint("base_book_id <> book_id", name=op.f("ck_price_experiment_books_differ")),
        sa.CheckConstraint("percent > 0 AND percent <= 100", name=op.f("ck_price_experiment_percent_in_bounds")),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_price_experiment_in_order")),
        sa.ForeignKeyConstraint(["base_book_id"], ["price_book.id"], name=op.f("fk_price_experiment_base_book_id_price_book")),
        sa.ForeignKeyConstraint(["book_id"], ["price_book.id"], name=op.f("fk_price_experiment_book_id_price_book")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_experiment")),
        sa.UniqueConstraint("slug", name=op.f("uq_price_experiment_slug")),
    )
    op.create_index("ix_price_experiment_base_book_id", "price_experiment", ["base_book_id"])
    for table, columns, key in (
        ("price_experiment_member", [sa.Column("is_in", sa.Boolean(), nullable=False, comment="false: named to stay out, whatever its hash")], []),
        (
            "price_experiment_notice",
            [
                sa.Column("kind", sa.Text(), nullable=False),
                sa.Column("due_on", sa.Date(), nullable=False),
                sa.Column("handed_over_at", sa.DateTime(timezone=True), comment="when the outbox took it; null until then"),
                sa.CheckConstraint("kind IN ('begins', 'ends')", name=op.f("ck_price_experiment_notice_kind_known")),
            ],
            ["kind"],
        ),
    ):
        op.create_table(
            table,
            sa.Column("org_id", sa.Integer(), nullable=False),
            sa.Column("experiment_id", sa.Integer(), nullable=False),
            *columns,
            sa.ForeignKeyConstraint(["experiment_id"], ["price_experiment.id"], name=op.f(f"fk_{table}_experiment_id_price_experiment")),
            sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f(f"fk_{table}_org_id_organization")),
            sa.PrimaryKeyConstraint("org_id", "experiment_id", *key, name=op.f(f"pk_{table}")),
        )
    op.create_index("ix_price_experiment_notice_due", "price_experiment_notice", ["due_on"], postgresql_where=sa.text("handed_over_at IS NULL"))


def _security() -> list[str]:
    """Members' transactions read what concerns their prices; books, their log and experiments are the platform's to write."""
    statements = [
        f"GRANT SELECT ON price_experiment, {', '.join(TENANT)} TO {APP_ROLE}",
        f"GRANT SELECT, INSERT, UPDATE ON price_experiment TO {PLATFORM_ROLE}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(TENANT)} TO {PLATFORM_ROLE}",
        f"GRANT SELECT, INSERT ON price_book_event TO {PLATFORM_ROLE}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {PLATFORM_ROLE}",
        """CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON price_book_event
           FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()""",
    ]
    for table in TENANT:
        statements += [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant ON {table} TO {APP_ROLE} USING (org_id = {CURRENT_ORG}) WITH CHECK (org_id = {CURRENT_ORG})",
            f"CREATE POLICY platform ON {table} TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)",
        ]
    return statements


# An array of objects; bounds ascend from above zero, and only the last may be open; amounts are decimals that are not negative.
_TIERS_ARE_SOUND = r"""
CREATE FUNCTION price_tiers_are_sound(tiers jsonb) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE tier jsonb; place int := 0; lower numeric := 0; field text;
BEGIN
  IF jsonb_typeof(tiers) <> 'array' OR jsonb_array_length(tiers) = 0 THEN RETURN false; END IF;
  FOR tier IN SELECT * FROM jsonb_array_elements(tiers) LOOP
    place := place + 1;
    IF jsonb_typeof(tier) <> 'object' THEN RETURN false; END IF;
    FOREACH field IN ARRAY ARRAY['unit_amount', 'flat_amount', 'rate_percent'] LOOP
      IF coalesce(jsonb_typeof(tier -> field), 'string') <> 'string' OR coalesce(tier ->> field, '0') !~ '^\d{1,40}(\.\d{1,40})?$' THEN
        RETURN false;
      END IF;
    END LOOP;
    IF tier ->> 'up_to' IS NULL THEN
      IF place < jsonb_array_length(tiers) THEN RETURN false; END IF;
    ELSE
      IF jsonb_typeof(tier -> 'up_to') <> 'string' OR tier ->> 'up_to' !~ '^\d{1,40}(\.\d{1,40})?$' THEN RETURN false; END IF;
      IF (tier ->> 'up_to')::numeric <= lower THEN RETURN false; END IF;
      lower := (tier ->> 'up_to')::numeric;
    END IF;
  END LOOP;
  RETURN true;
END $$"""
