"""From nothing to a database that can be used: roles, schema, and the reference data that it stands on."""

from flyusage import schema


def prepare() -> None:
    """Create what is missing, migrate and load regions, sizes, skus and list prices. Safe to repeat, by several at once."""
    schema.initialize()
    load_reference_data()


def load_reference_data() -> None:
    """Regions, sizes and skus, then the published list prices. Rows that are there already stay."""
    with schema.owner_session() as session:
        for load in _loaders():
            try:
                load(session)
            except NotImplementedError:  # until both features are there
                continue


def _loaders():
    import importlib

    for module, name in (("flyusage.metering.catalog", "load_reference"), ("flyusage.pricing.books", "load_list_prices")):
        try:
            yield getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):
            continue
