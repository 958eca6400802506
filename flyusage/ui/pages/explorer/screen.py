"""An answer, printed: menus, tiles, the table's rows. Pure; every number is formatted from the exact one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from flyusage.money import CURRENCIES, format_money
from flyusage.orgs.permissions import Permission
from flyusage.periods import HOUR
from flyusage.pricing.view import Answer, Chart, Comparison, Contributor, Dimension, Filter, Measure, Series, Totals
from flyusage.ui import present
from flyusage.ui.charts.palette import colour_of, slots_for_view
from flyusage.ui.charts.text import uid_of, visible
from flyusage.ui.charts.theme import TOKENS
from flyusage.ui.pages.explorer.paths import Place, filter_on, trail
from flyusage.ui.pages.explorer.rows import ChangeRow, Chip, Choice, Crumb, Row, Tile, Word
from flyusage.ui.pages.explorer.small_lines import drawn_line
from flyusage.ui.permitted import permitted_dimensions, permitted_measures

LONGEST_HOURLY_DAYS = 62
GAUGES = (Measure.RUNNING_MEAN, Measure.RUNNING_PEAK)
VALUES_IN_CHIP = 3


@dataclass(frozen=True)
class Sorting:
    """The table's own choices, which are not part of the view."""

    key: str
    is_ascending: bool
    find: str
    page: int
    page_length: int


def words(place: Place, answer: Answer, permissions: frozenset[Permission]) -> dict[str, Word]:
    """The menus of the query sentence, by the name of the state's field, as far as a reader with `permissions` may choose."""
    view = answer.view
    group = present.DIMENSIONS[view.group_by][0] if view.group_by else "nothing"
    automatic = view.granularity is None
    return {
        "show": Word(present.MEASURES[view.measure].word, [_measure_choice(place, one) for one in permitted_measures(permissions)]),
        "by": Word(group, [_group_choice(place, one) for one in (None, *permitted_dimensions(permissions))]),
        "drawn_as": Word(
            present.CHARTS[view.chart],
            [Choice(present.CHARTS[one], place.drawn(one), is_current=one is view.chart) for one in Chart],
        ),
        "per": Word(
            present.GRANULARITIES[answer.granularity],
            [
                Choice("automatic", place.bucketed(None), is_current=automatic),
                *[
                    Choice(word, place.bucketed(one), is_current=not automatic and one is view.granularity)
                    for one, word in present.GRANULARITIES.items()
                    if one in view.offered_granularities
                ],
            ],
        ),
        "versus": Word(
            present.COMPARISONS[view.comparison],
            [Choice(word, place.compared(one), is_current=one is view.comparison) for one, word in present.COMPARISONS.items()],
        ),
    }


def _measure_choice(place: Place, measure: Measure) -> Choice:
    named = present.MEASURES[measure]
    return Choice(named.word, place.measured(measure), named.hint, measure is place.view.measure)


def _group_choice(place: Place, dimension: Dimension | None) -> Choice:
    word = present.DIMENSIONS[dimension][0] if dimension else "nothing"
    return Choice(word, place.grouped(dimension), is_current=dimension is place.view.group_by)


def chips(place: Place) -> list[Chip]:
    """The filters in force."""
    return [_chip(place, one) for one in place.view.filters]


def _chip(place: Place, one: Filter) -> Chip:
    shown = [visible(value) for value in one.values[:VALUES_IN_CHIP]]
    more = len(one.values) - len(shown)
    text = " or ".join(shown) + (f" or {more} more" if more else "")
    return Chip(
        present.DIMENSIONS[one.dimension][0], text, ", ".join(map(visible, one.values)), one.dimension.value,
        place.filtered(one.dimension, ()), one.is_exclusion,
    )  # fmt: skip


def crumbs(place: Place) -> list[Crumb]:
    """The steps of the way down, each leading back to where its choice was made; the last is here."""
    steps = trail(place.view.filters)
    others = tuple(one for one in place.view.filters if one not in steps)
    made = [Crumb("All usage", place.href(filters=others, group_by=steps[0].dimension if steps else place.view.group_by))]
    for index, step in enumerate(steps):
        is_last = index == len(steps) - 1
        onward = place.view.group_by if is_last else steps[index + 1].dimension
        href = place.href(filters=(*others, *steps[: index + 1]), group_by=onward)
        made.append(Crumb(visible(step.values[0]), href, is_last))
    return made


