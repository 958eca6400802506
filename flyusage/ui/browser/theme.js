// Figures name colours by token; here they become the colours of the theme that the page shows:
// "var(--s1)", "var(--s1)/0.4" (see-through), "mix(var(--s1),var(--surface),0.4)" (40 % of one over the other).
const TOKEN = /^var\((--[\w-]+)\)(?:\/([\d.]+))?$/;
const MIX = /^mix\(([^,]+),([^,]+),([\d.]+)\)$/;

// The build shortens #ffffff to #fff.
const channels = (hex) => {
  const digits = hex.length === 4 ? [...hex.slice(1)].map((digit) => digit + digit).join("") : hex.slice(1);
  return [0, 2, 4].map((at) => parseInt(digits.slice(at, at + 2), 16));
};

const colourOf = (style, text) => {
  const mixed = MIX.exec(text);
  if (mixed) {
    const [top, below] = [mixed[1], mixed[2]].map((each) => channels(colourOf(style, each.trim())));
    const share = Number(mixed[3]);
    return `rgb(${top.map((channel, at) => Math.round(share * channel + (1 - share) * below[at])).join()})`;
  }
  const token = TOKEN.exec(text);
  if (!token) return text;
  const value = style.getPropertyValue(token[1]).trim();
  return token[2] === undefined ? value : `rgba(${channels(value).join()},${token[2]})`;
};

const painted = (style, value) => {
  if (typeof value === "string") return colourOf(style, value);
  return Array.isArray(value) ? value.map((item) => painted(style, item)) : value;
};

// Only keys that hold colours are looked at: names and labels come in with events and are shown as they are.
const isColour = (key) => /color/i.test(key);

const resolve = (style, value, key = "") => {
  if (isColour(key)) return painted(style, value);
  if (Array.isArray(value)) {
    return typeof value[0] === "object" ? value.map((item) => resolve(style, item)) : value;
  }
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, resolve(style, item, name)]));
  }
  return value;
};

const merged = (under, over) => {
  const result = { ...under };
  for (const [key, value] of Object.entries(over ?? {})) {
    const both = value && under?.[key] && typeof value === "object" && !Array.isArray(value);
    result[key] = both ? merged(under[key], value) : value;
  }
  return result;
};

const AXIS = {
  showline: false,
  zeroline: false,
  gridcolor: "var(--line)",
  tickcolor: "var(--line-strong)",
  tickfont: { color: "var(--ink-3)", size: 12 },
  title: { font: { color: "var(--ink-3)", size: 12 } },
  automargin: true,
};

const LAYOUT = {
  paper_bgcolor: "rgba(0,0,0,0)",
  plot_bgcolor: "rgba(0,0,0,0)",
  margin: { l: 8, r: 8, t: 8, b: 8 },
  autosize: true,
  showlegend: false,
  dragmode: "zoom",
  hovermode: "x unified",
  hoverlabel: { bgcolor: "var(--surface)", bordercolor: "var(--line-strong)", font: { color: "var(--ink)", size: 12 } },
  selectdirection: "h",
};

const DEFAULT_AXES = {
  xaxis: { ...AXIS, showgrid: false, ticks: "outside", ticklen: 4 },
  yaxis: { ...AXIS, fixedrange: true, nticks: 6 },
};

/** What every chart is drawn with: our own tools only. */
export const DOUBLE_CLICK_MS = 500; // as systems have it; Plotly's own 300 are short for a slow hand, or a busy machine
export const CONFIG = {
  displayModeBar: false, responsive: false, showTips: false, doubleClick: "autosize", doubleClickDelay: DOUBLE_CLICK_MS,
};

const axesOf = (layout) => {
  const names = new Set(["xaxis", "yaxis", ...Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))]);
  return Object.fromEntries([...names].map((name) => [name, DEFAULT_AXES[name.slice(0, 5)]]));
};

/** `figure` with our defaults under it and its tokens resolved; the reader's zoom stays while `uirevision` does. */
export const themed = (figure, id) => {
  const style = getComputedStyle(document.documentElement);
  const layout = figure.layout ?? {};
  const under = {
    ...LAYOUT,
    font: { family: style.getPropertyValue("--font").trim(), size: 12, color: "var(--ink-2)" },
    uirevision: id,
    ...axesOf(layout),
  };
  return {
    data: resolve(style, figure.data ?? []),
    layout: resolve(style, merged(under, layout)),
    config: { ...CONFIG, ...figure.config },
  };
};
