"""The overview's numbers, printed. Pure; every number is formatted from the exact one."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from functools import reduce

from flyusage.money import CURRENCIES, format_money, to_minor
from flyusage.periods import DAY, midnight
from flyusage.pricing.changes import Changes
from flyusage.pricing.overview import Overview, Projection
from flyusage.pricing.view import Answer, Comparison, Contributor, Dimension, Filter, Measure, Series
from flyusage.ui import present
from flyusage.ui.charts.text import visible
from flyusage.ui.components.ranked import Ranked
from flyusage.ui.pages.explorer.paths import Place
from flyusage.ui.pages.overview.rows import ChangedRow, Fact, Phrase, Ranking, Screen

RANKED_LINES = 6
ROUND_FROM = 1000  # from here on a ranking leaves the cents to the hover
NO_SIZE, NOT_A_MACHINE = "none", "volumes, egress"
MATTERS = Fraction(1, 200)  # below half a percent a month is "about the same"
EXPLAINS_AT_LEAST = Fraction(1, 20)


def screen(slug: str, overview: Overview, centres: Answer | None, facts: list[Fact]) -> Screen:
    """Everything the page shows of `overview`; `centres` is the month by cost centre, None where there are none."""
    place = Place(slug, overview.by_region.view)
    month = f"{overview.month:%B}"
    what = f"{month} so far" if overview.is_current else month
    return Screen(
        title=what if overview.is_current else f"{month} {overview.month.year}",
        month=f"{overview.month:%Y-%m}",
        as_of=present.pinned_text(overview.as_of),
        note=_note(overview),
        lead="You have spent" if overview.is_current else "You spent",
        spent=_money(overview, overview.spent),
        sentence=sentence(place, overview),
        **_projected(overview),
        chart_label=f"Spend in {month}, day by day and added up: {_money(overview, overview.spent)}",
        map_title=f"Spend by region, {what}",
        map_label=_map_label(overview),
        **changed(place, overview),
        continents=ranking(slug, overview.by_continent),
        regions=ranking(slug, overview.by_region),
        apps=ranking(slug, overview.by_app),
        sizes=ranking(slug, overview.by_vm_size),
        centres=ranking(slug, centres) if centres else Ranking(),
        facts=facts,
        notices=[notice for notice in overview.notices if not _is_said_elsewhere(overview, notice)],
        explorer_href=place.href(),
    )


def _is_said_elsewhere(overview: Overview, notice: str) -> bool:
    """The sentence says when history begins, and what still loads has a bar of its own."""
    load = overview.daily.load
    return notice.startswith("History begins" if load is None else load.sentence)


def _note(overview: Overview) -> str:
    kept = "list cost · all times UTC"
    if overview.is_current:
        return f"{overview.month.year} · {kept}"
    return f"the last month with events · {kept}"


def _money(overview: Overview, amount: Fraction) -> str:
    return format_money(amount, CURRENCIES[overview.currency])


def _rounded(overview: Overview, amount: Fraction) -> str:
    return format_money(amount, CURRENCIES[overview.currency], places=0)


def sentence(place: Place, overview: Overview) -> list[Phrase]:
    """`in 22 days; $41,200.10 more than in September up to the same moment; app_22 in gru explains 54 % of it, …`."""
    passed = Phrase(f"in {_elapsed(overview)}")
    if overview.before is None or overview.spent_before is None:
        return [passed, Phrase(f". {_no_comparison(overview)}"), *_within(place, overview.changes)]
    difference = overview.spent - overview.spent_before
    earlier = _earlier(overview)
    if abs(difference) < overview.spent_before * MATTERS or not difference:
        about = f"; about the same as {earlier} ({present.difference_text(Measure.LIST_COST, difference, overview.currency)})."
        return [passed, Phrase(about)]
    more = f"{_money(overview, abs(difference))} {'more' if difference > 0 else 'less'}"
    against = f"{earlier}: {_money(overview, overview.spent_before)}"
    compared = [passed, Phrase("; "), Phrase(more, present.tone(difference), title=against), Phrase(f" than {earlier}")]
    return [*compared, *_explained(place, overview.changes, difference)]


def _within(place: Place, changes: Changes | None) -> list[Phrase]:
    """What the month's own halves say, where there is no month before."""
    if changes is None or not changes.total.difference:
        return []
    difference = changes.total.difference
    amount = format_money(abs(difference), CURRENCIES[changes.currency])
    days = present.plural(round(changes.after.seconds / 86400), "day")
    said = [
        Phrase(f" The last {days} cost "),
        Phrase(f"{amount} {'more' if difference > 0 else 'less'}", present.tone(difference)),
        Phrase(f" than the {days} before"),
    ]
    return [*said, *_explained(place, changes, difference)]


