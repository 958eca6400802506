"""Alembic on our own engine: the owner's login, our metadata, partitions left out of the comparison."""

import sqlalchemy as sa

import flyusage.alerts.models
import flyusage.auth.models
import flyusage.invoices.models
import flyusage.invoices.month_models
import flyusage.invoices.payments.models
import flyusage.metering.models
import flyusage.orgs.idempotency
import flyusage.orgs.models
import flyusage.orgs.sso.models
import flyusage.orgs.terminal_sign_ins
import flyusage.pricing.models
import flyusage.pricing.terms_models  # noqa: F401 each import adds its tables to the metadata
from alembic import context
from flyusage import db
from sqlmodel import SQLModel


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Partitions are made as months come; the models know their parents only."""
    return not (kind == "table" and name is not None and name in partitions)


def run(connection: sa.Connection) -> None:
    """Migrate on `connection`, in one transaction, as the owner of the schema."""
    global partitions
    partitions = set(connection.scalars(sa.text("SELECT relname FROM pg_class WHERE relispartition")))
    context.configure(
        connection=connection, target_metadata=SQLModel.metadata, include_name=include_name, compare_type=True,
        compare_server_default=False,
    )  # fmt: skip
    with context.begin_transaction():
        context.run_migrations()


partitions: set[str] = set()
if (given := context.config.attributes.get("connection")) is not None:
    run(given)
else:
    engine = db.owner_engine()
    with engine.begin() as opened:
        opened.execute(sa.text(f"SET ROLE {db.OWNER_ROLE}"))
        run(opened)
    engine.dispose()
