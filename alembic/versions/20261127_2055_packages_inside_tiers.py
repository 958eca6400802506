"""A tier may sell its units in packages: their size is a number above zero, as a text.

Revision ID: 20261127_2055
Revises: 20261127_2040
"""

from alembic import op

revision = "20261127_2055"
down_revision = "20261127_2040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(SOUND.replace("--packages", PACKAGES))


def downgrade() -> None:
    op.execute(SOUND)


PACKAGES = r"""
    IF coalesce(jsonb_typeof(tier -> 'package_size'), 'string') <> 'string'
      OR coalesce(tier ->> 'package_size', '1') !~ '^\d{1,40}(\.\d{1,40})?$' THEN RETURN false; END IF;
    IF coalesce(tier ->> 'package_size', '1')::numeric <= 0 THEN RETURN false; END IF;"""
SOUND = r"""
CREATE OR REPLACE FUNCTION price_tiers_are_sound(tiers jsonb) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
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
    END LOOP;--packages
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
