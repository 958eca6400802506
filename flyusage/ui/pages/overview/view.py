"""The overview's page: the answer in a sentence, what changed, where on the map, and what it is made of."""

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.copy_button import command_block, command_line
from flyusage.ui.components.empty import empty_state
from flyusage.ui.components.phases import failed
from flyusage.ui.components.plotly_chart import plotly_chart
from flyusage.ui.components.ranked import ranked_bars
from flyusage.ui.layout import OrganizationLink, page
from flyusage.ui.pages.overview.first_events import OPERATOR_COMMANDS
from flyusage.ui.pages.overview.rows import ChangedRow, Fact, Phrase, Pinned, Ranking
from flyusage.ui.pages.overview.state import MAP_CHART, MONTH_CHART, Overview

SCREEN = Overview.screen


def overview() -> rx.Component:
    """The whole page."""
    return page(
        rx.match(
            Overview.phase,
            ("ready", _ready()),
            ("empty", _empty()),
            ("failed", failed("The overview could not be read", Overview.problem, Overview.load)),
            _skeleton(),
        ),
        title=rx.cond(Overview.phase == "ready", SCREEN.title, "Overview"),
        note=rx.cond(Overview.phase == "ready", SCREEN.note, ""),
        actions=rx.cond(
            Overview.phase == "ready",
            rx.link("Open explorer", href=SCREEN.explorer_href, underline="none", class_name="button button-primary"),
            rx.fragment(),
        ),
    )


def _ready() -> rx.Component:
    return rx.fragment(
        _history(),
        rx.foreach(
            SCREEN.notices,
            lambda notice: rx.el.p(rx.icon("info", aria_hidden="true"), rx.el.span(notice), class_name="notice", role="status"),
        ),
        rx.el.div(_answer(), _changed(), _map(), class_name="overview-top"),
        rx.cond(Overview.pinned.length() > 0, _pinned(), rx.fragment()),
        rx.el.div(
            _ranking("By continent", SCREEN.continents),
            _ranking("By region", SCREEN.regions),
            _ranking("By app", SCREEN.apps),
            _ranking("By VM size", SCREEN.sizes),
            rx.cond(SCREEN.centres.rows.length() > 0, _ranking("By cost centre", SCREEN.centres), rx.fragment()),
            _facts(),
            class_name="columns overview-parts",
        ),
    )


def _history() -> rx.Component:
    """Older history on its way, while recent days already stand."""
    progress = rx.el.div(
        rx.el.progress(value=SCREEN.history_percent, max="100", aria_label="Older history loaded"),
        rx.el.span(SCREEN.history_text),
        class_name="notice is-quiet",
        role="status",
    )
    return rx.cond(SCREEN.history_text != "", progress, rx.fragment())


def _answer() -> rx.Component:
    return rx.el.section(
        rx.el.h2(
            rx.el.span(SCREEN.lead, class_name="figure-label"),
            rx.el.span(SCREEN.spent, class_name="figure"),
            class_name="answer-figure",
        ),
        rx.el.p(rx.foreach(SCREEN.sentence, _phrase), class_name="answer-sentence"),
        plotly_chart(MONTH_CHART, label=SCREEN.chart_label, height="216px", loading=Overview.is_loading),
        rx.cond(
            SCREEN.projected != "",
            rx.el.p(rx.el.span(SCREEN.projected, class_name="strong"), " ", SCREEN.method, class_name="answer-method"),
            rx.fragment(),
        ),
        class_name="card answer",
        aria_label="What was spent",
        custom_attrs={"data-month": SCREEN.month, "data-as-of": SCREEN.as_of},
    )


def _phrase(phrase: Var[Phrase]) -> rx.Component:
    return rx.cond(
        phrase.href != "",
        rx.link(
            rx.el.bdi(phrase.text),
            href=phrase.href,
            title=phrase.title,
            underline="none",
            class_name="answer-name link",
        ),
        rx.cond(
            phrase.tone == "same",
            rx.el.span(phrase.text),
            rx.el.span(phrase.text, title=phrase.title, class_name="strong " + phrase.tone),
        ),
    )


