"""Monthly totals over the years, printed and drawn, a currency at a time: for one organization and for the platform. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from flyusage.invoices.totals import MonthTotal
from flyusage.money import CURRENCIES, format_minor
from flyusage.periods import add_months, midnight
from flyusage.ui import present
from flyusage.ui.charts.figure import Figure
from flyusage.ui.charts.rows import Canvas, SeriesPoints, TimeChart, TimeGrid
from flyusage.ui.charts.timeseries import stacked_bars
from flyusage.ui.charts.units import Unit

HEIGHT_PX, LEAST_MONTHS = 240, 12
NET = "net"


@dataclass(frozen=True)
class MonthRow:
    """A month, or a year's or everything's sum (`is_sum`)."""

    month: str
    documents: str
    net: str
    tax: str
    gross: str
    owed: str
    is_sum: bool = False


@dataclass(frozen=True)
class MonthTotals:
    """One currency's months, newest first, each year's sum above its months."""

    title: str = ""
    note: str = ""
    rows: list[MonthRow] = field(default_factory=list)
    label: str = ""


def month_totals(totals: Sequence[MonthTotal], code: str) -> MonthTotals:
    """The table of one currency; empty without anything billed in it."""
    chosen = [one for one in totals if one.currency == code]
    if not chosen:
        return MonthTotals()
    years = sorted({one.month.year for one in chosen}, reverse=True)
    rows = []
    for year in years:
        months = [one for one in reversed(chosen) if one.month.year == year]
        rows += [_row(str(year), months, code, is_sum=True), *[_row(f"{one.month:%B}", [one], code) for one in months]]
    whole = _row("Everything", chosen, code, is_sum=True)
    first, last = chosen[0].month, chosen[-1].month
    return MonthTotals(
        title=f"Billed by month, in {code}",
        note=f"{first:%b %Y} – {last:%b %Y}; credit notes are taken off the month they correct; months in UTC",
        rows=[*rows, whole] if len(years) > 1 else rows,
        label=f"Bars: net billed by month in {code}, {first:%B %Y} to {last:%B %Y}; in all {whole.net}. The table below has the same numbers.",
    )


def month_figure(totals: Sequence[MonthTotal], code: str) -> Figure:
    """Net by month as bars; months without an invoice are gaps. Needs a month of that currency."""
    chosen = [one for one in totals if one.currency == code]
    currency, first, last = CURRENCIES[code], chosen[0].month, chosen[-1].month
    count = _months_between(first, last) + 1
    if count < LEAST_MONTHS:  # a single bar has no width that a reader could judge
        first, count = add_months(midnight(last), 1 - LEAST_MONTHS).date(), LEAST_MONTHS
    points: list[float | None] = [0.0] * count
    for one in chosen:
        points[_months_between(first, one.month)] = one.net_minor / 10**currency.exponent
    series = SeriesPoints(NET, f"Net, {code}", points, format_minor(sum(one.net_minor for one in chosen), currency))
    unit = Unit(prefix=currency.symbol, places=currency.exponent, title=code)
    chart = TimeChart(TimeGrid(midnight(first), "month", count), [series], unit=unit)
    return stacked_bars(chart, Canvas(height_px=HEIGHT_PX, revision=f"months {code}"), {NET: 0})


def currencies_of(totals: Iterable[MonthTotal]) -> list[str]:
    """Those there is anything in, by code."""
    return sorted({one.currency for one in totals})


def _months_between(first: date, last: date) -> int:
    return (last.year - first.year) * 12 + last.month - first.month


def _row(title: str, months: Sequence[MonthTotal], code: str, *, is_sum: bool = False) -> MonthRow:
    currency = CURRENCIES[code]

    def money(name: str) -> str:
        return format_minor(sum(getattr(one, name) for one in months), currency)

    notes = sum(one.credit_notes for one in months)
    credited = f" + {present.plural(notes, 'credit note')}" if notes else ""
    documents = f"{present.plural(sum(one.invoices for one in months), 'invoice')}{credited}"
    return MonthRow(title, documents, money("net_minor"), money("tax_minor"), money("gross_minor"), money("open_minor"), is_sum)
