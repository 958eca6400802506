"""`flyusage prices simulate`: past usage under other prices, in another region, of another size, with a reservation."""

from dataclasses import replace
from fractions import Fraction
from typing import Annotated, Any

import typer
from sqlmodel import Session

from flyusage import clock, db
from flyusage.cli import bootstrap, remote
from flyusage.cli.asked import organization
from flyusage.cli.output import moment, print_json, print_table
from flyusage.cli.remote import Remote
from flyusage.logs import harmless
from flyusage.money import CURRENCIES, Currency, format_money, round_half_away
from flyusage.periods import Period, add_months, month_start
from flyusage.pricing.asking import history
from flyusage.pricing.books import book_named
from flyusage.pricing.case_inputs import number
from flyusage.pricing.errors import InputInvalid, SimulationRefused, VersionUnknown
from flyusage.pricing.rating import plain
from flyusage.pricing.simulate import Reserved, SimulatedLine, Simulation, WhatIf, simulate
from flyusage.pricing.urls import parse_moment, view_as_written
from flyusage.pricing.versions import version_named
from flyusage.pricing.winners import Outcome, Winners, winners

MOST_PRINTED, PLACES = 40, 12


def option(*names: str, says: str, **more: Any) -> Any:
    """An option that may be left out."""
    return typer.Option(*names, help=says, show_default=False, **more)