def _elapsed(overview: Overview) -> str:
    length = timedelta(seconds=overview.so_far.seconds)
    if length < 2 * DAY:
        hours = max(1, length // timedelta(hours=1))
        return present.plural(hours, "hour")
    return present.plural(round(length / DAY), "day")


def _earlier(overview: Overview) -> str:
    assert overview.before is not None
    name = f"{overview.before.start:%B}"
    return f"{name} up to the same moment" if overview.is_current else name


def _no_comparison(overview: Overview) -> str:
    begins, load = overview.daily.history_begins, overview.waits_for
    earlier = f"{midnight(overview.month) - DAY:%B}"
    if load is not None:
        return f"{earlier} is still {'loading' if load.is_arriving else 'being added up'} ({load.percent} %): the comparison waits for it."
    if begins is None:
        return "There is nothing to compare it with yet."
    return f"History begins {present.day_text(begins, year=True)}, so {earlier} cannot be compared."


def _explained(place: Place, changes: Changes | None, difference: Fraction) -> list[Phrase]:
    same_way = [one for one in changes.contributors if one.difference * difference > 0] if changes else []
    if not same_way:
        return [Phrase(".")]
    first = same_way[0]
    share = first.difference / difference
    if share < EXPLAINS_AT_LEAST:
        return [Phrase(", spread over many apps.")]
    name = Phrase(visible(first.label), href=_change_href(place, first), title=visible(first.label), is_name=True)
    if share > 1:
        amount = present.difference_text(Measure.LIST_COST, first.difference, changes.currency if changes else "USD")
        return [Phrase("; "), name, Phrase(f" alone changed by {amount}{_since(first)}.")]
    return [Phrase("; "), name, Phrase(f" explains {round(share * 100)} % of it{_since(first)}.")]


def _since(one: Contributor) -> str:
    return f", since {present.moment_text(one.since)}" if one.since else ""


def _projected(overview: Overview) -> dict[str, str]:
    if overview.projection is None:
        return {"projected": "", "method": ""}
    total = _rounded(overview, overview.projection.total)
    return {
        "projected": f"Heading for {total} by the end of {overview.month:%B}.",
        "method": " ".join([overview.projection.method, *_between(overview, overview.projection)]),
    }


def _between(overview: Overview, projection: Projection) -> Iterator[str]:
    if projection.low is not None and projection.high is not None:
        yield f"{_rounded(overview, projection.low)} to {_rounded(overview, projection.high)} in 8 of 10 cases."


def _map_label(overview: Overview) -> str:
    largest = overview.by_region.series[:3]
    listed = ", ".join(f"{visible(one.label)} {_rounded(overview, one.total)}" for one in largest)
    return f"World map of spend by region. The largest: {listed}." if listed else "World map of spend by region."


def changed(place: Place, overview: Overview) -> dict[str, object]:
    """The table of what changed, its last line "everything else", and its total; by the names of the screen's fields."""
    changes = overview.changes
    if changes is None or (not changes.total.before and not changes.total.after):
        return {"changed_title": "What changed most", "changed_note": _no_comparison(overview)}
    largest = max((abs(one.difference) for one in changes.contributors), default=Fraction(0))
    told = [one for one in changes.contributors if to_minor(one.difference, CURRENCIES[changes.currency])]
    rows = [_changed_row(place, one, largest, changes.currency) for one in told]
    rest = _rest(changes, told)
    return {
        "changed_title": "What changed most",
        "changed_note": f"against {_earlier(overview)}" if overview.before else _halves_note(changes),
        "changed": rows,
        "everything_else": replace(_changed_row(place, rest, largest, changes.currency), label="Everything else", where="", href="", bar="")
        if rest
        else ChangedRow(""),
        "changed_total": replace(
            _changed_row(place, changes.total, largest, changes.currency), label="Total", where="", href="", words="", bar=""
        ),
    }


def _rest(changes: Changes, told: Sequence[Contributor]) -> Contributor | None:
    """Everything that has no line of its own: the rest, and what would print as no change at all."""
    untold = [one for one in changes.contributors if one not in told] + ([changes.rest] if changes.rest else [])
    return reduce(_together, untold) if untold else None


def _together(one: Contributor, other: Contributor) -> Contributor:
    parts = ("before", "after", "price", "amount", "mix", "machines_before", "machines_after")
    return replace(other, key=(), since=None, **{part: getattr(one, part) + getattr(other, part) for part in parts})


def _halves_note(changes: Changes) -> str:
    return f"{present.period_text(changes.after)} against {present.period_text(changes.before)}"


def _changed_row(place: Place, one: Contributor, largest: Fraction, currency: str) -> ChangedRow:
    def money(part: Fraction) -> str:
        return present.difference_text(Measure.LIST_COST, part, currency)

    has_key = len(one.key) == 2
    return ChangedRow(
        label=visible(one.key[0]) if has_key else visible(one.label),
        where=f"in {visible(one.key[1])}" if has_key else "",
        title=visible(one.label),
        words=one.words,
        split=f"price {money(one.price)} · amount {money(one.amount)} · mix {money(one.mix)}",
        machines=_machines(one),
        before=format_money(one.before, CURRENCIES[currency]),
        after=format_money(one.after, CURRENCIES[currency]),
        difference=money(one.difference),
        percent=present.percent_change_text(one.before, one.after),
        tone=present.tone_of(money(one.difference)),
        bar=f"{round(min(abs(one.difference) * 100 / largest, Fraction(100))) if largest else 0}%",
        href=_change_href(place, one),
    )


def _machines(one: Contributor) -> str:
    before, after = round(one.machines_before), round(one.machines_after)
    return f"{after:,}" if before == after else f"{before:,} → {after:,}"


def _change_href(place: Place, one: Contributor) -> str:
    if len(one.key) != 2:
        return ""
    filters = (Filter(Dimension.APP, (one.key[0],)), Filter(Dimension.REGION, (one.key[1],)))
    return place.href(filters=filters, group_by=Dimension.VM_SIZE, comparison=Comparison.PREVIOUS)


def ranking(slug: str, answer: Answer) -> Ranking:
    """The largest values of an answer's grouping; each leads one step down, the card to the whole."""
    place = Place(slug, answer.view)
    noun = present.DIMENSIONS[answer.view.group_by] if answer.view.group_by else ("", "")
    shown = [series for series in answer.series if series.total or series.is_unpriced][:RANKED_LINES]
    count = len(answer.series)
    return Ranking(
        rows=[_ranked(place, answer, series, shown[0].total) for series in shown],
        more=f"all {count:,}" if count > RANKED_LINES else present.plural(count, *noun),
        href=place.href(),
    )


def _ranked(place: Place, answer: Answer, series: Series, largest: Fraction) -> Ranked:
    is_region = answer.view.group_by is Dimension.REGION and series.label != series.key
    label, value = visible(series.label), present.amount_text(answer.view.measure, series.total, answer.currency)
    share = present.share_text(series.total, answer.total)
    return Ranked(
        label=series.key if is_region else label,
        detail=label if is_region else NOT_A_MACHINE if series.key == NO_SIZE else "",
        value="unpriced"
        if series.is_unpriced and not series.total
        else format_money(series.total, CURRENCIES[answer.currency], places=0 if largest >= ROUND_FROM else None),
        width=f"{float(series.total * 100 / largest):.1f}%" if largest else "0%",
        title=f"{label} · {value}" + (f" · {share} of all" if share else ""),
        href=place.down(series.key),
    )
