"""`flyusage mail`: mail that waits in the outbox."""

from typing import Annotated

import typer

from flyusage.cli import bootstrap
from flyusage.cli.payments import AsJson, Number, Org, print_queue, repeat
from flyusage.config import settings
from flyusage.invoices.posting import KIND, UNSET

app = typer.Typer(help="Mail about invoices and prices: what waits, and trying it again.", no_args_is_help=True)


@app.command("queue")
def queue(org: Org = None, as_json: AsJson = False) -> None:
    """Mail that was not sent yet, with age, attempts and the last error."""
    bootstrap.be_ready()
    print_queue(KIND, org, None if settings().smtp_url else UNSET, as_json=as_json)


@app.command("retry")
def retry(number: Number = None, org: Annotated[str | None, typer.Option("--org", help="An organization's slug.")] = None) -> None:
    """Try again at once what waits after an error, about one invoice, of an organization or all."""
    repeat(KIND, number, org)
