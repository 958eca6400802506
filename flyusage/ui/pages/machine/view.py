"""A machine's page."""

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.copy_button import copy_button
from flyusage.ui.components.crumbs import Step, way_down
from flyusage.ui.components.phases import failed, waiting
from flyusage.ui.components.plotly_chart import plotly_chart
from flyusage.ui.components.zone_switch import ZoneSwitch
from flyusage.ui.layout import page
from flyusage.ui.pages.machine.rows import DayRow, EventRow, MonthLink, Tile, WhyRow
from flyusage.ui.pages.machine.state import HOURS_CHART, LIFE_CHART, MachinePage

SCREEN = MachinePage.screen


def machine() -> rx.Component:
    """The whole page."""
    is_ready = MachinePage.phase == "ready"
    return page(
        rx.match(
            MachinePage.phase,
            ("ready", _ready()),
            ("missing", _missing()),
            ("failed", failed("The machine could not be read", MachinePage.problem, MachinePage.load)),
            waiting("Loading the machine", "part", "part", "part"),
        ),
        title=rx.cond(is_ready, SCREEN.title, "Machine"),
        note=rx.cond(is_ready, SCREEN.state, ""),
        actions=rx.cond(
            is_ready,
            rx.fragment(
                copy_button(SCREEN.name, "Copy id"),
                rx.link("Open in explorer", href=SCREEN.explorer_href, underline="none", class_name="button button-primary"),
            ),
            rx.fragment(),
        ),
    )


def _ready() -> rx.Component:
    return rx.fragment(
        way_down(SCREEN.crumbs),
        rx.el.dl(rx.foreach(SCREEN.tiles, _tile), class_name="tiles card"),
        rx.el.section(
            rx.el.header(
                rx.el.h2("Its life", class_name="card-title"),
                rx.el.span(SCREEN.life_note, ", ", SCREEN.life_zone, class_name="card-note"),
                class_name="card-head",
            ),
            plotly_chart(LIFE_CHART, label=SCREEN.life_label, height=MachinePage.life_height, loading=MachinePage.is_loading),
            class_name="card",
        ),
        rx.el.nav(rx.foreach(SCREEN.months, _month), aria_label="Month", class_name="months"),
        _hours(),
        _why(),
    )


def _tile(tile: Var[Tile]) -> rx.Component:
    return rx.el.div(
        rx.el.dt(tile.label, class_name="tile-label"),
        rx.el.dd(tile.value, class_name="tile-value"),
        rx.el.dd(tile.note, class_name="tile-note"),
        class_name="tile",
    )


def _month(month: Var[MonthLink]) -> rx.Component:
    return rx.link(
        month.label,
        href=month.href,
        title=month.title,
        aria_current=rx.cond(month.is_current, "true", "false"),
        underline="none",
    )


def _hours() -> rx.Component:
    table = rx.el.table(
        rx.el.thead(
            rx.el.tr(
                rx.el.th("Day", scope="col"),
                rx.el.th("Hours 0–24, UTC", scope="col", class_name="strip-head"),
                rx.el.th("Ran", scope="col", class_name="number"),
                rx.el.th("List cost", scope="col", class_name="number"),
            )
        ),
        rx.el.tbody(rx.foreach(SCREEN.days, _day)),
        rx.el.tfoot(
            rx.el.tr(
                rx.el.th(SCREEN.days_total.day, scope="row"),
                rx.el.td(),
                rx.el.td(SCREEN.days_total.hours, class_name="number"),
                rx.el.td(SCREEN.days_total.cost, class_name="number"),
            )
        ),
        class_name="table days-table",
    )
    return rx.el.section(
        rx.el.header(
            rx.el.h2("Hours of ", SCREEN.month_title, class_name="card-title"),
            rx.el.span("minutes run in each hour, ", SCREEN.zone, class_name="card-note"),
            ZoneSwitch.create(minutes=SCREEN.zone_minutes, at=SCREEN.zone_at, href=SCREEN.zone_href),
            class_name="card-head",
        ),
        plotly_chart(HOURS_CHART, label=SCREEN.hours_label, height="200px", loading=MachinePage.is_loading),
        rx.cond(
            SCREEN.days.length() > 0,
            rx.el.div(table, class_name="table-box days-box", tab_index=0, role="region", aria_label="Hours by day"),
            rx.el.p("It did not run in this month.", class_name="muted"),
        ),
        class_name="card",
    )


