"""A machine, printed. Pure; every number is formatted from the exact one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import groupby

from flyusage.metering.machines import Machine
from flyusage.money import CURRENCIES, Currency, format_money, format_quantity, round_half_away
from flyusage.periods import HOUR, Period, midnight, month_period
from flyusage.pricing.machines import Line, MachineHour, RawEvent, Why
from flyusage.pricing.view import Dimension, Filter, View
from flyusage.ui import present
from flyusage.ui.charts.axes import zone_name
from flyusage.ui.charts.text import visible
from flyusage.ui.components.crumbs import Step
from flyusage.ui.pages.explorer.paths import Place, machine_href
from flyusage.ui.pages.machine.rows import DayRow, EventRow, MonthLink, Screen, Tile, WhyRow

MONTHS_SHOWN = 6
EXACT_PLACES = 12
LINE_PLACES = 4
QUANTITY_UNITS = {"machine-second": "s", "GB-second": "GB-s", "GB-month(30d)": "GB-months", "IP-month(30d)": "IP-months"}
PRICE_UNITS = {"GB-month(30d)": "GB for 30 days", "IP-month(30d)": "address for 30 days"}


@dataclass(frozen=True)
class Told:
    """A machine and what its page needs beside one month: its cost over its life, the default view, the present."""

    slug: str
    machine: Machine
    cost: Fraction
    view: View
    now: datetime


def screen(told: Told, month: date, why: Why, hours: Sequence[MachineHour]) -> Screen:
    """The machine's page with the chosen `month` explained."""
    machine, currency = told.machine, CURRENCIES[why.currency]
    shown, name = month_period(midnight(month)), visible(machine.name)
    return Screen(
        name=machine.name,
        title=name,
        state=_state(machine),
        is_running=machine.running_since is not None,
        crumbs=crumbs(told),
        tiles=_tiles(told, month, why, hours),
        zone_minutes=told.view.zone_minutes,
        zone=zone_name(told.view.zone_minutes),
        zone_at=shown.start.isoformat(),
        zone_href=machine_href(told.slug, machine.name, month=month),
        life_note=_life_note(machine),
        life_label=f"Timeline of {name}: {_life_note(machine)}",
        months=month_links(told, month),
        month_title=f"{month:%B} {month.year}",
        hours_label=f"Minutes per hour that {name} ran in {month:%B}, {zone_name(told.view.zone_minutes)}",
        days=days(hours, currency),
        days_total=_days_total(hours, currency),
        why=[why_row(line, currency) for line in in_reading_order(why.lines)],
        why_note=_why_note(why, shown),
        as_of=present.pinned_text(why.as_of) if shown.end > why.as_of else "",
        why_total=format_money(why.total, currency),
        why_total_exact=exact_text(why.total, currency),
        explorer_href=_explorer_href(told, shown),
    )


def _state(machine: Machine) -> str:
    if machine.running_since is not None:
        return f"running since {present.moment_text(machine.running_since)} UTC"
    return f"stopped {present.moment_text(machine.stopped_at)} UTC" if machine.stopped_at else ""


def _life_note(machine: Machine) -> str:
    since = f" since {present.day_text(machine.started_at, year=True)}" if machine.started_at else ""
    note = f"{present.plural(machine.runs, 'run')}{since}"
    if machine.inferred:
        return f"{note} · {present.plural(machine.inferred, 'stop')} inferred: the next start came while it still ran"
    return note


def crumbs(told: Told) -> list[Step]:
    """All usage › region › app › this machine."""
    machine, place = told.machine, Place(told.slug, told.view)
    region, app = Filter(Dimension.REGION, (machine.region,)), Filter(Dimension.APP, (machine.app,))
    return [
        Step("All usage", place.href(filters=(), group_by=Dimension.REGION)),
        Step(machine.region, place.href(filters=(region,), group_by=Dimension.APP)),
        Step(visible(machine.app), place.href(filters=(region, app), group_by=Dimension.MACHINE)),
        Step(visible(machine.name)),
    ]


