"""`flyusage prices`: what things cost, and what they would."""

import sys
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel import Session

from flyusage import clock, db, logs
from flyusage.cli import bootstrap, price_drafts, price_experiments, price_simulation, remote
from flyusage.cli.output import print_json, print_table
from flyusage.cli.remote import Remote
from flyusage.money import CURRENCIES, format_money, round_half_away
from flyusage.orgs.queries import organization_by_slug
from flyusage.pricing.books import LIST, PriceBook, all_books, book_named
from flyusage.pricing.buying import book_on
from flyusage.pricing.cases import Answered, answer_all, printable, read_cases
from flyusage.pricing.errors import CasesUnreadable, VersionUnknown
from flyusage.pricing.price_list import PriceEntry, PriceSpan, price_history, price_list
from flyusage.pricing.rating import Model, plain
from flyusage.pricing.urls import parse_moment
from flyusage.pricing.versions import versions

MOST_PARTS = 12

app = typer.Typer(help="See what things cost, draft new prices, and try what they would come to.", no_args_is_help=True)
app.add_typer(price_drafts.app, name="draft")
app.add_typer(price_experiments.app, name="experiment")
app.command("simulate")(price_simulation.what_if)

FEW = 8
PLACES = 12
BOOK = ("slug", "name", "currency", "is_synthetic")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Book = Annotated[str, typer.Option("--book", help="The price book.")]
Region = Annotated[str | None, typer.Option("--region", help="A region's code: what each thing costs there.", show_default=False)]


