"""The explorer's page: a sentence of menus, chips, headline numbers, one chart, the table of the same numbers."""

import reflex as rx
from reflex.vars import Var
from reflex_base.utils.format import format_event_handler

from flyusage.ui import browser
from flyusage.ui.components.home_link import home_link
from flyusage.ui.components.phases import comes_back
from flyusage.ui.components.plotly_chart import plotly_chart
from flyusage.ui.components.view_link import view_link
from flyusage.ui.components.zone_switch import ZoneSwitch
from flyusage.ui.layout import page
from flyusage.ui.pages.explorer.filters import filter_bar
from flyusage.ui.pages.explorer.range_menu import range_menu
from flyusage.ui.pages.explorer.state import CHART_ID, Explorer
from flyusage.ui.pages.explorer.table import usage_table
from flyusage.ui.pages.views.view import views_menu


def explorer() -> rx.Component:
    """The whole page."""
    is_waiting = Explorer.chart_title == ""
    return page(
        rx.cond(
            Explorer.problem_title != "",
            _problem(),
            rx.el.div(
                _crumbs(),
                _sentence(),
                filter_bar(),
                _notices(),
                _tiles(),
                rx.el.p(Explorer.status, class_name="status-line", role="status"),
                _chart_card(),
                rx.el.div(usage_table(), _changed(), class_name="explorer-split"),
                class_name=rx.cond(is_waiting, "explorer is-waiting", "explorer"),
                aria_busy=is_waiting,
                custom_attrs={"data-prepare": format_event_handler(Explorer.prepare)},
            ),
        ),
        title="Explorer",
        note=Explorer.page_note,
        actions=_actions(),
    )


def _crumbs() -> rx.Component:
    """The way back up, once the view is somewhere down."""
    return rx.cond(
        Explorer.crumbs.length() > 1,
        rx.el.nav(
            rx.el.ol(
                rx.foreach(
                    Explorer.crumbs,
                    lambda crumb: rx.el.li(
                        rx.cond(
                            crumb.is_last,
                            rx.el.span(crumb.label, aria_current="page"),
                            view_link(crumb.label, href=crumb.href),
                        )
                    ),
                )
            ),
            aria_label="Where you are",
            class_name="crumbs",
        ),
    )


def word_menu(name: str, word: Var) -> rx.Component:
    """A word of the sentence: a menu whose entries are addresses."""
    return rx.menu.root(
        rx.menu.trigger(
            rx.el.button(
                rx.el.span(name, class_name="sr-only"),
                rx.el.span(word.label),
                rx.icon("chevron-down", size=14, aria_hidden="true"),
                class_name="word",
                type="button",
            )
        ),
        rx.menu.content(
            rx.foreach(
                word.choices,
                lambda choice: rx.menu.item(
                    rx.icon(
                        "check", size=14, class_name=rx.cond(choice.is_current, "choice-mark", "choice-mark is-off"), aria_hidden="true"
                    ),
                    rx.el.span(choice.label),
                    rx.el.span(choice.hint, class_name="choice-hint"),
                    on_select=browser.go(choice.href),
                    aria_current=rx.cond(choice.is_current, "true", "false"),
                    custom_attrs={"data-view": choice.href},
                ),
            ),
            class_name="word-menu",
        ),
        modal=False,
    )


def _sentence() -> rx.Component:
    return rx.el.div(
        rx.el.span("Show"),
        word_menu("Measure:", Explorer.show),
        rx.el.span("by"),
        word_menu("Group by:", Explorer.by),
        rx.el.span("as"),
        word_menu("Chart:", Explorer.drawn_as),
        rx.el.span("for"),
        range_menu(),
        rx.el.span("per"),
        word_menu("Granularity:", Explorer.per),
        rx.el.span("compared with"),
        word_menu("Comparison:", Explorer.versus),
        class_name="sentence",
        role="group",
        aria_label="What is shown",
    )


def _notices() -> rx.Component:
    return rx.foreach(
        Explorer.notices,
        lambda notice: rx.el.p(rx.icon("info", size=14, aria_hidden="true"), notice, class_name="notice", role="status"),
    )


def _tiles() -> rx.Component:
    return rx.el.dl(
        rx.foreach(
            Explorer.tiles,
            lambda tile: rx.el.div(
                rx.el.dt(tile.label),
                rx.el.dd(tile.value, class_name="tile-value"),
                rx.el.dd(tile.note, class_name="tile-note"),
                class_name="tile",
            ),
        ),
        class_name="tiles card",
    )