def _changed() -> rx.Component:
    table = rx.el.div(
        rx.el.table(
            rx.el.thead(
                rx.el.tr(
                    rx.el.th("What", scope="col"),
                    rx.el.th("Why", scope="col", class_name="why"),
                    rx.el.th("Machines", scope="col", class_name="number wide"),
                    rx.el.th("Before", scope="col", class_name="number wide"),
                    rx.el.th("Change", scope="col", class_name="number"),
                    rx.el.th("in %", scope="col", class_name="number wide"),
                    rx.el.th("", scope="col", class_name="bar", aria_hidden="true"),
                )
            ),
            rx.el.tbody(
                rx.foreach(SCREEN.changed, _changed_row),
                rx.cond(SCREEN.everything_else.label != "", _changed_row(SCREEN.everything_else)),
            ),
            rx.el.tfoot(_changed_row(SCREEN.changed_total)),
            class_name="table changed-table two-line",
        ),
        class_name="table-box",
        tab_index=0,
        role="region",
        aria_label="What changed, as a table",
    )
    return rx.el.section(
        rx.el.header(
            rx.el.h2("What changed most", class_name="card-title"),
            rx.el.span(SCREEN.changed_note, class_name="card-note"),
            class_name="card-head",
        ),
        rx.cond(SCREEN.changed_total.label != "", table, rx.fragment()),
        class_name="card changes-card",
        aria_label="What changed most",
    )


def _changed_row(row: Var[ChangedRow] | ChangedRow) -> rx.Component:
    name = (
        rx.el.bdi(row.label, class_name="changed-name"),
        rx.cond(row.where != "", rx.el.span(" ", row.where, class_name="muted")),
    )
    return rx.el.tr(
        rx.el.th(
            rx.cond(row.href != "", rx.link(*name, href=row.href, underline="none"), rx.el.span(*name)),
            scope="row",
            title=row.title,
        ),
        rx.el.td(row.words, class_name="why muted", title=row.split),
        rx.el.td(row.machines, class_name="number wide"),
        rx.el.td(row.before, class_name="number wide muted"),
        rx.el.td(row.difference, class_name="number strong " + row.tone),
        rx.el.td(row.percent, class_name="number wide muted"),
        rx.el.td(
            rx.el.span(
                rx.el.span(style={"width": row.bar}, class_name="is-" + row.tone),
                class_name=rx.cond(row.bar != "", "changed-bar", ""),
            ),
            class_name="bar",
            aria_hidden="true",
        ),
    )


def _map() -> rx.Component:
    return rx.el.section(
        rx.el.header(
            rx.el.h2(SCREEN.map_title, class_name="card-title"),
            rx.el.span("area = dollars", class_name="card-note"),
            rx.cond(
                Overview.zoomed_to.length() > 0,
                rx.el.button(
                    "Whole world",
                    type="button",
                    class_name="button button-quiet card-actions",
                    on_click=Overview.show_world,
                ),
                rx.fragment(),
            ),
            class_name="card-head",
        ),
        plotly_chart(
            MAP_CHART,
            label=SCREEN.map_label,
            height="300px",
            loading=Overview.is_loading,
            on_point=Overview.follow_region,
        ),
        class_name="card map-card",
    )


def _pinned() -> rx.Component:
    return rx.el.section(
        rx.el.header(
            rx.el.h2("Saved views", class_name="card-title"),
            OrganizationLink.create("All of them", to="/views", class_name="link small"),
            class_name="card-head",
        ),
        rx.el.ul(rx.foreach(Overview.pinned, _tile), class_name="pinned"),
        class_name="pinned-views",
        aria_label="Saved views",
    )


def _tile(tile: Var[Pinned]) -> rx.Component:
    line = rx.el.svg(
        rx.el.svg.path(
            d=tile.line, fill="none", stroke="var(--accent)", stroke_width="1.5", stroke_linecap="round", vector_effect="non-scaling-stroke"
        ),
        view_box="0 0 220 44",
        preserve_aspect_ratio="none",
        aria_hidden="true",
        class_name="pinned-line",
    )
    return rx.el.li(
        rx.el.h3(rx.link(rx.el.bdi(tile.name), href=tile.href, underline="none", class_name="link"), class_name="pinned-name"),
        rx.el.p(
            tile.figure, rx.cond(tile.unit != "", rx.el.span(" ", tile.unit, class_name="unit"), rx.fragment()), class_name="pinned-figure"
        ),
        rx.cond(tile.change != "", rx.el.p(tile.change, class_name="small strong " + tile.tone), rx.fragment()),
        rx.el.p(rx.el.bdi(tile.shows), class_name="pinned-shows"),
        rx.cond(
            tile.line != "",
            rx.el.div(line, rx.el.span(tile.line_label, class_name="pinned-axis"), class_name="pinned-course"),
            rx.fragment(),
        ),
        class_name="card pinned-tile",
    )


