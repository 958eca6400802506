"""`flyusage db`: the only commands that migrate."""

from typing import Annotated

import typer

from flyusage import schema
from flyusage.cli import bootstrap
from flyusage.cli.output import agreed, print_json
from flyusage.config import settings

app = typer.Typer(help="Create and migrate the database.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def init() -> None:
    """Create the database, roles, schema and reference data; what is there already stays."""
    bootstrap.prepare()
    typer.echo(f"The database is at schema {schema.known_version()} and holds regions, sizes and list prices.")


@app.command()
def upgrade() -> None:
    """Migrate to this flyusage's schema and load its reference data."""
    schema.upgrade()
    bootstrap.load_reference_data()
    typer.echo(f"The database is at schema {schema.known_version()}.")


@app.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="Schema version to go back to; `base` removes every table and all data.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Migrate back to an older schema. Data that only the newer one holds is lost."""
    if not yes:
        agreed(f"Go back to schema {revision} and lose what only newer ones hold?")
    schema.downgrade(revision)
    typer.echo(f"The database is at schema {revision}.")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show the database's schema beside the one this flyusage needs; exit code 1 when they differ."""
    current, known = schema.current_version(), schema.known_version()
    if as_json:
        print_json({"current": current, "known": known, "is_embedded": settings().is_embedded})
    else:
        typer.echo(f"The database is at schema {current or 'none'}; this flyusage needs {known}.")
    if current != known:
        raise typer.Exit(1)