def tiles(totals: Totals, answer: Answer) -> list[Tile]:
    """The headline numbers, whatever the measure."""
    days = Fraction(answer.view.period.seconds, 86400)
    so_far = " so far" if answer.as_of in answer.view.period else ""
    peak = f"busiest hour {_rounded(totals.running_peak)}"
    if totals.running_peak_at:
        peak += f" on {present.moment_text(totals.running_peak_at)}"
    currency, measure = CURRENCIES[answer.currency], answer.view.measure
    cost = answer.total if measure.is_money else totals.list_cost
    title = present.MEASURES[measure if measure.is_money else Measure.LIST_COST].title
    per_hour = cost / totals.machine_hours if totals.machine_hours else None
    per_hour_text = format_money(per_hour, currency, places=4) if per_hour is not None else "–"
    whole = present.plural(totals.continent_count, "continent") + (
        f", {present.number_text(days)} {'day' if days == 1 else 'days'}" if days >= 1 else ""
    )
    return [
        Tile(f"{title}{so_far}", format_money(cost, currency), _cost_note(totals, answer)),
        Tile("Machine-hours", _rounded(totals.machine_hours), f"= {_rounded(totals.machine_hours / 24)} machine-days"),
        Tile("Running on average", _rounded(totals.running_mean), peak),
        Tile("Per machine-hour", per_hour_text, f"{title.lower()} ÷ machine-hours"),
        Tile("Apps · regions", f"{totals.app_count:,} · {totals.region_count:,}", whole),
    ]


def _cost_note(totals: Totals, answer: Answer) -> str:
    """What is beside the cost: what has no price, or the list cost that another cost is held against."""
    if totals.unpriced:
        return "unpriced: " + ", ".join(totals.unpriced)
    if answer.view.measure is Measure.LIST_COST or not answer.view.measure.is_money:
        return "list price × quantity, US dollars"
    listed = format_money(totals.list_cost, CURRENCIES[answer.currency])
    percent = present.percent_change_text(totals.list_cost, answer.total)
    return f"list cost {listed}" + ("" if percent in ("new", "no change") else f", {percent}")


def _rounded(value: Fraction) -> str:
    return f"{round(value):,}"


@dataclass(frozen=True)
class PageOfRows:
    """The series of one page of the table, of all that were `found`."""

    found: list[Series]
    shown: list[Series]
    number: int
    count: int
    first: int