@app.command("list")
def list_prices(
    book: Book = LIST,
    org: Annotated[str | None, typer.Option("--org", help="The book this organization buys from on that day.", show_default=False)] = None,
    region: Region = None,
    sku: Annotated[str, typer.Option("--sku", help="Only skus that begin so.", show_default=False)] = "",
    on: Annotated[
        datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="The day; today by default.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What each thing costs on a day. Prices by the second are also shown for 30 days."""
    there = remote.of(org)
    if there is not None:
        _list_of(there, region, sku, on, as_json=as_json)
        return
    bootstrap.be_ready()
    day = on.date() if on else clock.now().date()
    with db.lookup_transaction() as session:
        org_id = organization_by_slug(session, org).id if org else None
    with db.lookup_transaction() if org_id is None else db.transaction(org_id) as session:
        chosen = _book(session, book) if org_id is None else book_on(session, org_id, day)
        found = [one for one in price_list(session, chosen.id, day, region=region) if one.sku.startswith(sku)]
    if as_json:
        print_json(
            {"book": chosen.slug, "currency": chosen.currency, "on": day, "region": region, "prices": [_plain(one) for one in found]}
        )
    elif not found:
        typer.echo(f"{chosen.name} has no such price on {day}.")
    else:
        _print_prices(chosen.name, chosen.currency, day, found)


@app.command("history")
def history(sku: str, book: Book = LIST, region: Region = None, as_json: AsJson = False) -> None:
    """What a sku has cost since when, regions with the same price together."""
    there = remote.of(None)
    if there is not None:
        told = there.get("/prices/history", {"sku": sku, "region": region, "book": book})
        slug, name, currency, found = told["book"], told["name"], told["currency"], [_span(one) for one in told["data"]]
    else:
        bootstrap.be_ready()
        with db.lookup_transaction() as session:
            chosen = _book(session, book)
            found = price_history(session, chosen.id, sku, region=region)
        slug, name, currency = chosen.slug, chosen.name, chosen.currency
    if as_json:
        print_json({"book": slug, "currency": currency, "sku": sku, "prices": found})
    elif not found:
        typer.echo(f"{name} never had a price of {sku}.")
    else:
        rows = [(one.starts_on, one.ends_on, _regions(one.regions), f"{one.amount:f}", one.unit, one.terms) for one in found]
        print_table(("from", "until", "regions", f"{currency} amount", "per", ""), rows)


@app.command("books")
def books(as_json: AsJson = False) -> None:
    """Every price book and its versions; one without a publishing date is a draft. Another flyusage tells those you could buy at."""
    there = remote.of(None)
    if there is not None:
        told = [_book_there(one) for one in there.get("/prices/books")["data"]]
    else:
        bootstrap.be_ready()
        with db.lookup_transaction() as session:
            known, held = all_books(session), versions(session)
        told = [
            {
                **{name: getattr(one, name) for name in BOOK},
                "versions": [price_drafts.plain_version(each) for each in held if each.book == one],
            }
            for one in known
        ]
    if as_json:
        print_json(told)
        return
    columns = ("version", "currency", "prices", "published_at", "note")
    rows = [(each["version"], one["name"], *(each[name] for name in columns[1:])) for one in told for each in one["versions"]]
    print_table(("version", "book", "currency", "prices", "published", "note"), rows)


@app.command("drafts")
def drafts(as_json: AsJson = False) -> None:
    """Versions that are not published yet."""
    bootstrap.be_ready()
    with db.lookup_transaction() as session:
        held = versions(session, only_drafts=True)
    if as_json:
        print_json([price_drafts.plain_version(one) for one in held])
    elif not held:
        typer.echo("No drafts. `flyusage prices draft new list 2027-01-01 --from list` begins one.")
    else:
        print_table(("draft", "prices", "note"), [(one.name, one.price_count, one.note) for one in held])


@app.command("rate")
def rate(
    cases: Annotated[
        str, typer.Argument(metavar="CASES", help="A JSON file of cases, as pricing/README.md describes; - reads standard input.")
    ],
    with_working: Annotated[bool, typer.Option("--working", help="Print each case's working below it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Rate the cases of a file: a price tried before it is a price. Exit code 1 if one has no answer or not the expected one."""
    answered = answer_all(read_cases(_read(cases)))
    if as_json:
        print_json([printable(one) for one in answered])
    else:
        _print(answered, with_working=with_working)
    if not all(one.is_good for one in answered):
        raise typer.Exit(1)


def _book(session: Session, slug: str) -> PriceBook:
    """Raises VersionUnknown."""
    found = book_named(session, slug)
    if found is None:
        raise VersionUnknown(f"There is no price book {slug[:60]!r}. `flyusage prices books` names those there are.")
    return found


def _span(told: Mapping[str, Any]) -> PriceSpan:
    """A price with its days, as the API tells it."""
    ends_on = None if told["ends_on"] is None else date.fromisoformat(told["ends_on"])
    return PriceSpan(
        date.fromisoformat(told["starts_on"]), ends_on, tuple(told["regions"]), Decimal(told["amount"]), told["unit"], told["terms"]
    )


def _book_there(told: Mapping[str, Any]) -> dict[str, Any]:
    named = {"slug": told["book"], **{name: told[name] for name in BOOK if name != "slug"}}
    return {**named, "versions": [{**one, "published_at": parse_moment(one["published_at"])} for one in told["versions"]]}


def _list_of(there: Remote, region: str | None, sku: str, on: datetime | None, *, as_json: bool) -> None:
    """What an organization buys at, as its flyusage says."""
    told = there.get("/prices", {"region": region, "sku": sku, "on": f"{on:%Y-%m-%d}" if on else None})
    found = [
        PriceEntry(
            sku=one["sku"],
            title=one["title"],
            scope=one["scope"],
            amount=Decimal(one["amount"]),
            unit=one["unit"],
            month=None if one["thirty_days"] is None else Fraction(one["thirty_days"]),
            model=Model(one["model"]),
            terms=one["terms"],
            note=one["note"],
        )
        for one in told["data"]
    ]
    if as_json:
        print_json({**{name: told[name] for name in ("book", "currency", "on", "region")}, "prices": [_plain(one) for one in found]})
    elif not found:
        typer.echo(f"{told['book']} has no such price on {told['on']}.")
    else:
        _print_prices(told["name"], told["currency"], date.fromisoformat(told["on"]), found)


def _print_prices(name: str, code: str, day: date, found: list[PriceEntry]) -> None:
    currency = CURRENCIES[code]
    months = ["" if one.month is None else format_money(one.month, currency) for one in found]
    width = max(len(month) for month in months)
    rows = [
        (one.sku, one.scope, f"{one.amount:f}", one.unit, month.rjust(width), one.terms or one.note if one.month is None else one.terms)
        for one, month in zip(found, months, strict=True)
    ]
    print_table(("sku", "scope", f"{code} amount", "per", "30 days".rjust(width), ""), rows)
    typer.echo(f"\n{name} on {day}.")


def _plain(one: PriceEntry) -> dict[str, object]:
    return {**vars(one), "month": None if one.month is None else round_half_away(one.month, PLACES)}


def _regions(codes: tuple[str, ...]) -> str:
    return ", ".join(codes) if len(codes) <= FEW else f"{len(codes)} regions"


def _read(name: str) -> str:
    """Raises CasesUnreadable."""
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise CasesUnreadable(f"{logs.harmless(name)} cannot be read: {reason}.") from error


def _print(answered: list[Answered], *, with_working: bool) -> None:
    if not answered:
        typer.echo("No cases.")
        return
    rows = [[one.id, one.kind, _said(one.answer), _said(one.expected), _verdict(one)] for one in answered]
    width = max((len(row[2]) for one, row in zip(answered, rows, strict=True) if isinstance(one.answer, str)), default=0)
    if with_working:
        for one, row in zip(answered, rows, strict=True):
            typer.echo(logs.harmless("  ".join(cell for cell in (row[0], row[1], row[2], row[4]) if cell)))
            for step in one.working:
                typer.echo(f"    {plain(step.amount):>18}  {logs.harmless(step.text)}")
    else:
        print_table(("id", "kind", "answer".rjust(width), "expected", ""), [[*row[:2], row[2].rjust(width), *row[3:]] for row in rows])
    wrong = sum(not one.is_good for one in answered)
    typer.echo(f"\n{len(answered):,} cases, {'all good' if not wrong else f'{wrong:,} not as they should be'}.")


def _said(answer: object) -> str:
    if isinstance(answer, dict):
        return ", ".join(f"{name} {value}" for name, value in answer.items())
    if isinstance(answer, list):
        return ", ".join(map(str, answer[:MOST_PARTS])) + (f" … {len(answer):,} parts" if len(answer) > MOST_PARTS else "")
    return "" if answer is None else str(answer)


def _verdict(one: Answered) -> str:
    if one.error is not None:
        return f"{one.error.code}: {one.error.sentence}"
    said = "" if one.matches is None else "as expected" if one.matches else "differs"
    return ", ".join(part for part in (said, f"ignored {', '.join(one.ignored)}" if one.ignored else "") if part)
