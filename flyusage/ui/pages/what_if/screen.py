"""What would have been, printed. Pure."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from flyusage.money import CURRENCIES, Currency, format_money
from flyusage.periods import Period
from flyusage.pricing.reference import RegionFact
from flyusage.pricing.simulate import SimulatedLine, Simulation
from flyusage.pricing.urls import Preset, moment_text
from flyusage.pricing.versions import Version
from flyusage.pricing.view import Measure
from flyusage.pricing.winners import Outcome, Winners
from flyusage.ui import present
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.what_if.address import LAST_MONTH, Choice, reserved_text, what_if_href
from flyusage.ui.pages.what_if.rows import Change, Everyone, LineRow, Option, OutcomeRow, Screen

MOST_LINES, MOST_ORGANIZATIONS = 100, 50
OWN = "own"


@dataclass(frozen=True)
class Told:
    """What can be chosen, what is, and the answer: `simulation`, or `problem`. `winners` is a sentence where it cannot be told."""

    slug: str
    choice: Choice
    now: datetime
    period: Period
    presets: Sequence[Preset]
    versions: Sequence[Version]
    regions: Sequence[RegionFact]
    sizes: Sequence[str]
    currency: str
    notices: tuple[str, ...] = ()
    is_staff: bool = False
    simulation: Simulation | None = None
    problem: str = ""
    winners: Winners | str | None = None


def screen(told: Told) -> Screen:
    """The whole page."""
    choice, found = told.choice, told.simulation
    shown = _lines(found) if found else []
    return Screen(
        note="re-price past usage; nothing is changed",
        range_value=_range_value(told),
        ranges=[*[Option(one.key, one.label) for one in told.presets], Option(OWN, "The days at the right")],
        starts_on=f"{told.period.start:%Y-%m-%d}",
        ends_on=f"{told.period.end:%Y-%m-%d}",
        version=choice.version,
        versions=[Option("", "as they were"), *[Option(one.name, _version_label(one)) for one in reversed(told.versions)]],
        regions=[Option(one.code, visible(f"{one.code} · {one.name}")) for one in told.regions],
        sizes=[Option(name, name) for name in told.sizes],
        changes=_changes(told),
        lead=_lead(told),
        figure=format_money(found.after, CURRENCIES[found.currency]) if found else "",
        sentence=_sentence(told) if found else "",
        tone=present.tone(found.difference) if found else "",
        problem=visible(told.problem) if told.problem else "",
        notices=[visible(one) for one in (*told.notices, *(found.notices if found else ()))],
        lines=[_line(one, CURRENCIES[told.currency]) for one in shown[:MOST_LINES]],
        lines_note=_lines_note(found, len(shown)) if found else "",
        total=_total(found) if found else LineRow("", "", "", "", "", "", ""),
        nothing=_nothing(told, shown),
        command=_command(told),
        everyone=_everyone(told),
    )


def _range_value(told: Told) -> str:
    span = dict(told.choice.span)
    asked = span.get("range", "" if span else LAST_MONTH)
    return asked if any(one.key == asked for one in told.presets) else OWN


def _version_label(version: Version) -> str:
    note = f" · {visible(version.note)}" if version.note else ""
    return f"{version.name}{' (draft)' if version.published_at is None else ''}{note}"


def _changes(told: Told) -> list[Change]:
    """Everything that is to be otherwise, each with the way to leave it out."""
    choice = told.choice

    def without(name: str, one: object) -> str:
        return what_if_href(told.slug, choice.with_(**{name: tuple(each for each in getattr(choice, name) if each != one)}))

    found = [Change(f"{source} moves to {target}", without("moves", (source, target))) for source, target in choice.moves]
    found += [Change(f"{source} becomes {target}", without("resizes", (source, target))) for source, target in choice.resizes]
    currency = CURRENCIES[told.currency]
    return found + [
        Change(
            f"reserve {one.cpu_kind} in {one.region}: {format_money(one.upfront, currency)} for {one.months} months, "
            f"{format_money(one.monthly_credit, currency)} credit a month",
            without("reservations", one),
        )
        for one in choice.reservations
    ]


def _lead(told: Told) -> str:
    range_text = present.period_text(told.period)
    if not told.choice.is_asked:
        return f"{range_text} as it was"
    return f"{range_text} would have cost"


def _sentence(told: Told) -> str:
    found = told.simulation
    assert found is not None
    currency = CURRENCIES[found.currency]
    until = f", complete to {present.moment_text(found.as_of)} UTC" if found.as_of < found.period.end else ""
    if not told.choice.is_asked:
        return f"List and agreed prices, before discounts, credits and tax{until}. Choose below what is to be otherwise."
    if not found.difference:
        change = f"the same as it was: {format_money(found.before, currency)}"
    else:
        percent = f" ({present.percent_change_text(found.before, found.after)})" if found.before else ""
        more = "more" if found.difference > 0 else "less"
        change = (
            f"{format_money(abs(found.difference), currency)} {more} than the {format_money(found.before, currency)} that it was{percent}"
        )
    return f"{change}; before discounts, credits and tax{until}."


def _lines(found: Simulation) -> list[SimulatedLine]:
    """What changes, or all of it where nothing was asked for."""
    return [line for line in found.lines if line.difference or (line.before is None) != (line.after is None)]


def _line(line: SimulatedLine, currency: Currency) -> LineRow:
    return LineRow(
        line.sku, visible(line.title.removeprefix("Machine ")), line.region, _money(line.before, currency), _money(line.after, currency),
        _more(line.difference, currency), present.tone_of(_more(line.difference, currency)),
    )  # fmt: skip


def _total(found: Simulation) -> LineRow:
    currency = CURRENCIES[found.currency]
    return LineRow(
        "", "Everything", "", format_money(found.before, currency), format_money(found.after, currency),
        _more(found.difference, currency), present.tone_of(_more(found.difference, currency)),
    )  # fmt: skip


def _lines_note(found: Simulation, changing: int) -> str:
    same = len(found.lines) - changing
    said = f"{present.plural(changing, 'line')} would change, {same:,} would not"
    if changing > MOST_LINES:
        said += f"; the {MOST_LINES} largest are shown, the command prints all"
    if found.reserved:
        said += f"; reservations come to {_more(found.reserved, CURRENCIES[found.currency])}"
    return said


def _nothing(told: Told, shown: Sequence[SimulatedLine]) -> str:
    if told.simulation is None or shown:
        return ""
    if not told.simulation.lines:
        return "Nothing was used then. Choose another range."
    return "No line would change." if told.choice.is_asked else "Nothing is asked yet."


def _command(told: Told) -> str:
    choice = told.choice
    span = f" --from {moment_text(told.period.start)} --to {moment_text(told.period.end)}"
    version = f" --version {shlex.quote(choice.version)}" if choice.version else ""
    moves = "".join(f" --move {source}={target}" for source, target in choice.moves)
    sizes = "".join(f" --resize {source}={target}" for source, target in choice.resizes)
    reserved = "".join(f" --reserve {reserved_text(one)}" for one in choice.reservations)
    return f"flyusage prices simulate --org {shlex.quote(told.slug)}{span}{version}{moves}{sizes}{reserved}"


def _everyone(told: Told) -> Everyone:
    """For staff, once a version is chosen."""
    if not told.is_staff or not told.choice.version:
        return Everyone()
    found = told.winners
    if found is None:
        return Everyone(href=what_if_href(told.slug, told.choice.with_(everyone=True)))
    if isinstance(found, str):
        return Everyone(sentence=visible(found))
    currency = CURRENCIES[found.book.currency]
    same = len(found.outcomes) - len(found.losing) - len(found.winning)
    said = (
        f"{present.plural(len(found.losing), 'organization')} would pay more, {len(found.winning):,} less, {same:,} the same. In all "
        f"{format_money(found.before, currency)} becomes {format_money(found.after, currency)} ({_more(found.after - found.before, currency)})."
    )
    shown = [*found.losing[:MOST_ORGANIZATIONS], *reversed(found.winning[:MOST_ORGANIZATIONS])]
    left = len(found.losing) + len(found.winning) - len(shown)
    note = (
        f"and {left:,} more between them; `flyusage prices simulate --all` prints everybody"
        if left
        else "only the version's prices count here"
    )
    return Everyone(sentence=said, rows=[_outcome(one, told, currency) for one in shown], note=note)


def _outcome(one: Outcome, told: Told, currency: Currency) -> OutcomeRow:
    percent = present.percent_change_text(one.before, one.after) if one.before else ""
    return OutcomeRow(
        org=one.org,
        name=visible(one.name),
        href=what_if_href(one.org, told.choice.with_(everyone=False)),
        before=format_money(one.before, currency),
        after=format_money(one.after, currency),
        difference=_more(one.difference, currency),
        percent=f"{percent}{', part unpriced' if one.is_unpriced else ''}",
        tone=present.tone_of(_more(one.difference, currency)),
    )


def _money(amount: Fraction | None, currency: Currency) -> str:
    return "unpriced" if amount is None else format_money(amount, currency)


def _more(difference: Fraction, currency: Currency) -> str:
    return present.difference_text(Measure.LIST_COST, difference, currency.code)
