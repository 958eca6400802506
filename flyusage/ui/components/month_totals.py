"""Monthly totals as a chart with the table of the same numbers below it."""

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.plotly_chart import plotly_chart
from flyusage.ui.month_totals import HEIGHT_PX, MonthRow, MonthTotals


def month_totals_card(chart_id: str, totals: Var[MonthTotals], *, is_loading: Var[bool]) -> rx.Component:
    """A card; the page draws the chart called `chart_id` whenever it shows `totals`."""
    head = rx.el.tr(
        rx.el.th("Month", scope="col"),
        rx.el.th("Documents", scope="col"),
        rx.el.th("Tax", scope="col", class_name="number"),
        rx.el.th("Net", scope="col", class_name="number"),
        rx.el.th("Still owed", scope="col", class_name="number"),
    )
    table = rx.el.table(rx.el.thead(head), rx.el.tbody(rx.foreach(totals.rows, _row)), class_name="table money-table two-line month-table")
    return rx.el.section(
        rx.el.header(
            rx.el.h2(totals.title, class_name="card-title"), rx.el.span(totals.note, class_name="card-note"), class_name="card-head"
        ),
        plotly_chart(chart_id, label=totals.label, height=f"{HEIGHT_PX}px", loading=is_loading),
        rx.el.div(table, class_name="table-box days-box", tab_index=0, role="region", aria_label="The same by month, newest first"),
        class_name="card",
        aria_label="Billed by month",
    )


def _row(row: Var[MonthRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.th(row.month, scope="row"),
        rx.el.td(row.documents, class_name="muted"),
        rx.el.td(row.tax, class_name="number muted", title=row.gross),
        rx.el.td(row.net, class_name="number"),
        rx.el.td(row.owed, class_name="number"),
        class_name=rx.cond(row.is_sum, "is-sum", ""),
    )