def what_if(
    version: Annotated[
        str, option("--version", says="BOOK@DATE: the prices of this draft or version, on every day.", metavar="BOOK@DATE")
    ] = "",
    org: Annotated[str | None, option("--org", says="The organization; needed where there are several.")] = None,
    everyone: Annotated[bool, option("--all", says="All organizations: who pays more, who less. Whole days that are over.")] = False,
    to_book: Annotated[str, option("--book", says="With --all: those that buy from this book; by default the version's own.")] = "",
    chosen_range: Annotated[
        str, option("--range", says="As in `usage`: 2026-10, last-month, 13-months, …; the last full month by default.")
    ] = "",
    start: Annotated[str, option("--from", says="The first moment, UTC: 2026-10-01.")] = "",
    end: Annotated[str, option("--to", says="The moment after the last.")] = "",
    move: Annotated[list[str] | None, option("--move", says="gru=iad: this region's usage in another; may be repeated.")] = None,
    resize: Annotated[list[str] | None, option("--resize", says="performance-8x=performance-4x; may be repeated.")] = None,
    reserve: Annotated[
        list[str] | None, option("--reserve", says="dfw:performance:144:20, upfront for 12 months and monthly credit.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What if: re-price past usage. Nothing is published, and no invoice is touched."""
    query = _query(chosen_range, start, end)
    asked = WhatIf(None, _pairs(move, "--move"), _pairs(resize, "--resize"), tuple(_reserved(one) for one in reserve or ()))
    there = remote.of(org)
    if everyone:
        if there is not None:
            raise SimulationRefused(
                "All organizations are compared on the platform's own database; a token opens one of them. Leave out --all."
            )
        if not version or move or resize or reserve:
            raise SimulationRefused("All organizations are compared under a --version; moves, sizes and reservations are for one --org.")
        bootstrap.be_ready()
        _compare_all(version, to_book, query, as_json)
        return
    found = _here(org, query, asked, version) if there is None else _there(there, query, asked, version)
    if as_json:
        print_json(_plain(found))
    else:
        _print(found)


def _here(org: str | None, query: dict[str, str], asked: WhatIf, version: str) -> Simulation:
    bootstrap.be_ready()
    org_id = organization(org).id
    with db.lookup_transaction() as session:
        chosen = version_named(session, version) if version else None
    with db.transaction(org_id) as session:
        return simulate(session, org_id, _period(session, org_id, query), replace(asked, version=chosen))


def _there(there: Remote, query: dict[str, str], asked: WhatIf, version: str) -> Simulation:
    """The same, as another flyusage answers it; it names no ids."""
    period = query or {"month": f"{_last_month().start:%Y-%m}"}
    reserved = [
        {"region": one.region, "cpu_kind": one.cpu_kind, "upfront": plain(one.upfront), "monthly_credit": plain(one.monthly_credit)}
        for one in asked.reservations
    ]
    question = {**period, "version": version or None, "moves": asked.moves, "resizes": asked.resizes, "reservations": reserved}
    told = there.write("POST", "/prices/simulate", question)
    lines = [
        SimulatedLine(
            0, one["sku"], one["title"], 0, one["region"], int(one["quantity"]),
            *(None if one[name] is None else Fraction(one[name]) for name in ("before", "after")),
        )
        for one in told["lines"]
    ]  # fmt: skip
    starts, ends, as_of = (parse_moment(told[name]) for name in ("starts_at", "ends_at", "as_of"))
    assert starts is not None
    assert ends is not None
    assert as_of is not None
    before, after, extra = (Fraction(told[name]) for name in ("before", "after", "reserved"))
    return Simulation(0, told["currency"], Period(starts, ends), as_of, before, after, tuple(lines), extra, tuple(told["notices"]))


def _query(chosen_range: str, start: str, end: str) -> dict[str, str]:
    given = {"range": chosen_range, "from": start, "to": end}
    return {name: value for name, value in given.items() if value}


def _last_month() -> Period:
    first = month_start(clock.now())
    return Period(add_months(first, -1), first)


def _period(session: Session | None, org_id: int, query: dict[str, str]) -> Period:
    """Raises InputInvalid for what is not taken as written."""
    if not query:
        return _last_month()
    held = None if session is None else history(session, org_id)
    view = view_as_written(query, now=clock.now(), history=held)
    return view.period


def _pairs(given: list[str] | None, name: str) -> dict[str, str]:
    found = {}
    for one in given or ():
        source, is_pair, target = one.partition("=")
        if not is_pair or not source or not target:
            raise InputInvalid(f"{name} is written FROM=TO, not {harmless(one[:60])!r}.")
        found[source] = target
    return found


def _reserved(text: str) -> Reserved:
    parts = text.split(":")
    if len(parts) != 4 or parts[1] not in ("shared", "performance"):
        raise InputInvalid(f"--reserve is written REGION:shared|performance:UPFRONT:MONTHLY, not {harmless(text[:60])!r}.")
    return Reserved(parts[0], parts[1], number(parts[2], "the upfront amount"), number(parts[3], "the monthly credit"))


def _print(found: Simulation) -> None:
    currency = CURRENCIES[found.currency]
    changed = [line for line in found.lines if line.difference or (line.before is None) != (line.after is None)]
    rows = [
        (line.sku, line.region, _money(line.before, currency), _money(line.after, currency), _more(line.difference, currency))
        for line in changed[:MOST_PRINTED]
    ]
    if found.reserved:
        rows.append(("reservations", "", "", _money(found.reserved, currency), _more(found.reserved, currency)))
    rows.append(("Total", "", _money(found.before, currency), _money(found.after, currency), _more(found.difference, currency)))
    print_table(("sku", "region", "as it is", "as asked", "difference"), _right(rows, 2))
    if len(changed) > MOST_PRINTED:
        typer.echo(f"and {len(changed) - MOST_PRINTED:,} more lines; --json prints all")
    for notice in found.notices:
        typer.echo(notice, err=True)
    until = min(found.period.end, found.as_of)
    typer.echo(f"\n{moment(found.period.start)} to {moment(until)}, before discounts, credits and tax. Nothing is changed.")


def _compare_all(version: str, to_book: str, query: dict[str, str], as_json: bool) -> None:
    with db.platform_transaction() as session:
        chosen = version_named(session, version)
        book = book_named(session, to_book) if to_book else None
        if to_book and book is None:
            raise VersionUnknown(f"There is no price book {harmless(to_book[:60])!r}. `flyusage prices books` names those there are.")
        found = winners(session, _period(None, 0, query), chosen, book_id=book.id if book else None)
    if as_json:
        print_json(_plain_winners(found))
    else:
        _print_winners(found)


def _print_winners(found: Winners) -> None:
    currency = CURRENCIES[found.book.currency]
    if not found.outcomes:
        typer.echo(f"No organization that buys from {found.book.name} used anything then. Choose another with --book.")
        return
    for title, some in (("pay more", found.losing), ("pay less", found.winning)):
        if some:
            typer.echo(f"{len(some):,} would {title}")
            print_table(
                ("organization", "as it is", "as asked", "difference", ""),
                _right([_outcome_row(one, currency) for one in some[:MOST_PRINTED]], 1),
            )
            typer.echo(f"and {len(some) - MOST_PRINTED:,} more\n" if len(some) > MOST_PRINTED else "")
    same = len(found.outcomes) - len(found.losing) - len(found.winning)
    difference = found.after - found.before
    typer.echo(
        f"{same:,} the same. In all {_money(found.before, currency)} becomes {_money(found.after, currency)}: {_more(difference, currency)}."
    )
    typer.echo(
        f"{found.period.start:%Y-%m-%d} to {found.period.end:%Y-%m-%d} under {found.version.name}, before discounts, credits and tax."
    )


def _outcome_row(one: Outcome, currency: Currency) -> tuple[str, ...]:
    percent = f"{round_half_away(one.difference * 100 / one.before, 1)} %" if one.before else ""
    said = f"{percent}, part unpriced" if one.is_unpriced and percent else "part unpriced" if one.is_unpriced else percent
    return one.org, _money(one.before, currency), _money(one.after, currency), _more(one.difference, currency), said


def _right(rows: list[tuple[str, ...]], first: int) -> list[list[str]]:
    """Amounts, from the column `first` on, to the right; print_table aligns only numbers so."""
    widths = [max((len(row[place]) for row in rows), default=0) for place in range(len(rows[0]))]
    return [[cell.rjust(widths[place]) if place >= first else cell for place, cell in enumerate(row)] for row in rows]


def _money(amount: Fraction | None, currency: Currency) -> str:
    return "unpriced" if amount is None else format_money(amount, currency)


def _more(difference: Fraction, currency: Currency) -> str:
    shown = format_money(difference, currency)
    return f"+{shown}" if difference > 0 else shown


def _plain(found: Simulation) -> dict[str, Any]:
    return {
        **({"org_id": found.org_id} if found.org_id else {}),
        "currency": found.currency,
        "from": found.period.start,
        "to": found.period.end,
        "as_of": found.as_of,
        "before": _exact(found.before),
        "after": _exact(found.after),
        "difference": _exact(found.difference),
        "reserved": _exact(found.reserved),
        "lines": [
            {
                "sku": line.sku,
                "region": line.region,
                "quantity": line.quantity,
                "before": None if line.before is None else _exact(line.before),
                "after": None if line.after is None else _exact(line.after),
                "difference": _exact(line.difference),
            }
            for line in found.lines
        ],
        "notices": found.notices,
    }


def _plain_winners(found: Winners) -> dict[str, Any]:
    return {
        "version": found.version.name,
        "book": found.book.slug,
        "currency": found.book.currency,
        "from": found.period.start,
        "to": found.period.end,
        "before": _exact(found.before),
        "after": _exact(found.after),
        "organizations": [
            {
                "org": one.org,
                "before": _exact(one.before),
                "after": _exact(one.after),
                "difference": _exact(one.difference),
                "is_unpriced": one.is_unpriced,
            }
            for one in found.outcomes
        ],
    }


def _exact(value: Fraction) -> Any:
    return round_half_away(value, PLACES)
