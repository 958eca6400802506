"""No invitation of a deleted organization is good while it is deleted: it let somebody in whom nobody there could see.

Revision ID: 20261127_1830
Revises: 20261127_0000
"""

from alembic import op

revision = "20261127_1830"
down_revision = "20261127_0000"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _invitation_by_secret(" AND o.deleted_at IS NULL")


def downgrade() -> None:
    _invitation_by_secret("")


def _invitation_by_secret(but: str) -> None:
    """As it was made with members; who may call it stays."""
    op.execute(
        f"""CREATE OR REPLACE FUNCTION invitation_by_secret(secret bytea, at timestamptz)
            RETURNS TABLE (org_id int, id bigint, email text, role text, slug text, name text, has_password boolean)
            LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
            AS $$ SELECT i.org_id, i.id, i.email, i.role, o.slug, o.name,
                         EXISTS (SELECT FROM user_account u WHERE u.email = i.email AND u.password_hash IS NOT NULL)
                  FROM invitation i JOIN organization o ON o.id = i.org_id
                  WHERE i.secret_sha256 = secret AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.ends_at > at{but} $$"""
    )