def _ranking(title: str, ranking: Var[Ranking]) -> rx.Component:
    return ranked_bars(title, ranking.rows, more=ranking.more, more_href=ranking.href, empty="Nothing was spent.")


def _facts() -> rx.Component:
    return rx.el.section(
        rx.el.header(rx.el.h2("Right now", class_name="card-title"), class_name="card-head"),
        rx.el.dl(rx.foreach(SCREEN.facts, _fact), class_name="facts"),
        class_name="card",
        aria_label="Right now, and how sound the data is",
    )


def _fact(fact: Var[Fact]) -> rx.Component:
    return rx.el.div(
        rx.el.dt(fact.label),
        rx.el.dd(
            rx.cond(fact.href != "", rx.link(fact.value, href=fact.href, class_name="link"), rx.el.span(fact.value)),
            class_name="fact-value",
        ),
        rx.cond(fact.detail != "", rx.el.dd(fact.detail, class_name="fact-detail"), rx.fragment()),
        custom_attrs={"data-tone": fact.tone},
    )


def _empty() -> rx.Component:
    first = Overview.first
    asked = empty_state(
        "No events yet",
        f"What {first.organization} spends appears here by itself, seconds after its first event. Ask an owner or a developer of it to send some.",
    )
    operated = empty_state(
        "No events yet",
        "This organization's spend appears here seconds after its first usage events are ingested. "
        "Load a file of events, or fill the demonstration:",
        commands=OPERATOR_COMMANDS,
    )
    return rx.fragment(rx.match(first.kind, ("send", _first_events()), ("operate", operated), asked))


def _first_events() -> rx.Component:
    """The way from an empty organization to its first numbers, for who may make the token that it takes."""
    first = Overview.first
    make = rx.el.li(
        rx.el.p("Make a token that may ", rx.el.code("events.write"), ", and paste it where this waits for it:"),
        command_line("read -rs FLYUSAGE_TOKEN"),
        OrganizationLink.create("Make a token", to="/tokens", class_name="button button-primary"),
    )
    send = rx.el.li(
        rx.el.p("Send two events: a machine that ran for the last hour, some cents by list prices."),
        command_block(first.request, "The request"),
    )
    own = rx.el.p(
        "With the command line installed: sign it in, then send a file of your own. ",
        rx.el.a("What an event holds", href="/api/docs", reload_document=True, class_name="link"),
    )
    return rx.el.section(
        rx.el.header(
            rx.el.h2("Send the first events", class_name="first-title"),
            rx.el.p(
                "What ", rx.el.bdi(first.organization), " spends appears here by itself, seconds after they are in.", class_name="muted"
            ),
        ),
        rx.el.ol(make, send, class_name="first-steps"),
        rx.el.div(own, rx.foreach(first.commands, command_line), class_name="first-own"),
        rx.el.p(
            rx.el.span(class_name="fresh-dot", aria_hidden="true"), "Waiting for the first event", role="status", class_name="first-wait"
        ),
        class_name="card first-events",
    )


def _skeleton() -> rx.Component:
    """The page's shape while the first answer is on its way; it shows after 150 ms."""
    return rx.el.div(
        rx.el.span("Loading the overview", class_name="visually-hidden", role="status"),
        rx.el.div(
            *[rx.el.div(class_name=f"card skeleton-card {name}") for name in ("answer", "changes-card", "map-card")],
            class_name="overview-top",
        ),
        rx.el.div(*[rx.el.div(class_name="card skeleton-card is-part") for _ in range(6)], class_name="columns overview-parts"),
        class_name="waiting",
        aria_busy="true",
    )
