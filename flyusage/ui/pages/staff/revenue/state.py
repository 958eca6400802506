"""Revenue's state, and what it asks the database. The address holds the currency and the experiment."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode

import reflex as rx

from flyusage import db
from flyusage.errors import FlyusageError
from flyusage.invoices.totals import MonthTotal, platform_month_totals
from flyusage.money import CURRENCIES, format_money
from flyusage.orgs.staff import StaffPermission
from flyusage.pricing.cohort_revenue import CohortMonth, cohort_revenue
from flyusage.pricing.experiments import Experiment, experiments
from flyusage.ui import browser, present
from flyusage.ui.charts.figure import Figure
from flyusage.ui.charts.text import visible
from flyusage.ui.month_totals import MonthTotals, currencies_of, month_figure, month_totals
from flyusage.ui.pages.billing.rows import Choosing
from flyusage.ui.session import staff
from flyusage.ui.staff_layout import REVENUE

CHART = "platform-months"


@dataclass(frozen=True)
class CohortRow:
    """A month of both cohorts: organizations, revenue, and revenue for each organization."""

    month: str
    note: str
    part: str
    part_mean: str
    rest: str
    rest_mean: str
    difference: str


@dataclass(frozen=True)
class Screen:
    """Everything revenue shows."""

    currencies: list[Choosing] = field(default_factory=list)
    totals: MonthTotals = field(default_factory=MonthTotals)
    experiments: list[Choosing] = field(default_factory=list)
    about: str = ""
    cohorts: list[CohortRow] = field(default_factory=list)


class StaffRevenue(rx.State):
    """What the platform has billed. `phase` is loading, ready or failed."""

    phase: Literal["loading", "ready", "failed"] = "loading"
    screen: Screen = Screen()
    problem: str = ""
    is_loading: bool = False

    @rx.event
    async def load(self):
        """Show the months of one currency, and the cohorts of one experiment."""
        self.is_loading = True
        yield
        query = self.router.url.query_parameters
        try:
            self.screen, figure = await asyncio.to_thread(_ask, query.get("currency"), query.get("experiment"))
        except FlyusageError as error:
            self.phase, self.problem, self.screen, figure = "failed", error.sentence, Screen(), None
        else:
            self.phase = "ready"
        self.is_loading = False
        if figure is not None:
            yield browser.draw(CHART, figure)


def _ask(currency: object, experiment: object) -> tuple[Screen, Figure | None]:
    """Raises NotPermitted."""
    staff(StaffPermission.READ)
    with db.platform_transaction() as session:
        totals = platform_month_totals(session)
        known = experiments(session)
        chosen = next((one for one in known if one.slug == experiment), known[0] if known else None)
        months = cohort_revenue(session, chosen) if chosen else []
    return screen_of(totals, known, chosen, months, currency)


def screen_of(
    totals: Sequence[MonthTotal], known: Sequence[Experiment], chosen: Experiment | None, months: Sequence[CohortMonth], currency: object
) -> tuple[Screen, Figure | None]:
    """The page and its chart. Pure."""
    codes = currencies_of(totals)
    code = next((one for one in codes if one == currency), codes[0] if codes else "")
    screen = Screen(
        currencies=[Choosing(one, _href(one, chosen), one == code) for one in codes],
        totals=month_totals(totals, code),
        experiments=[Choosing(visible(one.slug), _href(code, one), chosen is not None and one.slug == chosen.slug) for one in known],
        about=_about(chosen) if chosen else "",
        cohorts=_cohorts(months, chosen) if chosen else [],
    )
    return screen, month_figure(totals, code) if code else None


def _href(code: str, experiment: Experiment | None) -> str:
    query = {"currency": code, "experiment": experiment.slug if experiment else ""}
    return f"{REVENUE}?{urlencode({name: value for name, value in query.items() if value})}"


def _about(one: Experiment) -> str:
    if one.was_cancelled:
        return f"{one.slug} was ended before it began."
    until = f" to {present.date_text(one.ends_on)}" if one.ends_on else ", until it is ended"
    share = (
        f"{one.percent.normalize():f} % of the buyers of {one.base.name}" if one.percent is not None else f"Named buyers of {one.base.name}"
    )
    note = f" {visible(one.note)}" if one.note else ""
    return (
        f"{share} buy at {visible(one.book.name)} from {present.date_text(one.starts_on)}{until}.{note} Before discounts, credits and tax."
    )


def _cohorts(months: Sequence[CohortMonth], experiment: Experiment) -> list[CohortRow]:
    """Newest first. The difference is what one organization of the cohort brings in more than one outside of it."""
    currency = CURRENCIES[experiment.base.currency]
    found = []
    for part, rest in zip(months[::2], months[1::2], strict=True):
        has_both = part.organizations and rest.organizations and rest.mean
        found.append(
            CohortRow(
                month=f"{part.month:%B %Y}",
                note="so far" if part.is_open else "",
                part=f"{format_money(part.revenue, currency)} of {present.plural(part.organizations, 'organization')}",
                part_mean=format_money(part.mean, currency),
                rest=f"{format_money(rest.revenue, currency)} of {present.plural(rest.organizations, 'organization')}",
                rest_mean=format_money(rest.mean, currency),
                difference=present.percent_change_text(rest.mean, part.mean) if has_both else "–",
            )
        )
    return found[::-1]
