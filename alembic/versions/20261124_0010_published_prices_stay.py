"""A published version of a price book, and its prices, can be neither changed nor taken away.

Revision ID: 20261124_0010
Revises: 20261123_2230
"""

from alembic import op

revision = "20261124_0010"
down_revision = "20261123_2230"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """CREATE FUNCTION refuse_published_version() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN
             IF OLD.published_at IS NOT NULL THEN
               RAISE EXCEPTION 'price book version % is published; publish a later one instead', OLD.id USING ERRCODE = 'restrict_violation';
             END IF;
             RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
           END $$"""
    )
    op.execute(
        """CREATE FUNCTION refuse_published_price() RETURNS trigger LANGUAGE plpgsql AS $$
           DECLARE touched int[] := ARRAY[CASE WHEN TG_OP <> 'INSERT' THEN OLD.version_id END, CASE WHEN TG_OP <> 'DELETE' THEN NEW.version_id END];
           BEGIN
             IF EXISTS (SELECT FROM price_book_version WHERE id = ANY (touched) AND published_at IS NOT NULL) THEN
               RAISE EXCEPTION 'the price''s version is published; publish a later one instead' USING ERRCODE = 'restrict_violation';
             END IF;
             RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
           END $$"""
    )
    op.execute(
        """CREATE TRIGGER published_stays BEFORE UPDATE OR DELETE ON price_book_version
           FOR EACH ROW EXECUTE FUNCTION refuse_published_version()"""
    )
    op.execute(
        """CREATE TRIGGER published_stays BEFORE INSERT OR UPDATE OR DELETE ON price
           FOR EACH ROW EXECUTE FUNCTION refuse_published_price()"""
    )
    for table in ("price_book_version", "price"):
        op.execute(f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")


def downgrade() -> None:
    for table in ("price", "price_book_version"):
        op.execute(f"DROP TRIGGER never_emptied ON {table}")
        op.execute(f"DROP TRIGGER published_stays ON {table}")
    op.execute("DROP FUNCTION refuse_published_price()")
    op.execute("DROP FUNCTION refuse_published_version()")