def page_of(answer: Answer, sorting: Sorting) -> PageOfRows:
    """The page that `sorting` asks for, or the nearest there is."""
    found = [series for series in answer.series if _matches(series, sorting.find)]
    found.sort(key=_sort_key(sorting.key), reverse=not sorting.is_ascending)
    count = max(1, -(-len(found) // sorting.page_length))
    number = min(max(1, sorting.page), count)
    first = (number - 1) * sorting.page_length
    return PageOfRows(found, found[first : first + sorting.page_length], number, count, first)


def table(place: Place, answer: Answer, slots: Mapping[str, int], page: PageOfRows, lines: Mapping[str, str]) -> dict[str, object]:
    """A page of rows, its total row and what the pager says, by the names of the state's fields.

    `lines` are the small lines of series that the chart does not draw, by key, as far as they are known.
    """
    drawn = [series.key for series in answer.drawn if not series.is_other]
    colours = slots_for_view(slots, drawn)
    noun = present.DIMENSIONS[answer.view.group_by] if answer.view.group_by else ("total", "totals")
    return {
        "rows": [_row(place, answer, series, colours, lines.get(series.key, "")) for series in page.shown],
        "total_row": _total_row(answer, page.found, is_search=len(page.found) < len(answer.series)),
        "page_number": page.number,
        "page_count": page.count,
        "rows_note": _rows_note(page.first, len(page.shown), len(page.found), len(answer.series), noun),
    }


def _matches(series: Series, find: str) -> bool:
    wanted = find.casefold()
    return wanted in series.label.casefold() or wanted in series.key.casefold()


def _sort_key(key: str):
    if key == "name":
        return lambda series: (series.label.casefold(), series.key)
    if key == "change":
        return lambda series: series.total - (series.previous_total or 0)
    return lambda series: series.total  # equal ones keep their rank, so that those drawn come first


def _rows_note(first: int, shown: int, found: int, whole: int, noun: tuple[str, str]) -> str:
    if not whole:
        return f"No {noun[1]} yet."
    if not found:
        return f"No {noun[1]} match. {present.plural(whole, *noun)} in all."
    part = f"{first + 1}–{first + shown} of " if shown < found else ""
    return f"{part}{present.plural(found, *noun)}" + (f" (of {whole:,})" if found < whole else "")


def _row(place: Place, answer: Answer, series: Series, colours: Mapping[str, int], line: str) -> Row:
    measure, label = answer.view.measure, visible(series.label)
    name, detail = label, ""
    if answer.view.group_by is Dimension.REGION and series.key and series.label != series.key:
        name, detail = series.key, label
    slot = colours.get(series.key)
    return Row(
        key=uid_of(series.key),
        label=name,
        detail=detail,
        title=label,
        href=_row_href(place, answer, series),
        mark=css_colour(colour_of(slot, TOKENS)) if slot is not None else "",
        spark=drawn_line(answer, series) or line,
        value="unpriced" if series.is_unpriced and not series.total else present.amount_text(measure, series.total, answer.currency),
        share="" if measure is Measure.RUNNING_PEAK else present.share_text(series.total, answer.total),
        **_compared(measure, answer, series.total, series.previous_total),
        per_hour=_per_hour(answer, series.total if measure.is_money else series.list_cost, series.machine_hours),
    )


def css_colour(colour: str) -> str:
    """A chart's colour as a stylesheet writes it: `mix(a,b,0.5)` is `color-mix(in srgb, a 50%, b)`."""
    if not colour.startswith("mix("):
        return colour
    top, below, share = colour.removeprefix("mix(").removesuffix(")").split(",")
    return f"color-mix(in srgb, {top} {Fraction(share) * 100}%, {below})"


def _row_href(place: Place, answer: Answer, series: Series) -> str:
    if series.is_other:
        return place.beyond([one.key for one in answer.series if one.key])
    if answer.view.group_by is None or not series.key:
        return ""
    if answer.view.group_by is Dimension.MACHINE:
        return place.machine(series.key)
    return place.down(series.key)


def _compared(measure: Measure, answer: Answer, now: Fraction, before: Fraction | None) -> dict[str, str]:
    if answer.previous_total is None:
        return {"before": "", "change": "", "percent": "", "tone": "same"}
    was = before or Fraction(0)
    change = present.difference_text(measure, now - was, answer.currency)
    return {
        "before": present.amount_text(measure, was, answer.currency),
        "change": change,
        "percent": present.percent_change_text(was, now),
        "tone": present.tone_of(change),
    }


def _per_hour(answer: Answer, cost: Fraction, hours: Fraction) -> str:
    return format_money(cost / hours, CURRENCIES[answer.currency], places=4) if hours else "–"


def _total_row(answer: Answer, found: Sequence[Series], *, is_search: bool) -> Row:
    """The whole; of a search, the sum of what was found (a peak's total is that of the whole)."""
    measure = answer.view.measure
    is_part = is_search and measure is not Measure.RUNNING_PEAK
    total = sum((series.total for series in found), Fraction(0)) if is_part else answer.total
    before = answer.previous_total
    if is_part and before is not None:
        before = sum((series.previous_total or Fraction(0) for series in found), Fraction(0))
    cost = sum((series.total if measure.is_money else series.list_cost for series in found), Fraction(0))
    hours = sum((series.machine_hours for series in found), Fraction(0))
    return Row(
        label="Total of these" if is_part else "Total",
        detail="of the whole; peaks do not add up" if measure is Measure.RUNNING_PEAK else "",
        value=present.amount_text(measure, total, answer.currency),
        share="" if measure is Measure.RUNNING_PEAK else present.share_text(total, answer.total),
        per_hour=_per_hour(answer, cost, hours),
        **_compared(measure, answer, total, before),
    )


def change_rows(place: Place, contributors: Sequence[Contributor], rest: Contributor | None, currency: str) -> list[ChangeRow]:
    """The lines of "what changed", everything else last; the bars are shares of the largest contributor's difference."""
    largest = max((abs(one.difference) for one in contributors), default=Fraction(0))
    return [_change_row(place, one, largest, currency) for one in (*contributors, *([rest] if rest else []))]


def _change_row(place: Place, one: Contributor, largest: Fraction, currency: str) -> ChangeRow:
    def money(part: Fraction) -> str:
        return present.difference_text(Measure.LIST_COST, part, currency)

    label = visible(one.label)
    href = ""
    if len(one.key) == 2:
        filters = (Filter(Dimension.APP, (one.key[0],)), Filter(Dimension.REGION, (one.key[1],)))
        href = place.href(filters=filters, group_by=Dimension.VM_SIZE, comparison=Comparison.PREVIOUS)
    return ChangeRow(
        label=label,
        title=label,
        words=one.words,
        split=f"price {money(one.price)}, amount {money(one.amount)}, mix {money(one.mix)}",
        difference=money(one.difference),
        tone=present.tone_of(money(one.difference)),
        width=f"{min(100, round(abs(one.difference) * 100 / largest)) if largest else 0}%",
        href=href,
    )


def status_text(answer: Answer, *, refused: int, is_stale: bool, lag_days: int, now: datetime) -> str:
    """How complete the numbers are, in one line."""
    parts = []
    if is_stale and answer.last_event_at:
        parts.append(f"No events since {present.moment_text(answer.last_event_at)}; what ran then counts as running")
    parts.append(f"complete to {present.moment_text(min(answer.as_of, answer.view.period.end))} UTC")
    if now - answer.as_of > HOUR:
        parts.append(f"asked as of {present.moment_text(answer.as_of)}")
    parts.append(f"{present.plural(refused, 'refused event')} in 30 days" if refused else "no refused events")
    if lag_days:
        parts.append(f"older history still loads: {present.plural(lag_days, 'day')} to go")
    text = " · ".join(parts)
    return text[0].upper() + text[1:]


def filter_note(filters: Sequence[Filter], dimension: Dimension, listed: int, more: bool) -> str:
    """What the chooser says below its list."""
    chosen = filter_on(tuple(filters), dimension)
    picked = f"{len(chosen.values):,} chosen. " if chosen else ""
    if not listed:
        return picked + "Nothing matches."
    return picked + ("Type to search the rest." if more else "")
