"""The table of the same numbers as the chart: search, sort, pages, a total row."""

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.view_link import view_link
from flyusage.ui.pages.explorer.state import CHART_ID, Explorer


def usage_table() -> rx.Component:
    """Rows lead down; pointing at one lights its series up in the chart."""
    return rx.el.section(
        rx.el.header(
            rx.el.h2(Explorer.table_title),
            rx.el.input(
                type="search",
                placeholder="Search",
                aria_label="Search the table",
                default_value=Explorer.find,
                on_change=Explorer.search_table.debounce(150),
                class_name="table-search",
            ),
            class_name="card-head",
        ),
        rx.el.div(
            rx.el.table(
                rx.el.caption(Explorer.chart_title, ", ", Explorer.span.label, ", UTC", class_name="sr-only"),
                rx.el.thead(rx.el.tr(*_headings())),
                rx.el.tbody(rx.foreach(Explorer.rows, _row)),
                rx.el.tfoot(_total()),
                class_name="usage-table",
            ),
            class_name="table-box",
            tab_index=0,
            role="region",
            aria_label="Table",
        ),
        _pages(),
        class_name="card table-card",
    )


def _headings() -> list[rx.Component]:
    return [
        _sortable("name", Explorer.group_title, ""),
        rx.el.th(Explorer.span.label, scope="col", class_name="spark-col"),
        _sortable("value", Explorer.value_title, "num"),
        rx.el.th("Share", scope="col", class_name="num share-col"),
        rx.cond(Explorer.is_compared, _sortable("change", "Change", "num")),
        rx.cond(Explorer.has_per_hour, rx.el.th("Per machine-hour", scope="col", class_name="num wide-col")),
    ]


def _sortable(key: str, label: str | Var[str], kind: str) -> rx.Component:
    is_sorted = Explorer.sort_key == key
    return rx.el.th(
        rx.el.button(
            label,
            rx.cond(
                is_sorted, rx.icon(tag="arrow-down", size=12, class_name=rx.cond(Explorer.is_ascending, "flip", ""), aria_hidden="true")
            ),
            type="button",
            on_click=Explorer.sort_by(key),
        ),
        scope="col",
        class_name=kind,
        aria_sort=rx.cond(is_sorted, rx.cond(Explorer.is_ascending, "ascending", "descending"), "none"),
    )


def _row(row: Var) -> rx.Component:
    return rx.el.tr(
        rx.el.th(
            rx.el.span(style={"background": row.mark}, class_name=rx.cond(row.mark == "", "swatch is-none", "swatch"), aria_hidden="true"),
            rx.cond(
                row.href == "",
                rx.el.bdi(row.label, title=row.title),
                view_link(rx.el.bdi(row.label), href=row.href, title=row.title),
            ),
            rx.el.span(row.detail, class_name="detail"),
            scope="row",
        ),
        rx.el.td(
            rx.el.svg(
                rx.el.svg.path(
                    d=row.spark,
                    fill="none",
                    stroke=rx.cond(row.mark == "", "var(--ink-3)", row.mark),
                    stroke_width="1.5",
                    stroke_linecap="round",
                    vector_effect="non-scaling-stroke",
                ),
                view_box="0 0 104 22",
                preserve_aspect_ratio="none",
                aria_hidden="true",
                class_name="spark",
            ),
            class_name="spark-col",
        ),
        rx.el.td(row.value, _was(row), class_name="num"),
        rx.el.td(row.share, class_name="num share-col"),
        rx.cond(
            Explorer.is_compared, rx.el.td(row.change, rx.el.span(row.percent, class_name="percent"), class_name="num tone-" + row.tone)
        ),
        rx.cond(Explorer.has_per_hour, rx.el.td(row.per_hour, class_name="num wide-col muted")),
        custom_attrs={"data-chart": CHART_ID, "data-series": row.key},
    )


def _was(row: Var) -> rx.Component:
    """What the compared period came to, below the value."""
    return rx.cond(Explorer.is_compared, rx.el.span("was ", row.before, class_name="was"))


def _total() -> rx.Component:
    total = Explorer.total_row
    return rx.el.tr(
        rx.el.th(total.label, rx.el.span(total.detail, class_name="detail"), scope="row"),
        rx.el.td(class_name="spark-col"),
        rx.el.td(total.value, _was(total), class_name="num"),
        rx.el.td(total.share, class_name="num share-col"),
        rx.cond(
            Explorer.is_compared,
            rx.el.td(total.change, rx.el.span(total.percent, class_name="percent"), class_name="num tone-" + total.tone),
        ),
        rx.cond(Explorer.has_per_hour, rx.el.td(total.per_hour, class_name="num wide-col muted")),
    )


def _pages() -> rx.Component:
    return rx.el.footer(
        rx.el.p(Explorer.rows_note, class_name="muted", role="status"),
        rx.cond(
            Explorer.page_count > 1,
            rx.el.div(
                rx.el.button(
                    "Previous", type="button", class_name="button", disabled=Explorer.page_number == 1, on_click=Explorer.turn_page(-1)
                ),
                rx.el.span(Explorer.page_number, " of ", Explorer.page_count),
                rx.el.button(
                    "Next",
                    type="button",
                    class_name="button",
                    disabled=Explorer.page_number == Explorer.page_count,
                    on_click=Explorer.turn_page(1),
                ),
                class_name="pager",
            ),
        ),
        class_name="table-foot",
    )
