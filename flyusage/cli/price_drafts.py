"""`flyusage prices draft`: prices written down before they hold, compared, published or discarded."""

from datetime import datetime
from typing import Annotated, Any

import typer
from sqlmodel import Session

from flyusage import db, logs
from flyusage.cli import bootstrap
from flyusage.cli.output import print_json, print_table
from flyusage.money import round_half_away
from flyusage.orgs.acting import system
from flyusage.pricing import drafts
from flyusage.pricing.books import PER_QUANTITY, version_prices
from flyusage.pricing.case_inputs import number
from flyusage.pricing.errors import InputMissing
from flyusage.pricing.listed import ListedPrice, tiers_from
from flyusage.pricing.price_list import terms_told
from flyusage.pricing.rating import Model
from flyusage.pricing.typed import decimal, tiers_json
from flyusage.pricing.versions import Comparison, PriceChange, Version, compare, version_by_id, version_named, versions

app = typer.Typer(help="Draft a version of a price book: new, set, scale, compare, publish, discard.", no_args_is_help=True)

BY = system("cli")
MOST_PRINTED = 60
DAY = ["%Y-%m-%d"]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(metavar="BOOK@DATE", help="The draft.", show_default=False)]


@app.command("new")
def new(
    book: Annotated[str, typer.Argument(help="The book; made if there is none such and --from or --currency says how.")],
    effective_from: Annotated[datetime, typer.Argument(metavar="DATE", formats=DAY, help="The day it would take effect.")],
    source: Annotated[
        str, typer.Option("--from", metavar="BOOK[@DATE]", help="Begin with the prices of this version.", show_default=False)
    ] = "",
    currency: Annotated[
        str, typer.Option("--currency", help="Make the book in this currency, as EUR; it begins empty.", show_default=False)
    ] = "",
    note: Annotated[str, typer.Option("--note", show_default=False)] = "",
    as_json: AsJson = False,
) -> None:
    """Begin a draft, with the prices of another version or none."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        begun_from = version_named(session, source) if source else None
        made = drafts.new_draft(session, book, effective_from.date(), source=begun_from, currency=currency.upper(), note=note, by=BY)
    _tell(made, f"{made.name} is drafted with {made.price_count:,} prices.", as_json)


@app.command("set")
def set_price(
    name: Name,
    sku: Annotated[str, typer.Argument(help="What is priced.", show_default=False)],
    scope: Annotated[str, typer.Argument(help="global, an egress group or a region's code.", show_default=False)],
    amount: Annotated[str, typer.Argument(help="For one unit, a package, or a piece; 0 with tiers.")] = "0",
    unit: Annotated[
        str, typer.Option("--per", help="The unit, as in `prices list`; that of the draft's price of the sku by default.")
    ] = "",
    model: Annotated[Model, typer.Option("--model")] = Model.PER_UNIT,
    tiers: Annotated[str, typer.Option("--tiers", help='JSON: [{"up_to": 10, "unit": "0.1", "flat": "0"}, {"up_to": null, …}].')] = "",
    package_size: Annotated[str, typer.Option("--package-size", help="Units in a package.")] = "",
    rate_percent: Annotated[str, typer.Option("--rate-pct", help="Percent of usage.")] = "",
    free: Annotated[str, typer.Option("--free", help="Units free in each period.")] = "",
    minimum: Annotated[str, typer.Option("--min", help="At least, each period.")] = "",
    maximum: Annotated[str, typer.Option("--max", help="At most, each period.")] = "",
    first: Annotated[datetime | None, typer.Option("--since", formats=DAY, help="Only from this day on.", show_default=False)] = None,
    end: Annotated[datetime | None, typer.Option("--until", formats=DAY, help="Only before this day.", show_default=False)] = None,
    note: Annotated[str, typer.Option("--note")] = "",
    as_json: AsJson = False,
) -> None:
    """Put a price into a draft, in place of the one of the same sku and scope."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        version = version_named(session, name)
        per = unit or _unit_of(session, version, sku)
        listed = ListedPrice(
            sku=sku,
            scope=scope,
            amount=decimal(amount, "the amount"),
            per_quantity=PER_QUANTITY.get(per, 1),
            unit=per,
            effective_from=first.date() if first else None,
            effective_to=end.date() if end else None,
            note=note,
            model=model,
            tiers=tiers_from(tiers_json(tiers, "--tiers"), model) if tiers else (),
            package_size=decimal(package_size, "--package-size") if package_size else None,
            rate_percent=decimal(rate_percent or "0", "--rate-pct"),
            free_quantity=decimal(free or "0", "--free"),
            minimum=decimal(minimum, "--min") if minimum else None,
            maximum=decimal(maximum, "--max") if maximum else None,
        )
        drafts.set_price(session, version, listed, by=BY)
        changed = version_by_id(session, version.id)
    _tell(changed, f"{version.name}: {sku} costs {listed.amount:f} per {per} in {scope}{_with(terms_told(listed.price))}.", as_json)


