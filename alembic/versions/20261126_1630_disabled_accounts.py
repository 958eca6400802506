"""Accounts that an operator disabled: nobody signs in to one, and what its people made to act for them is refused.

Revision ID: 20261126_1630
Revises: 20261126_1730
"""

import sqlalchemy as sa
from alembic import op

from flyusage.db import APP_ROLE, PLATFORM_ROLE

revision = "20261126_1630"
down_revision = "20261126_1730"
branch_labels = None
depends_on = None

DEFINER = "LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp"
DISABLED, BEARER = "is_disabled(int)", "api_token_bearer(bytea)"


def upgrade() -> None:
    op.add_column(
        "user_account", sa.Column("disabled_at", sa.DateTime(timezone=True), comment="by whoever runs the installation: signs in no more")
    )
    # A tenant's role reads no accounts.
    op.execute(
        f"""CREATE FUNCTION {DISABLED.replace('int', 'who int')} RETURNS boolean {DEFINER}
            AS $$ SELECT EXISTS (SELECT FROM user_account WHERE id = who AND disabled_at IS NOT NULL) $$"""
    )
    _let_call(DISABLED)
    _bearer(" AND NOT is_disabled(t.user_id)")


def downgrade() -> None:
    _bearer("")
    op.execute(f"DROP FUNCTION {DISABLED}")
    op.drop_column("user_account", "disabled_at")


def _bearer(but: str) -> None:
    """As single sign-on made it; a token of a disabled account is nobody's."""
    op.execute(f"DROP FUNCTION {BEARER}")
    op.execute(
        f"""CREATE FUNCTION api_token_bearer(secret bytea)
            RETURNS TABLE (token_id bigint, org_id int, slug text, org_name text, is_synthetic boolean, user_id int, role text,
                           scopes jsonb, expires_at timestamptz, revoked_at timestamptz, used_at timestamptz, deleted_at timestamptz,
                           is_closed boolean) {DEFINER}
            AS $$ SELECT t.id, o.id, o.slug, o.name, o.is_synthetic, t.user_id, m.role, t.scopes, t.expires_at, t.revoked_at, t.used_at,
                         o.deleted_at, t.user_id IS NOT NULL AND o.requires_second_factor AND NOT has_second_factor(t.user_id)
                           AND NOT EXISTS (SELECT FROM sso_identity i WHERE i.org_id = o.id AND i.user_id = t.user_id AND i.has_factor)
                  FROM api_token t JOIN organization o ON o.id = t.org_id
                  LEFT JOIN membership m ON m.org_id = t.org_id AND m.user_id = t.user_id AND m.created_at <= t.created_at{but}
                  WHERE t.secret_sha256 = secret $$"""
    )
    _let_call(BEARER)


def _let_call(function: str) -> None:
    op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {APP_ROLE}, {PLATFORM_ROLE}")
