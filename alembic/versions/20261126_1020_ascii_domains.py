"""Addresses with their domain as DNS writes it (xn--), as new ones are kept from now on.

Revision ID: 20261126_1020
Revises: 20261126_1010
"""

import sqlalchemy as sa
from alembic import op

from flyusage.internet import ascii_name

revision = "20261126_1020"
down_revision = "20261126_1010"
branch_labels = None
depends_on = None

TABLES = ("user_account", "scim_user", "invitation")


def upgrade() -> None:
    connection = op.get_bind()
    for table in ("scim_user", "invitation"):  # the owner passes no policy of theirs that would let it write
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    for table in TABLES:
        rows = connection.execute(sa.text(f"SELECT DISTINCT email FROM {table} WHERE split_part(email, '@', 2) ~ '[^ -~]'"))
        for (email,) in rows.all():
            local, _, domain = email.rpartition("@")
            try:
                kept = f"{local}@{ascii_name(domain)}"
            except ValueError:
                continue  # no name of a host: nothing ever reached it
            # Where both ways were written, the one that stands already stays the account.
            change = f"UPDATE {table} SET email = :kept WHERE email = :email"
            alone = "" if table == "invitation" else f" AND NOT EXISTS (SELECT FROM {table} WHERE email = :kept)"
            connection.execute(sa.text(change + alone), {"kept": kept, "email": email})
    for table in ("scim_user", "invitation"):
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    """Both ways to write a name reach the same people; nothing is to be undone."""
