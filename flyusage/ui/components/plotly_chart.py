"""Charts: Plotly figures as plain dicts, drawn with the page's tokens, clicks given back as plain values."""

from typing import TypedDict

import reflex as rx
from reflex.event import EventHandler
from reflex.vars import Var
from reflex_base.event import no_args_event_spec, passthrough_event_spec


class ChartPoint(TypedDict):
    """What was clicked. Comes from the browser, so a handler parses it before use.

    `series` is the trace's `uid` (the series' key), `customdata` whatever the figure put there for the point.
    """

    series: str
    name: str
    x: str | float | None
    y: float | str | None
    z: float | None
    label: str | None
    location: str | None
    index: int | None
    customdata: object


class ChartRange(TypedDict):
    """A brushed stretch of the x axis, as Plotly writes dates (`2026-10-01 04:12:33.1`), start before end."""

    start: str
    end: str


class PlotlyChart(rx.Component):
    """The chart itself; pages use `plotly_chart`."""

    library = "$/flyusage/plotly_chart"
    tag = "PlotlyChart"
    # Lines, areas, bars: a quarter of the full Plotly. The treemap, the heat map and the map are drawn from these too.
    lib_dependencies: list[str] = ["plotly.js-basic-dist-min@4.1.1"]

    figure: Var[dict]
    label: Var[str]
    height: Var[str]
    loading: Var[bool]

    on_point: EventHandler[passthrough_event_spec(ChartPoint)]
    on_range: EventHandler[passthrough_event_spec(ChartRange)]
    on_reset: EventHandler[no_args_event_spec]
    on_legend: EventHandler[passthrough_event_spec(str)]


def plotly_chart(id: str, *, label: str | Var[str], height: str = "320px", **props: object) -> rx.Component:
    """A chart. Fill it with `browser.draw(id, figure)` from a handler, or with the `figure` prop.

    `label` is read aloud in its place. `loading` dims it after 150 ms; `on_point`, `on_range` (a brush), `on_reset`
    (double click) and `on_legend` give plain values. Elements with `data-chart=id` and `data-series=uid` light up their
    series while pointed at or focused.
    """
    return PlotlyChart.create(id=id, label=label, height=height, **props)
