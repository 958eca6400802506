"""A month by cost centre, as finance files it: what each was billed, summing to the net of the month's documents to the cent.

The parts are the invoice's own cells (`focus.papers`), so that they are what the invoice's page shows by cost centre.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlmodel import Session

from flyusage import clock
from flyusage.invoices.breakdowns import NO_APP
from flyusage.invoices.focus.papers import Paper, Papers, papers_of
from flyusage.metering.cost_centres import UNASSIGNED
from flyusage.money import CURRENCIES, Currency
from flyusage.pricing.export import csv_line
from flyusage.spreadsheets import guarded

COLUMNS = ("month", "state", "documents", "cost_centre", "app", "usage", "reductions", "other_charges", "net", "currency")


@dataclass(frozen=True)
class AppPart:
    """What an app of a cost centre was billed, minor units: usage, what lowered it, everything else. `app` "" belongs to none."""

    centre: str
    app: str
    usage_minor: int
    reductions_minor: int
    charges_minor: int

    @property
    def amounts(self) -> tuple[int, int, int]:
        """Usage, reductions and charges, minor units."""
        return self.usage_minor, self.reductions_minor, self.charges_minor

    @property
    def net_minor(self) -> int:
        """What it comes to, without tax."""
        return sum(self.amounts)


@dataclass(frozen=True)
class CentreMonth:
    """A month of an organization. `parts` sum to `net_minor`, by cost centre (the largest first) and app; `state` is billed or draft."""

    organization: str
    month: date
    state: str
    documents: tuple[str, ...]
    issuer: str
    currency: Currency
    parts: tuple[AppPart, ...]
    net_minor: int
    tax_minor: int
    made_on: date

    def centres(self) -> list[tuple[str, int, AppPart]]:
        """(cost centre, number of apps, its parts as one), the largest first."""
        found: dict[str, list[AppPart]] = defaultdict(list)
        for part in self.parts:
            found[part.centre].append(part)
        return [(name, sum(part.app != "" for part in parts), together(name, parts)) for name, parts in found.items()]


def month_by_cost_centre(session: Session, org_id: int, organization: str, month: date, *, now: datetime | None = None) -> CentreMonth:
    """The month that begins on `month`, as billed, or its draft. Raises NothingBilled and SellerMissing."""
    papers = papers_of(session, org_id, month, now=now)
    parts = _parts(papers)
    first = papers.papers[0]
    return CentreMonth(
        organization=organization,
        month=month,
        state="billed" if "draft" not in first.state else first.state,
        documents=tuple(paper.number for paper in papers.papers) if "draft" not in first.state else (),
        issuer=first.issuer,
        currency=CURRENCIES[first.currency],
        parts=parts,
        net_minor=sum(part.net_minor for part in parts),
        tax_minor=sum(amount for paper in papers.papers for _, amount in paper.taxes),
        made_on=(now or clock.now()).date(),
    )


def together(name: str, parts: Iterable[AppPart]) -> AppPart:
    """Parts as one, of no app."""
    usage, reductions, charges = (sum(column) for column in zip((0, 0, 0), *(part.amounts for part in parts), strict=True))
    return AppPart(name, "", usage, reductions, charges)


def centre_csv(told: CentreMonth) -> Iterator[str]:
    """A header, a line per app, and the net, which they sum to. Amounts at the currency's minor unit."""
    about = [f"{told.month:%Y-%m}", told.state, " ".join(map(guarded, told.documents))]
    yield csv_line(COLUMNS)
    for part in told.parts:
        yield csv_line([*about, guarded(part.centre), guarded(part.app), *_amounts(part, told.currency), told.currency.code])
    whole = together("Net", told.parts)
    yield csv_line([*about, "Net", "", *_amounts(whole, told.currency), told.currency.code])


def _amounts(part: AppPart, currency: Currency) -> list[str]:
    return [f"{Decimal(amount).scaleb(-currency.exponent):f}" for amount in (*part.amounts, part.net_minor)]


def _parts(papers: Papers) -> tuple[AppPart, ...]:
    sums: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for paper in papers.papers:
        for app_id, column, amount in _amounts_of(paper):
            sums[app_id][column] += amount
    names, held = papers.known.names, papers.known.names.centres.on(papers.month)
    found = []
    for app_id, amounts in sums.items():
        app = names.apps.get(app_id, "")
        centre = names.centres.names.get(held.get(app_id, 0), UNASSIGNED) if app else NO_APP
        if any(amounts):
            found.append(AppPart(centre, app, *amounts))
    nets: dict[str, int] = defaultdict(int)
    for part in found:
        nets[part.centre] += part.net_minor
    return tuple(sorted(found, key=lambda part: (part.centre == NO_APP, -nets[part.centre], part.centre, -part.net_minor, part.app)))


def _amounts_of(paper: Paper) -> Iterator[tuple[int, int, int]]:
    """(app id, column, minor units): 0 is usage, 1 what lowered it, 2 everything else."""
    for place, used in paper.used.items():
        yield place.app_id, 0, sum(used.usage)
        yield place.app_id, 1, sum(used.lowered) + sum(sum(days) for one in (used.reserved, used.credits) for days in one.values())
    for one in paper.loose:
        if one.is_billed:
            yield one.place.app_id, 1 if one.is_reduction else 2, sum(one.days)
