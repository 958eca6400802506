"""What a token's look-up must know beside it: that its organization is deleted, or closed to members without a second factor.

Revision ID: 20261126_0040
Revises: 20261126_0030
"""

from alembic import op

from flyusage.db import APP_ROLE, PLATFORM_ROLE

revision = "20261126_0040"
down_revision = "20261126_0030"
branch_labels = None
depends_on = None

FUNCTION = "api_token_bearer(bytea)"


def upgrade() -> None:
    _replace(
        ", deleted_at timestamptz, is_closed boolean",
        ", o.deleted_at, t.user_id IS NOT NULL AND o.requires_second_factor AND NOT has_second_factor(t.user_id)",
    )


def downgrade() -> None:
    _replace("", "")


def _replace(columns: str, values: str) -> None:
    op.execute(f"DROP FUNCTION {FUNCTION}")
    op.execute(
        f"""CREATE FUNCTION api_token_bearer(secret bytea)
            RETURNS TABLE (token_id bigint, org_id int, slug text, org_name text, is_synthetic boolean, user_id int, role text,
                           scopes jsonb, expires_at timestamptz, revoked_at timestamptz, used_at timestamptz{columns})
            LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
            AS $$ SELECT t.id, o.id, o.slug, o.name, o.is_synthetic, t.user_id, m.role, t.scopes, t.expires_at, t.revoked_at, t.used_at{values}
                  FROM api_token t JOIN organization o ON o.id = t.org_id
                  LEFT JOIN membership m ON m.org_id = t.org_id AND m.user_id = t.user_id AND m.created_at <= t.created_at
                  WHERE t.secret_sha256 = secret $$"""
    )
    op.execute(f"REVOKE ALL ON FUNCTION {FUNCTION} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {FUNCTION} TO {APP_ROLE}, {PLATFORM_ROLE}")
