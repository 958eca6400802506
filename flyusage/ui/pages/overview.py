"""The overview of an organization (a placeholder in the frame's looks until the real page replaces it)."""

import reflex as rx

from flyusage.ui import browser
from flyusage.ui.components.plotly_chart import ChartPoint, plotly_chart, plotly_map
from flyusage.ui.layout import page

RANKED = (("North America", 100, "$537,263"), ("Europe", 88, "$471,521"), ("Asia", 67, "$358,360"), ("South America", 40, "$212,591"))


class Overview(rx.State):
    clicked: str = ""

    @rx.event
    def load(self):
        days = [f"2026-10-{day:02d}" for day in range(1, 32)]
        line = {"type": "scatter", "uid": "spend", "mode": "lines", "x": days, "y": [day * 77000 for day in range(1, 32)]}
        yield browser.draw("spend", {"data": [line | {"line": {"color": "var(--accent)", "width": 2.5}, "customdata": days}], "layout": {}})
        spots = {"type": "scattergeo", "uid": "regions", "lat": [-23.5, 50, 1.3], "lon": [-46.6, 8.6, 103.8], "text": ["gru", "fra", "sin"], "mode": "markers+text", "textposition": "top center", "marker": {"size": 26, "color": "var(--accent)/0.6", "line": {"color": "var(--surface)", "width": 1}}}
        yield browser.draw("map", {"data": [spots], "layout": {}})

    @rx.event
    def click(self, point: ChartPoint):
        self.clicked = str(point)


def overview() -> rx.Component:
    return page(
        rx.el.div(
            rx.el.section(
                rx.el.p("You have spent", class_name="figure-label"),
                rx.el.p("$1,709,242.10", class_name="figure"),
                rx.el.p("in 22 days; ", rx.el.span("$41,200 more", class_name="up strong"), " than a steady month, and app_22 in gru explains 54 % of it", class_name="muted small"),
                plotly_chart("spend", label="Spend so far", height="220px", on_point=Overview.click),
                class_name="card",
            ),
            rx.el.section(
                rx.el.div(rx.el.h2("Spend by region, October so far", class_name="card-title"), rx.el.span("area = dollars", class_name="card-note"), class_name="card-head"),
                plotly_map("map", label="Spend by region", height="270px", on_point=Overview.click),
                class_name="card",
            ),
            class_name="columns-wide",
        ),
        rx.el.div(
            *[
                rx.el.section(
                    rx.el.h2(title, class_name="card-title"),
                    rx.el.div(*[rx.el.a(rx.el.span(name, class_name="cut"), rx.el.span(rx.el.span(style={"width": f"{share}%"}), class_name="ranked-bar"), rx.el.span(amount, class_name="number"), href="#") for name, share, amount in RANKED], class_name="ranked"),
                    class_name="card",
                )
                for title in ("By continent", "By app", "By VM size")
            ],
            class_name="columns",
        ),
        rx.el.p(Overview.clicked, id="clicked", class_name="tiny muted"),
        title="October so far",
        note="2026 · all times UTC",
        actions=rx.fragment(rx.el.a("September invoice (PDF)", class_name="button"), rx.el.a("Open explorer", class_name="button button-primary")),
    )
