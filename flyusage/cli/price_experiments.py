"""`flyusage prices experiment`: other prices for some, for a time; what they bring in; and back."""

from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any

import typer

from flyusage import db
from flyusage.cli import bootstrap
from flyusage.cli.output import print_json, print_table
from flyusage.cli.price_drafts import BY, DAY
from flyusage.money import CURRENCIES, format_money, round_half_away
from flyusage.pricing import experiments
from flyusage.pricing.books import LIST
from flyusage.pricing.case_inputs import number
from flyusage.pricing.cohort_revenue import CohortMonth, cohort_revenue
from flyusage.pricing.experiments import Experiment, Plan

PLACES = 12

app = typer.Typer(help="Try published prices on some organizations, for a time.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Slug = Annotated[str, typer.Argument(metavar="NAME", help="The experiment.", show_default=False)]


@app.command("start")
def start(
    name: Annotated[str, typer.Argument(help="A name; it decides, with each organization, who takes part.", show_default=False)],
    book: Annotated[str, typer.Argument(help="The book whose published prices are tried.", show_default=False)],
    starts_on: Annotated[datetime, typer.Argument(metavar="DATE", formats=DAY, help="The first day.", show_default=False)],
    until: Annotated[datetime | None, typer.Option("--until", formats=DAY, help="The day after the last.", show_default=False)] = None,
    base: Annotated[str, typer.Option("--book", help="Among those who buy from this book.")] = LIST,
    percent: Annotated[str, typer.Option("--percent", help="So many of them, by a stable hash.", show_default=False)] = "",
    orgs: Annotated[
        list[str] | None, typer.Option("--org", help="This one, whatever its hash; may be repeated.", show_default=False)
    ] = None,
    left_out: Annotated[list[str] | None, typer.Option("--not", help="Not this one; may be repeated.", show_default=False)] = None,
    notice_days: Annotated[int, typer.Option("--notice", help="Days before a change that its mail is due.")] = experiments.NOTICE_DAYS,
    note: Annotated[str, typer.Option("--note", show_default=False)] = "",
    as_json: AsJson = False,
) -> None:
    """Start an experiment on a day to come; those who take part are told by mail before."""
    bootstrap.be_ready()
    plan = Plan(
        slug=name,
        book=book,
        starts_on=starts_on.date(),
        ends_on=until.date() if until else None,
        base=base,
        percent=Decimal(str(round_half_away(number(percent, "--percent"), 4))) if percent else None,
        orgs=orgs or (),
        left_out=left_out or (),
        notice_days=notice_days,
        note=note,
    )
    with db.platform_transaction() as session:
        made = experiments.start(session, plan, by=BY)
        part, rest = experiments.cohorts(session, made)
    if as_json:
        print_json(_plain(made, len(part), len(rest)))
    else:
        until_words = f" until {made.ends_on}" if made.ends_on else ""
        typer.echo(
            f"{made.slug}: {len(part):,} of {len(part) + len(rest):,} organizations buy at {made.book.name} from {made.starts_on}{until_words}."
        )
        typer.echo(f"`flyusage prices experiment end {made.slug}` returns them.")


@app.command("end")
def end(
    name: Slug,
    on: Annotated[
        datetime | None, typer.Option("--on", formats=DAY, help="The first day of old prices; tomorrow by default.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Return everybody to the prices they had, from the next midnight (UTC) on. One that has not begun never does."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        ended = experiments.end(session, name, on=on.date() if on else None, by=BY)
        part, rest = experiments.cohorts(session, ended)
    if as_json:
        print_json(_plain(ended, len(part), len(rest)))
    elif ended.was_cancelled:
        typer.echo(f"{ended.slug} never begins.")
    else:
        typer.echo(f"{ended.slug}: {len(part):,} organizations buy from {ended.base.name} again from {ended.ends_on} 00:00 UTC on.")


@app.command("list")
def list_experiments(as_json: AsJson = False) -> None:
    """Every experiment, the latest first."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        known = [(one, *map(len, experiments.cohorts(session, one))) for one in experiments.experiments(session)]
    if as_json:
        print_json([_plain(*one) for one in known])
    elif not known:
        typer.echo("No experiments. `flyusage prices experiment start NAME BOOK DATE --percent 10` starts one.")
    else:
        rows = [(one.slug, one.base.slug, one.book.slug, _who(one), one.starts_on, one.ends_on, part, rest) for one, part, rest in known]
        print_table(("experiment", "buyers of", "buy at", "who", "from", "until", "take part", "do not"), rows)


@app.command("revenue")
def revenue(name: Slug, as_json: AsJson = False) -> None:
    """What those who take part came to, beside the others, month by month."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        chosen = experiments.experiment_named(session, name)
        months = cohort_revenue(session, chosen)
    if as_json:
        currency = chosen.base.currency
        print_json({"experiment": chosen.slug, "currency": currency, "months": [_plain_month(one) for one in months]})
        return
    currency = CURRENCIES[chosen.base.currency]
    rows = [
        [
            f"{one.month:%Y-%m}{' so far' if one.is_open else ''}",
            "take part" if one.is_in else "do not",
            one.organizations,
            format_money(one.revenue, currency),
            format_money(one.mean, currency),
        ]
        for one in months
    ]
    widths = [max(len(str(row[place])) for row in rows) if rows else 0 for place in (3, 4)]
    shown = [[*row[:3], str(row[3]).rjust(widths[0]), str(row[4]).rjust(widths[1])] for row in rows]
    print_table(("month", "", "organizations", "contracted cost", "each"), shown)
    typer.echo(
        f"\n{chosen.slug} from {chosen.starts_on}{f' until {chosen.ends_on}' if chosen.ends_on else ''}; before discounts, credits and tax."
    )


def _who(one: Experiment) -> str:
    said = [f"{one.percent.normalize():f} %"] if one.percent is not None else []
    said += [f"{len(one.named)} named"] if one.named else []
    said += [f"{len(one.left_out)} left out"] if one.left_out else []
    return ", ".join(said)


def _plain(one: Experiment, part: int, rest: int) -> dict[str, Any]:
    return {
        "experiment": one.slug,
        "base": one.base.slug,
        "book": one.book.slug,
        "percent": one.percent,
        "from": one.starts_on,
        "until": one.ends_on,
        "take_part": part,
        "do_not": rest,
        "note": one.note,
    }


def _plain_month(one: CohortMonth) -> dict[str, Any]:
    return {
        "month": one.month,
        "takes_part": one.is_in,
        "organizations": one.organizations,
        "revenue": _exact(one.revenue),
        "mean": _exact(one.mean),
        "is_open": one.is_open,
    }


def _exact(value: Fraction) -> Decimal:
    return round_half_away(value, PLACES)