def _day(day: Var[DayRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.th(day.day, scope="row"),
        rx.el.td(
            rx.el.span(
                rx.el.span(day.strip_text, class_name="visually-hidden"),
                class_name="strip",
                style={"background": day.strip},
                title=day.strip_text,
            )
        ),
        rx.el.td(day.hours, class_name="number"),
        rx.el.td(day.cost, class_name="number"),
    )


def _why() -> rx.Component:
    head = rx.el.thead(
        rx.el.tr(
            rx.el.th("When", scope="col"),
            rx.el.th("What", scope="col"),
            rx.el.th("Quantity × price", scope="col"),
            rx.el.th("List cost", scope="col", class_name="number"),
        )
    )
    total = rx.el.tfoot(
        rx.el.tr(
            rx.el.th("Total", scope="row"),
            rx.el.td(),
            rx.el.td(SCREEN.why_total_exact, class_name="muted"),
            rx.el.td(SCREEN.why_total, class_name="number"),
        )
    )
    return rx.el.section(
        rx.el.header(
            rx.el.h2("Why this amount", class_name="card-title"),
            rx.el.span(SCREEN.why_note, class_name="card-note"),
            class_name="card-head",
        ),
        rx.cond(
            SCREEN.why.length() > 0,
            rx.el.div(
                rx.el.table(head, rx.foreach(SCREEN.why, _why_line), total, class_name="table why-table"),
                class_name="table-box",
                tab_index=0,
                role="region",
                aria_label="Why this amount, as a table",
            ),
            rx.el.p("Nothing was billed in this month.", class_name="muted"),
        ),
        class_name="card",
        custom_attrs={"data-as-of": SCREEN.as_of},
    )


def _why_line(row: Var[WhyRow]) -> rx.Component:
    events = rx.el.details(rx.el.summary("From ", row.events_title), rx.el.ul(rx.foreach(row.events, _event), class_name="event-list"))
    return rx.el.tbody(
        rx.el.tr(
            rx.el.td(row.when),
            rx.el.td(row.what, rx.cond(row.note != "", rx.el.div(row.note, class_name="muted tiny"), rx.fragment())),
            rx.el.td(
                rx.el.span(row.quantity, title=row.base),
                rx.el.span(" × ", class_name="factor"),
                rx.el.span(row.price, class_name="factor", title=row.since),
                class_name="formula",
            ),
            rx.el.td(row.cost, class_name="number", title=row.exact),
        ),
        rx.cond(row.events.length() > 0, rx.el.tr(rx.el.td(events, col_span=4, class_name="why-events")), rx.fragment()),
    )


def _event(event: Var[EventRow]) -> rx.Component:
    return rx.el.li(
        rx.el.time(event.time),
        rx.el.span(event.type, class_name="strong"),
        rx.el.bdi(event.detail),
        rx.el.bdi(event.source, class_name="mono muted"),
    )


def _missing() -> rx.Component:
    missing = MachinePage.missing
    return rx.el.section(
        rx.icon("search-x", size=28, aria_hidden="true"),
        rx.el.h2(missing.title),
        rx.el.p(missing.explanation),
        rx.cond(
            missing.nearest.length() > 0,
            rx.el.ul(rx.foreach(missing.nearest, _near), class_name="nearest", aria_label="Machines with a similar name"),
            rx.fragment(),
        ),
        rx.link("All machines", href=MachinePage.all_href, underline="none", class_name="button button-primary"),
        class_name="card empty",
    )


def _near(step: Var[Step]) -> rx.Component:
    return rx.el.li(rx.link(rx.el.bdi(step.label), href=step.href, title=step.label, underline="none", class_name="link mono"))
