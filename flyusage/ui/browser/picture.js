// A chart over time as a picture, drawn in a tenth of the time that Plotly takes to lay out all that answers to the pointer. It is on
// the screen with the click; Plotly's drawing, the same to the pixel, takes its place a moment later.
import { make, wordsOf } from "$/flyusage/words";

const CLEAR = "rgba(0,0,0,0)";
const LABEL_STANDOFF_PX = 7; // value labels from the plot: the figure's 6, and the pixel where Plotly's axes stand
const TICK_PX = 4;
const LABEL_BASE_PX = 19.4; // time labels' first line below the plot
const LINE_EM = 1.3;
const VALUE_BASE_PX = 4.2;
const DAY_MS = 86_400_000;
const NAMES = new Intl.DateTimeFormat("en", { month: "short", timeZone: "UTC" });

const momentOf = (text) => Date.parse(`${text.replace(" ", "T")}${text.length > 10 ? "" : "T00:00"}Z`);

const ARRAYS = { f4: Float32Array, f8: Float64Array };

const valuesOf = ({ dtype, bdata }) => {
  const packed = atob(bdata);
  const bytes = new Uint8Array(packed.length);
  for (let at = 0; at < packed.length; at += 1) bytes[at] = packed.charCodeAt(at);
  return new ARRAYS[dtype](bytes.buffer);
};

const twoDigits = (number) => String(number).padStart(2, "0");

const PARTS = {
  "%b": (at) => NAMES.format(at),
  "%-d": (at) => at.getUTCDate(),
  "%Y": (at) => at.getUTCFullYear(),
  "%H": (at) => twoDigits(at.getUTCHours()),
  "%M": (at) => twoDigits(at.getUTCMinutes()),
};

/** [moment, lines] of the time axis; a second line is said where it changes. Null where the axis is none of ours. */
const timeTicks = (axis, [start, end]) => {
  if (axis.tickmode === "array") {
    return axis.tickvals.map((at, place) => [momentOf(at), axis.ticktext[place].split("<br>")]);
  }
  if (axis.tickmode !== "linear" || !axis.tickformat || !/^(?:%b|%-d|%Y|%H|%M|[ :\n])+$/.test(axis.tickformat)) return null;
  const ticks = [];
  const months = typeof axis.dtick === "string" ? Number(axis.dtick.slice(1)) : 0;
  const first = new Date(momentOf(axis.tick0));
  const after = (turn) => (months ? Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + turn * months) : first.getTime() + turn * axis.dtick);
  let before = null;
  const step = months ? months * 28 * DAY_MS : axis.dtick;
  for (let turn = Math.max(0, Math.floor((start - first) / step / 1.2) - 1), at = after(turn); at <= end; turn += 1, at = after(turn)) {
    if (at < start) continue;
    const [head, tail] = axis.tickformat.replace(/%-?\w/g, (part) => PARTS[part](new Date(at))).split("\n");
    ticks.push([at, tail === undefined || tail === before ? [head] : [head, tail]]);
    before = tail;
  }
  return ticks;
};

const DASHES = { dot: "3,3", solid: null };

const stroke = ({ color, width, dash = "solid" }) => ({
  stroke: color,
  "stroke-width": width,
  "stroke-miterlimit": 2,
  ...((dash in DASHES ? DASHES[dash] : dash) ? { "stroke-dasharray": (dash in DASHES ? DASHES[dash] : dash).replaceAll("px", "") } : {}),
});

const short = (number) => Math.round(number * 100) / 100;

/** A line through the points, step by step where it is stepped; NaN parts it. */
const lineOf = (xs, ys, isStepped) => {
  let path = "";
  let joined = false;
  for (let at = 0; at < ys.length; at += 1) {
    const y = ys[at];
    if (Number.isNaN(y)) joined = false;
    else {
      if (!joined) path += `M${xs[at]},${y}`;
      else path += isStepped ? `H${xs[at]}V${y}` : `L${xs[at]},${y}`;
      joined = true;
    }
  }
  return path;
};

const backOf = (xs, ys, isStepped) => {
  let path = "";
  for (let at = ys.length - 1; at >= 0; at -= 1) {
    path += isStepped && at < ys.length - 1 ? `V${ys[at]}H${xs[at]}` : `L${xs[at]},${ys[at]}`;
  }
  return path;
};

const bandsOf = (traces, placeX, placeY) => {
  const bands = [];
  const edges = [];
  let floor = null;
  let under = null;
  const places = new Map();
  const placesOf = ({ x, x0, dx }, length) => {
    const known = x ?? `${x0} ${dx} ${length}`;
    if (!places.has(known)) {
      const start = x ? 0 : momentOf(x0);
      places.set(known, x ? x.map((at) => short(placeX(momentOf(at)))) : Array.from({ length }, (_, at) => short(placeX(start + at * dx))));
    }
    return places.get(known);
  };
  for (const { y, fillcolor, line, stackgroup, uid, ...spread } of traces) {
    const values = valuesOf(y);
    const xs = placesOf(spread, values.length);
    const isStepped = line.shape === "hv";
    if (!stackgroup) {
      if (line.width && line.color !== CLEAR) {
        edges.push(make("path", { d: lineOf(xs, Array.from(values, (one) => short(placeY(one))), isStepped), fill: "none", ...stroke(line), class: uid.startsWith("Ø") ? "" : "band" }));
      }
      continue;
    }
    floor ??= new Float64Array(values.length);
    const top = floor.map((below, at) => below + (values[at] || 0));
    const ys = Array.from(top, (one) => short(placeY(one)));
    under ??= ys.map(() => short(placeY(0)));
    const edge = lineOf(xs, ys, isStepped);
    bands.push(make("path", { d: `${edge}${backOf(xs, under, isStepped)}Z`, fill: fillcolor, class: "band" }));
    edges.push(make("path", { d: edge, fill: "none", ...stroke(line) }));
    [floor, under] = [top, ys];
  }
  return [...bands, ...edges];
};

