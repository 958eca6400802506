"""Prices of every model: tiers, packages, percentages, free quantities, bounds; and the log of what was done to price books.

Revision ID: 20261125_1600
Revises: 20261125_1520
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from flyusage.db import PLATFORM_ROLE

revision = "20261125_1600"
down_revision = "20261125_1520"
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
    op.execute(f"GRANT SELECT, INSERT ON price_book_event TO {PLATFORM_ROLE}")
    op.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {PLATFORM_ROLE}")
    op.execute(
        """CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON price_book_event
           FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"""
    )


def downgrade() -> None:
    op.drop_table("price_book_event")
    for name in CHECKS:
        op.drop_constraint(op.f(f"ck_price_{name}"), "price")
    for column in COLUMNS:
        op.drop_column("price", column)
    op.execute("DROP FUNCTION price_tiers_are_sound(jsonb)")


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