@app.command("scale")
def scale(
    name: Name,
    percent: Annotated[str, typer.Argument(help="By how much amounts rise; put -- before a negative one.")],
    sku: Annotated[str, typer.Option("--sku", help="Which skus; * stands for anything.")] = "*",
    scope: Annotated[str | None, typer.Option("--scope", help="Only this scope.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Raise or lower many prices of a draft by a percentage, rounded at 12 decimals."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        version = version_named(session, name)
        count = drafts.scale_prices(session, version, number(percent, "the percentage"), pattern=sku, scope=scope, by=BY)
    _tell(version, f"{version.name}: {count:,} prices changed by {percent} %.", as_json)


@app.command("remove")
def remove(name: Name, sku: str, scope: str, as_json: AsJson = False) -> None:
    """Take a price out of a draft; the sku is then unpriced in that scope."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        version = version_named(session, name)
        drafts.remove_price(session, version, sku, scope, by=BY)
    _tell(version, f"{version.name} has no price of {sku} in {scope} any more.", as_json)


@app.command("compare")
def compare_versions(
    name: Name,
    other: Annotated[str, typer.Argument(metavar="[BOOK[@DATE]]", help="With this one; by default what is in force before it.")] = "",
    as_json: AsJson = False,
) -> None:
    """What a draft (or a version) changes: prices changed, added and removed, with percentages."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        after = version_named(session, name)
        before = version_named(session, other) if other else _before(session, after)
        found = compare(session, before, after)
    if as_json:
        print_json(_plain_comparison(found))
    else:
        _print_comparison(found)


@app.command("publish")
def publish(
    name: Name,
    may_be_past: Annotated[bool, typer.Option("--past", help="Allow a version of days that are over, whose prices change.")] = False,
    as_json: AsJson = False,
) -> None:
    """Publish a draft, for ever: nothing changes it afterwards, a later version takes its place."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        version = version_named(session, name)
        drafts.publish_draft(session, version, may_be_past=may_be_past, by=BY)
        published = version_by_id(session, version.id)
    _tell(published, f"{published.name} is published and holds from {published.effective_from} 00:00 UTC on.", as_json)


@app.command("discard")
def discard(name: Name, as_json: AsJson = False) -> None:
    """Delete a draft."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        version = version_named(session, name)
        drafts.discard_draft(session, version, by=BY)
    _tell(version, f"{version.name} is discarded.", as_json)


def plain_version(version: Version) -> dict[str, Any]:
    """A version as JSON."""
    return {
        "version": version.name,
        "book": version.book.slug,
        "currency": version.book.currency,
        "effective_from": version.effective_from,
        "published_at": version.published_at,
        "prices": version.price_count,
        "note": version.note,
    }


def _tell(version: Version, sentence: str, as_json: bool) -> None:
    if as_json:
        print_json(plain_version(version))
    else:
        typer.echo(logs.harmless(sentence))


def _before(session: Session, version: Version) -> Version:
    """The published version that `version` would take the place of."""
    earlier = [
        one
        for one in versions(session, book=version.book.slug)
        if one.published_at is not None and one.effective_from < version.effective_from
    ]
    if not earlier:
        raise InputMissing(f"{version.name} takes the place of nothing. Name what to compare it with.")
    return earlier[-1]


def _unit_of(session: Session, version: Version, sku: str) -> str:
    """The unit that the draft prices the sku in. Raises InputMissing where it does not yet."""
    unit = next((one.unit for one in version_prices(session, version.id) if one.sku == sku), None)
    if unit is None:
        raise InputMissing(
            f"{version.name} has no price of {sku[:60]} yet, so its unit is not known. Say --per UNIT ({', '.join(PER_QUANTITY)}, …)."
        )
    return unit


def _with(terms: str) -> str:
    return f" ({terms})" if terms else ""


def _print_comparison(found: Comparison) -> None:
    typer.echo(f"{found.after.name} against {found.before.name}")
    if not (found.changed or found.added or found.removed):
        typer.echo("No price differs.")
        return
    for title, changes in (("changed", found.changed), ("added", found.added), ("removed", found.removed)):
        if changes:
            typer.echo(f"\n{len(changes):,} {title}")
            rows = _gathered(changes)
            print_table(("sku", "scope", "before", "after", "change"), rows[:MOST_PRINTED])
            if len(rows) > MOST_PRINTED:
                typer.echo(f"and {len(rows) - MOST_PRINTED:,} more; --json prints all")


def _gathered(changes: tuple[PriceChange, ...]) -> list[tuple[str, ...]]:
    """Scopes that change by the same percentage in one row."""
    groups: dict[tuple[str, str], list[PriceChange]] = {}
    for one in changes:
        groups.setdefault((one.sku, _percent(one)), []).append(one)
    rows = []
    for (sku, percent), members in groups.items():
        if len(members) == 1:
            rows.append((sku, members[0].scope, _said(members[0].before), _said(members[0].after), percent))
        else:
            rows.append((sku, f"{len(members)} scopes", "", "", percent))
    return rows


def _percent(change: PriceChange) -> str:
    if change.percent is None:
        return ""
    shown = round_half_away(abs(change.percent), 2)
    return f"{'−' if change.percent < 0 else '+'}{shown} %"


def _said(listed: ListedPrice | None) -> str:
    return "" if listed is None else f"{listed.amount:f} per {listed.unit}{_with(terms_told(listed.price))}"


def _plain_comparison(found: Comparison) -> dict[str, Any]:
    return {
        "before": plain_version(found.before),
        "after": plain_version(found.after),
        "changed": [_plain_change(one) for one in found.changed],
        "added": [_plain_change(one) for one in found.added],
        "removed": [_plain_change(one) for one in found.removed],
    }


def _plain_change(change: PriceChange) -> dict[str, Any]:
    percent = None if change.percent is None else round_half_away(change.percent, 6)
    return {"sku": change.sku, "scope": change.scope, "before": _plain(change.before), "after": _plain(change.after), "percent": percent}


def _plain(listed: ListedPrice | None) -> dict[str, Any] | None:
    if listed is None:
        return None
    return {"amount": listed.amount, "per_quantity": listed.per_quantity, "unit": listed.unit, "terms": terms_told(listed.price)}