const marksOf = (shapes, common, placeX, height) =>
  shapes.map((one) => {
    const shape = { ...common, ...one, line: { ...common?.line, ...one.line } };
    const [from, to] = [shape.x0, shape.x1].map((at) => short(placeX(momentOf(at))));
    if (shape.type === "rect") return make("rect", { x: from, y: 0, width: to - from, height, fill: shape.fillcolor });
    return make("path", { d: `M${from},${height}V0`, fill: "none", ...stroke(shape.line) });
  });

const isOurs = ({ data, layout }) =>
  layout.xaxis?.type === "date" &&
  layout.xaxis.range &&
  layout.yaxis?.tickmode === "array" &&
  Object.keys(layout).filter((key) => /^[xy]axis/.test(key)).length === 2 &&
  data.every(({ type, fill, y, line }) => !type && !fill && y?.bdata && line?.shape !== "spline") &&
  (layout.shapes ?? []).every(({ type, yref, layer }) => (!type || type === "rect") && !yref && layer !== "below");

/** The picture of a themed figure, for a box of this width; null for a figure that Plotly alone can draw. */
export const pictureOf = ({ data, layout }, width) => {
  if (!width || !isOurs({ data, layout })) return null;
  const { l, r, t, b } = layout.margin;
  const [w, h] = [width - l - r, layout.height - t - b];
  const { xaxis, yaxis, template } = layout;
  const [start, end] = xaxis.range.map(momentOf);
  const ticks = timeTicks(xaxis, [start, end]);
  if (!ticks || w <= 0) return null;
  const [low, high] = yaxis.range;
  const placeX = (at) => ((at - start) / (end - start)) * w;
  const placeY = (value) => h - ((value - low) / (high - low)) * h;
  const style = template?.data?.scatter?.[0] ?? {};
  const traces = data.map((one) => ({ ...style, ...one, line: { ...style.line, ...one.line } }));
  const across = (value, colour) => make("path", { d: `M${l},${short(placeY(value)) + t}h${w}`, stroke: colour, "stroke-width": 1, "shape-rendering": "crispEdges" });
  const text = (attributes, colour, lines) => {
    const [first, second] = lines;
    const made = make("text", { fill: colour, ...attributes }, first);
    if (second === undefined) return [made];
    return [made, make("text", { fill: colour, ...attributes, y: attributes.y + LINE_EM * layout.font.size }, second)];
  };
  const shown = yaxis.tickvals.map((value, at) => [value, yaxis.ticktext[at]]).filter(([value]) => value >= low && value <= high);
  const inside = ticks.filter(([at]) => at >= start && at <= end);
  const plot = make("svg", { x: l, y: t, width: w, height: h, overflow: "hidden" }, ...bandsOf(traces, placeX, placeY));
  const marks = make("svg", { x: l, y: t, width: w, height: h, overflow: "hidden" }, ...marksOf(layout.shapes ?? [], template?.layout?.shapedefaults, placeX, h));
  const places = {
    _size: { l, r, t, b, w, h },
    width,
    font: layout.font,
    xaxis: { d2p: (at) => placeX(momentOf(at)), _offset: l, _length: w },
    yaxis: { d2p: placeY, _offset: t, _length: h },
  };
  return make(
    "svg",
    { class: "chart-picture", width, height: layout.height, "font-size": layout.font.size, "font-family": layout.font.family, "aria-hidden": "true" },
    ...shown.filter(([value]) => value !== 0).map(([value]) => across(value, yaxis.gridcolor)),
    plot,
    ...shown.filter(([value]) => value === 0).map(([value]) => across(value, yaxis.zerolinecolor)),
    ...inside.map(([at]) => make("path", { d: `M${short(placeX(at)) + l},${t + h + 1}v${TICK_PX}`, stroke: xaxis.tickcolor, "shape-rendering": "crispEdges" })),
    ...inside.flatMap(([at, lines]) => text({ x: short(placeX(at)) + l, y: t + h + LABEL_BASE_PX, "text-anchor": "middle" }, xaxis.tickfont.color, lines)),
    ...shown.flatMap(([value, label]) => text({ x: l - LABEL_STANDOFF_PX, y: placeY(value) + t + VALUE_BASE_PX, "text-anchor": "end" }, yaxis.tickfont.color, [label])),
    marks,
    make("g", { class: "chart-words" }, ...wordsOf(places, template?.layout?.annotationdefaults, layout.annotations ?? [], null)),
  );
};