def _explorer_href(told: Told, shown: Period) -> str:
    only = Filter(Dimension.MACHINE, (told.machine.name,))
    return Place(told.slug, told.view).href(period=shown, filters=(only,), group_by=Dimension.SKU)


def _tiles(told: Told, month: date, why: Why, hours: Sequence[MachineHour]) -> list[Tile]:
    machine, currency = told.machine, CURRENCIES[why.currency]
    seconds = sum(hour.seconds for hour in hours)
    memory = f"{present.number_text(Fraction(machine.memory_mib, 1024))} GB of memory" if machine.memory_mib else ""
    since = f"since {present.day_text(machine.started_at, year=True)}" if machine.started_at else ""
    unpriced = f"unpriced: {', '.join(why.unpriced)}" if why.unpriced else "list cost"
    return [
        Tile(f"Cost in {month:%B}", format_money(why.total, currency), unpriced),
        Tile("Cost so far", format_money(told.cost, currency), since),
        Tile(f"Hours in {month:%B}", present.number_text(Fraction(seconds, 3600)), f"{seconds:,} seconds"),
        Tile("Size", machine.vm_size or "–", memory),
        Tile("App · region", f"{visible(machine.app)} · {machine.region}", machine.region_name),
    ]


def month_links(told: Told, chosen: date) -> list[MonthLink]:
    """The months of the machine's life, newest first, and the chosen one."""
    machine = told.machine
    end = told.now if machine.running_since or not machine.stopped_at else machine.stopped_at
    start = machine.started_at or end
    months = list(Period(start, max(end, start) + HOUR).months())[::-1]
    shown = months[:MONTHS_SHOWN] + ([chosen] if chosen in months[MONTHS_SHOWN:] else [])
    zone = told.view.zone_minutes
    href = {one: machine_href(told.slug, machine.name, month=one, zone_minutes=zone) for one in shown}
    return [MonthLink(_month_text(one, told.now), f"{one:%B %Y}", href[one], one == chosen) for one in shown]


def _month_text(month: date, now: datetime) -> str:
    return f"{month:%B}" if month.year == now.year else f"{month:%b %Y}"


def days(hours: Sequence[MachineHour], currency: Currency) -> list[DayRow]:
    """A row per day the machine ran in, latest first."""
    made = []
    for day, of_day in groupby(hours, key=lambda hour: hour.at.date()):
        listed = list(of_day)
        if any(hour.seconds or hour.list_cost for hour in listed):
            made.append(_day_row(day, listed, currency))
    return made[::-1]


def _day_row(day: date, hours: Sequence[MachineHour], currency: Currency) -> DayRow:
    seconds = {hour.at.hour: hour.seconds for hour in hours}
    return DayRow(
        day=f"{day:%a} {present.day_text(midnight(day))}",
        hours=_hours_text(sum(seconds.values())),
        cost=format_money(sum((hour.list_cost for hour in hours), Fraction(0)), currency),
        strip=strip([seconds.get(hour, 0) for hour in range(24)]),
        strip_text=_strip_text(seconds),
    )


def _hours_text(seconds: int) -> str:
    return f"{round_half_away(Fraction(seconds, 3600), 2):,} h"


def strip(seconds: Sequence[int]) -> str:
    """24 hours as a CSS gradient: full, partly or not running."""
    stops = []
    for hour, ran in enumerate(seconds):
        colour = (
            "transparent"
            if not ran
            else "var(--accent)"
            if ran >= 3600
            else f"color-mix(in srgb, var(--accent) {25 + 60 * ran // 3600}%, transparent)"
        )
        stops.append(f"{colour} {hour * 100 / 24:.2f}% {(hour + 1) * 100 / 24:.2f}%")
    return f"linear-gradient(90deg, {', '.join(stops)})"


