"""`flyusage seller`: who issues the invoices."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from flyusage import db
from flyusage.cli import asked, bootstrap
from flyusage.cli.output import print_json, print_table
from flyusage.cli.price_drafts import DAY
from flyusage.invoices.selling import gaps, name_seller
from flyusage.logs import harmless
from flyusage.orgs.acting import system
from flyusage.pricing.tax import Seller
from flyusage.pricing.terms import sellers

app = typer.Typer(help="Name who issues the invoices, with address, tax numbers, bank account and logo.", no_args_is_help=True)

BY = system("command")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("show")
def show(as_json: AsJson = False) -> None:
    """Everybody who sold or will, by the day each begins."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        known = sellers(session)
    if as_json:
        print_json([_plain(one) for one in known])
        return
    print_table(
        ("from", "name", "town", "country", "VAT number", "IBAN", "logo"),
        [(one.starts_on, one.name, one.city, one.country, one.vat_number, one.iban, one.logo is not None) for one in known],
    )


@app.command("set")
def set_seller(
    name: Annotated[str, typer.Argument(help="As the register has it.", show_default=False)],
    address: Annotated[list[str], typer.Option("--address", help="A line of the address; may be repeated.", show_default=False)],
    postcode: Annotated[str, typer.Option("--postcode", show_default=False)],
    city: Annotated[str, typer.Option("--city", show_default=False)],
    country: Annotated[str, typer.Option("--country", help="Two letters: DE, FR, US.", show_default=False)],
    email: Annotated[str, typer.Option("--email", help="Where customers answer to.", show_default=False)],
    vat_number: Annotated[str, typer.Option("--vat", help="The VAT number; without it no VAT is charged.", show_default=False)] = "",
    tax_number: Annotated[str, typer.Option("--tax-number", show_default=False)] = "",
    registration: Annotated[str, typer.Option("--registration", help="The number in the companies' register.", show_default=False)] = "",
    iban: Annotated[str, typer.Option("--iban", help="The account that customers pay to.", show_default=False)] = "",
    bic: Annotated[str, typer.Option("--bic", show_default=False)] = "",
    logo: Annotated[
        Path | None, typer.Option("--logo", exists=True, dir_okay=False, help="A PNG or JPEG of at most 32 KiB.", show_default=False)
    ] = None,
    since: Annotated[
        datetime | None, typer.Option("--from", formats=DAY, help="The first day; this month's by default.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Issue invoices in this name, for months that end from its first day on. Issued ones stay as they are.

    Example: flyusage seller set "Acme GmbH" --address "Hauptstr. 1" --postcode 10115 --city Berlin --country DE --email billing@acme.example
    """
    bootstrap.be_ready()
    new = Seller(
        starts_on=since.date() if since else asked.month(None),
        name=name,
        address_lines=tuple(address),
        postcode=postcode,
        city=city,
        country=country,
        email=email,
        vat_number=vat_number or None,
        tax_number=tax_number or None,
        registration=registration or None,
        iban=iban or None,
        bic=bic or None,
        logo=logo.read_bytes() if logo else None,
    )
    with db.platform_transaction() as session:
        kept = name_seller(session, new, by=BY)
    if as_json:
        print_json(_plain(kept))
        return
    typer.echo(harmless(f"{kept.name} issues invoices for what is complete from {kept.starts_on} on."))
    for one in gaps(kept):
        typer.echo(f"For an e-invoice (EN 16931) something is missing: {one}")


def _plain(one: Seller) -> dict[str, Any]:
    return {name: value for name, value in vars(one).items() if name != "logo"} | {"logo_bytes": len(one.logo or b"")}
