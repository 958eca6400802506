// The world map; its Plotly build is asked for only by pages that show one.
import { chartOver } from "$/flyusage/chart";

const plotly = typeof window === "undefined" ? null : import("plotly.js-geo-dist-min");

export const PlotlyMap = chartOver(() => plotly);