def _chart_card() -> rx.Component:
    return rx.el.section(
        rx.el.header(
            rx.el.h2(Explorer.chart_title, " ", rx.el.span(Explorer.chart_unit, class_name="unit")),
            rx.cond(
                Explorer.is_empty,
                rx.fragment(),
                rx.el.p(Explorer.chart_hint, class_name="chart-hint"),
            ),
            ZoneSwitch.create(minutes=Explorer.zone_minutes, at=Explorer.zone_at, href=Explorer.zone_href),
            class_name="card-head",
        ),
        rx.cond(
            Explorer.is_empty,
            rx.el.div(
                rx.icon("chart-no-axes-column", size=28, aria_hidden="true"),
                rx.el.h3(Explorer.empty_title),
                rx.el.p(Explorer.empty_next),
                rx.cond(Explorer.empty_href != "", view_link(Explorer.empty_action, href=Explorer.empty_href, class_name="button")),
                class_name="empty",
            ),
            plotly_chart(
                CHART_ID,
                label=Explorer.chart_label,
                height="380px",
                on_point=Explorer.follow_point,
                on_range=Explorer.brush,
                on_reset=Explorer.zoom_out,
            ),
        ),
        rx.cond(Explorer.asides.length() > 0, _asides(), rx.fragment()),
        class_name="card chart-card",
        aria_label=Explorer.chart_title,
    )


def _asides() -> rx.Component:
    """What is drawn beside the usage, in words."""
    return rx.el.ul(
        rx.foreach(
            Explorer.asides,
            lambda one: rx.el.li(
                rx.match(
                    one.kind,
                    ("budget", rx.icon("piggy-bank", size=14, aria_hidden="true")),
                    ("forecast", rx.icon("trending-up", size=14, aria_hidden="true")),
                    rx.icon("bell-ring", size=14, aria_hidden="true"),
                ),
                rx.cond(
                    one.href != "",
                    rx.link(rx.el.bdi(one.label), href=one.href, class_name="link"),
                    rx.el.span(one.label, class_name="strong"),
                ),
                rx.el.span(one.text, class_name="muted"),
            ),
        ),
        class_name="asides",
        aria_label="Budgets, forecast and what was not usual",
    )


def _changed() -> rx.Component:
    return rx.el.aside(
        rx.el.h2("What changed"),
        rx.el.p(Explorer.changed_summary, class_name="muted"),
        rx.el.ul(
            rx.foreach(
                Explorer.changed,
                lambda row: rx.el.li(
                    rx.el.div(
                        rx.cond(
                            row.href != "",
                            view_link(row.label, href=row.href, title=row.title, class_name="change-name"),
                            rx.el.span(row.label, class_name="change-name"),
                        ),
                        rx.el.span(row.difference, class_name="money tone-" + row.tone),
                        class_name="change-head",
                    ),
                    rx.el.p(row.words, class_name="muted", title=row.split),
                    rx.el.div(
                        rx.el.div(style={"width": row.width}, class_name="meter-fill tone-" + row.tone),
                        class_name="meter",
                        aria_hidden="true",
                    ),
                ),
            ),
            class_name="changes",
        ),
        class_name="card changed",
        aria_label="What changed",
    )


def _problem() -> rx.Component:
    """No such organization, or the question failed: what happened and what to do."""
    return rx.el.section(
        rx.icon("search-x", size=28, aria_hidden="true"),
        rx.el.h2(Explorer.problem_title),
        rx.el.p(Explorer.problem_next),
        comes_back(Explorer.problem_next),
        home_link("Open the overview", class_name="button"),
        class_name="card empty",
    )


def _actions() -> rx.Component:
    return rx.fragment(
        rx.el.span(rx.el.kbd("?"), " keys", class_name="key-hint"),
        views_menu(),
        rx.menu.root(
            rx.menu.trigger(rx.el.button("Copy as…", class_name="button", type="button")),
            rx.menu.content(
                rx.menu.item("Link to this view, as of now", on_select=rx.set_clipboard(Explorer.pinned_link)),
                rx.menu.item("Command line", on_select=rx.set_clipboard(Explorer.command)),
                rx.menu.item("curl, for the API", on_select=rx.set_clipboard(Explorer.curl)),
                class_name="word-menu",
            ),
            modal=False,
        ),
        rx.menu.root(
            rx.menu.trigger(rx.el.button("Export", class_name="button", type="button")),
            rx.menu.content(
                rx.menu.item(rx.el.a("Numbers, exact (CSV)", href=Explorer.csv_href, download=True, reload_document=True), as_child=True),
                rx.menu.item("Picture (PNG)", on_select=Explorer.save_picture("png")),
                rx.menu.item("Picture (SVG)", on_select=Explorer.save_picture("svg")),
                class_name="word-menu",
            ),
            modal=False,
        ),
    )
