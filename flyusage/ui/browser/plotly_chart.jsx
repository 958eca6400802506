// Lines, areas, bars and pies. The module asks for Plotly as soon as its page does, while the page itself still mounts.
import { chartOver } from "$/flyusage/chart";

const plotly = typeof window === "undefined" ? null : import("plotly.js-basic-dist-min");

export const PlotlyChart = chartOver(() => plotly);