def _strip_text(seconds: dict[int, int]) -> str:
    ran = sorted(hour for hour, count in seconds.items() if count)
    if not ran:
        return "did not run"
    spans, first = [], ran[0]
    for hour, following in zip(ran, [*ran[1:], -1], strict=True):
        if following != hour + 1:
            spans.append(f"{first:02d}:00–{hour + 1:02d}:00")
            first = following
    return "ran in " + ", ".join(spans)


def _days_total(hours: Sequence[MachineHour], currency: Currency) -> DayRow:
    cost = sum((hour.list_cost for hour in hours), Fraction(0))
    return DayRow("Total", _hours_text(sum(hour.seconds for hour in hours)), format_money(cost, currency), "", "")


def in_reading_order(lines: Sequence[Line]) -> list[Line]:
    """By time, and at one moment the machine before what it brings along."""
    return sorted(lines, key=lambda line: (line.started_at, line.unit != "machine-second", line.sku))


def _why_note(why: Why, shown: Period) -> str:
    if shown.end > why.as_of:
        return f"so far, complete to {present.moment_text(why.as_of)} UTC"
    return f"{present.period_text(shown)}, UTC"


def why_row(line: Line, currency: Currency) -> WhyRow:
    """One run under one price: `86,400 s × $0.000000779247 per second = $0.0673`."""
    is_unpriced = line.amount is None
    return WhyRow(
        when=_when(line),
        what=line.title.removeprefix("Machine "),
        note="its stop never came; closed by the next start" if line.is_inferred else "",
        quantity=quantity_text(line),
        price=_price_text(line, currency),
        base=f"{line.quantity:,} {line.unit}s ÷ {line.per:,}" if line.per > 1 else f"{line.quantity:,} {line.unit}s",
        since=f"price since {present.day_text(midnight(line.price_since), year=True)}" if line.price_since else "",
        cost="unpriced" if is_unpriced else format_money(line.cost, currency, places=LINE_PLACES),
        exact="" if is_unpriced else exact_text(line.cost, currency),
        events_title=present.plural(len(line.events), "event"),
        events=[_event_row(event) for event in line.events],
    )


def _when(line: Line) -> str:
    start, stop = line.started_at, line.stopped_at
    if line.is_open:
        return f"{present.moment_text(start)} – now"
    is_one_day = start.date() == stop.date()
    return f"{present.moment_text(start)} – {stop:%H:%M}" if is_one_day else f"{present.moment_text(start)} – {present.moment_text(stop)}"


def quantity_text(line: Line) -> str:
    """The quantity in the unit that its price is for: `14,400 s`, `12.50 GB-months`."""
    number = format_quantity(Fraction(line.quantity, line.per))
    unit = line.price_unit.removeprefix("per ") or line.unit
    return f"{number} {QUANTITY_UNITS.get(unit, unit)}"


def _price_text(line: Line, currency: Currency) -> str:
    if line.amount is None:
        return "unpriced"
    unit = line.price_unit.removeprefix("per ")
    return f"{amount_text(line.amount, currency)} per {PRICE_UNITS.get(unit, unit)}"


def amount_text(amount: Decimal, currency: Currency) -> str:
    """A price as it was published, every decimal kept."""
    text = f"{amount.normalize():f}"
    whole, _, decimals = text.partition(".")
    return (
        f"{currency.symbol}{int(whole):,}.{decimals.ljust(currency.exponent, '0')}"
        if currency.exponent or decimals
        else f"{currency.symbol}{int(whole):,}"
    )


def exact_text(amount: Fraction, currency: Currency) -> str:
    """The unrounded amount to twelve decimals; `exactly` when that is all of it."""
    shown = format_money(amount, currency, places=EXACT_PLACES).rstrip("0")
    is_all = (amount * 10**EXACT_PLACES).denominator == 1
    return f"exactly {shown}" if is_all else f"{shown}…"


def _event_row(event: RawEvent) -> EventRow:
    at = f"{event.time:%b} {event.time.day}, {event.time:%H:%M:%S}"
    return EventRow(
        at,
        event.type.removeprefix("flyusage."),
        visible(event.detail) if event.detail else "",
        visible(f"{event.source} · {event.event_id}"),
    )
