"""From nothing to a database that can be used: roles, schema, and the reference data that it stands on."""

from contextlib import suppress

import typer

from flyusage import schema
from flyusage.cli import remote
from flyusage.config import settings
from flyusage.errors import FlyusageError
from flyusage.logs import harmless
from flyusage.metering.catalog import load_reference
from flyusage.pricing.books import load_list_prices
from flyusage.pricing.tax_facts import load_tax_facts


def prepare() -> None:
    """Create what is missing, migrate and load regions, sizes, skus and list prices. Safe to repeat, by several at once."""
    schema.initialize()
    load_reference_data()


def load_reference_data() -> None:
    """Regions, sizes and skus, then the published list prices, tax rates and a seller. What is there already stays."""
    with schema.owner_session() as session:
        load_reference(session)
        load_list_prices(session)
        load_tax_facts(session)


def be_ready() -> None:
    """Be able to use the database: the embedded one is made and migrated where needed, any other is only checked.

    Says so where somebody may think of another flyusage: a command that can ask one has done it before it comes here.
    Raises SchemaMismatch, naming both versions and the command, for a database that somebody else has to migrate.
    """
    with suppress(FlyusageError):  # a profile that cannot be used is no matter here
        if (elsewhere := remote.chosen()) is not None:
            where = f"the embedded one in {settings().data_dir}" if settings().is_embedded else "FLYUSAGE_DATABASE_URL"
            typer.echo(harmless(f"This command works on a database ({where}), not on {elsewhere.url}."), err=True)
    if settings().is_embedded and schema.current_version() != schema.known_version():
        prepare()
    schema.require_known()
