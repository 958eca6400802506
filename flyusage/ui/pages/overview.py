"""The overview of an organization (placeholder until the real one replaces it)."""

import reflex as rx

from flyusage.ui import browser
from flyusage.ui.components.plotly_chart import ChartPoint, plotly_chart
from flyusage.ui.layout import page


class Overview(rx.State):
    clicked: str = ""

    @rx.event
    def load(self):
        data = [{"type": "scatter", "uid": f"s{n}", "name": f"series {n}", "x": [1, 2, 3], "y": [n, n + 1, n], "stackgroup": "one", "line": {"width": 0}, "fillcolor": f"var(--s{n})", "customdata": ["a", "b", "c"]} for n in range(1, 4)]
        yield browser.draw("spend", {"data": data, "layout": {}})
        yield browser.toast("info", "Loaded")

    @rx.event
    def click(self, point: ChartPoint):
        self.clicked = str(point)


def overview() -> rx.Component:
    return page(
        rx.el.section(plotly_chart("spend", label="Spend", on_point=Overview.click), class_name="card"),
        rx.el.p(Overview.clicked, id="clicked"),
        title="Overview",
    )
