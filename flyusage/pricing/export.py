"""An answer as CSV: exact decimals that add up, nothing a spreadsheet could run."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction

from sqlmodel import Session

from flyusage.money import round_half_away
from flyusage.pricing.explorer import explore
from flyusage.pricing.urls import view_to_query
from flyusage.pricing.view import Answer, Dimension, Measure, View
from flyusage.spreadsheets import guarded

PLACES = 12
UNITS = {
    Measure.MACHINE_HOURS: "machine-hours",
    Measure.VCPU_HOURS: "vCPU-hours",
    Measure.MEMORY_GB_HOURS: "GB-hours, 1 GB = 1024 MiB",
    Measure.VOLUME_GB: "GB, time-weighted mean, 1 GB = 1024 MiB",
    Measure.EGRESS_GB: "GB, 10^9 bytes",
    Measure.RUNNING_MEAN: "machines, mean",
    Measure.RUNNING_PEAK: "machines, largest hourly mean",
}


def export_csv(session: Session, org_id: int, view: View, *, now: datetime | None = None) -> Iterator[str]:
    """Lines of CSV (RFC 4180, CRLF): what the numbers are, a header, every value of the grouping, and the total.

    Amounts have 12 decimals, split by largest remainder: rows sum to the printed total. A text beginning with = + - @
    or a control character is quoted with '.
    """
    return csv_lines(explore(session, org_id, view, now=now))


def csv_lines(answer: Answer) -> Iterator[str]:
    """The same, of an answer already at hand. Lines that say what the numbers are begin with #, and no others hold one unquoted."""
    for name, value in _about(answer):
        yield csv_line([f"# {name}", guarded(value)])
    columns = _columns(answer)
    group = answer.view.group_by.value if answer.view.group_by else "total"
    yield csv_line([group, "name", *(column.title for column in columns)])
    printed = [_amounts(answer, column) for column in columns]
    for place, one in enumerate(answer.series):
        row = [guarded(one.key), guarded(one.label), *(amounts[place] for amounts in printed)]
        yield csv_line(row, quotes_all=any("#" in each for each in row))
    yield csv_line(["", "Total", *(_decimal(column.total) for column in columns)])


def adding_up(values: Sequence[Fraction], total: Fraction) -> list[str]:
    """Each value at 12 decimals. Where they sum to `total` exactly, so do the printed ones: largest remainders are rounded up."""
    if sum(values, Fraction(0)) != total:
        return [_decimal(one) for one in values]
    scale = 10**PLACES
    parts = [one * scale // 1 for one in values]
    missing = int(round_half_away(total, PLACES).scaleb(PLACES)) - sum(parts)
    order = sorted(range(len(parts)), key=lambda place: (parts[place] - values[place] * scale, place))
    for place in order[:missing]:
        parts[place] += 1
    return [_decimal(Fraction(part, scale)) for part in parts]


@dataclass(frozen=True)
class _Column:
    """A value per series and their total; `is_money` where a sku without a price has none."""

    title: str
    values: list[Fraction]
    total: Fraction
    is_money: bool


def _about(answer: Answer) -> list[tuple[str, str]]:
    view = answer.view
    about = [
        ("measure", view.measure.value),
        ("unit", answer.currency if view.measure.is_money else UNITS[view.measure]),
        ("from", _moment(view.period.start)),
        ("to", _moment(view.period.end)),
        ("time zone", "UTC"),
        ("as of", _moment(answer.as_of)),
        ("rolled through", _moment(answer.rolled_through)),
    ]
    query = view_to_query(view)
    about += [(dimension.value, query[dimension.value]) for dimension in Dimension if dimension.value in query]
    if answer.previous_period:
        about.append(("compared with", f"{_moment(answer.previous_period.start)} to {_moment(answer.previous_period.end)}"))
    if answer.totals.unpriced:
        about.append(("unpriced", " ".join(answer.totals.unpriced)))
    return about + ([("peaks", "do not add up: the total is that of the whole")] if view.measure is Measure.RUNNING_PEAK else [])


def _columns(answer: Answer) -> list[_Column]:
    series, measure = answer.series, answer.view.measure
    is_money, currency = measure.is_money, answer.currency.lower()
    title = f"{measure.value}_{currency}" if is_money else measure.value
    columns = [_Column(title, [one.total for one in series], answer.total, is_money)]
    if answer.previous_total is not None:
        columns.append(_Column(f"previous_{title}", [one.previous_total or Fraction(0) for one in series], answer.previous_total, is_money))
    if measure is not Measure.LIST_COST:
        columns.append(_Column(f"list_cost_{currency}", [one.list_cost for one in series], answer.totals.list_cost, True))
    if measure is not Measure.MACHINE_HOURS:
        columns.append(_Column("machine_hours", [one.machine_hours for one in series], answer.totals.machine_hours, False))
    return columns


def _amounts(answer: Answer, column: _Column) -> list[str]:
    printed = adding_up(column.values, column.total)
    without_price = [column.is_money and one.is_unpriced and not value for one, value in zip(answer.series, column.values, strict=True)]
    return ["unpriced" if missing else amount for missing, amount in zip(without_price, printed, strict=True)]


def _decimal(amount: Fraction) -> str:
    return f"{round_half_away(amount, PLACES):f}"


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def csv_line(fields: Sequence[str], *, quotes_all: bool = False) -> str:
    """A line of CSV (RFC 4180, CRLF)."""
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL if quotes_all else csv.QUOTE_MINIMAL).writerow(fields)
    return written.getvalue()
