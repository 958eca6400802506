// The words on a chart: names at its edge, marks, keys. Drawn here from the figure's annotations instead of by Plotly, which
// draws each twice and measures it each time, for which the browser lays out the whole page: four fifths of the time that a
// chart with twenty names took. A picture to save is Plotly's alone, annotations and all.
import { NARROW_PX, apart } from "$/flyusage/narrow";

const SVG = "http://www.w3.org/2000/svg";
const ENTITIES = { amp: "&", lt: "<", gt: ">" };
const ANCHORS = { left: "start", center: "middle", right: "end" };
const BASELINES = { top: 0.97, middle: 0.36, bottom: -0.24 }; // of the font's size, from the anchor to the baseline
const INSIDE = { left: 1, center: 0, right: -1, top: 1, middle: 0, bottom: -1 }; // which way padding moves the text

/** An SVG element. */
export const make = (kind, attributes, ...children) => {
  const made = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

/** Text as the figure escaped it for Plotly, with its entities read back. */
const plain = (text) => text.replace(/&(?:#(\d+)|(\w+));/g, (whole, code, name) => (code ? String.fromCodePoint(code) : (ENTITIES[name] ?? whole)));

/** A place along an axis, or along the plot where `ref` is "paper", in pixels; null outside of the plot. */
const along = (axis, ref, value, start, length) => {
  if (ref === "paper") return start + value * length;
  const at = axis.d2p(value);
  return at < -0.5 || at > length + 0.5 ? null : axis._offset + at;
};

const placeOf = ({ _size: size, xaxis, yaxis }, word) => {
  const x = along(xaxis, word.xref ?? "x", word.x, size.l, size.w);
  const paper = word.yref === "paper";
  const y = along(yaxis, word.yref ?? "y", paper ? 1 - word.y : word.y, size.t, size.h);
  return x === null || y === null ? null : { x: x + (word.xshift ?? 0), y: y - (word.yshift ?? 0) };
};

const drawn = (layout, word, id) => {
  if (word.name === "guide" && layout.width < NARROW_PX) return null;
  const place = placeOf(layout, word);
  if (!place) return null;
  const { x, y } = word.showarrow === false ? place : { x: place.x + word.ax, y: place.y + word.ay };
  const padding = (word.borderpad ?? 1) + 1;
  const { size, color } = { ...layout.font, ...word.font };
  const anchor = word.xanchor ?? "center";
  const line = word.yanchor ?? "middle";
  const text = make(
    "text",
    { x: x + padding * INSIDE[anchor], y: y + padding * INSIDE[line] + BASELINES[line] * size, "text-anchor": ANCHORS[anchor] },
    plain(word.text),
  );
  text.style.fontSize = `${size}px`;
  text.style.fill = color;
  if (word.bgcolor) Object.assign(text.style, { stroke: word.bgcolor, strokeWidth: "4px", strokeLinejoin: "round", paintOrder: "stroke" });
  const title = word.hovertext ? [make("title", {}, plain(word.hovertext.replaceAll("<br>", "\n")))] : [];
  const isName = word.captureevents !== false && word.showarrow !== false;
  const series = isName && id ? { class: "chart-name", "data-chart": id, "data-series": word.name ?? plain(word.text) } : {};
  const group = make("g", series, ...title, text);
  group.style.pointerEvents = id && (isName || word.hovertext) ? "all" : "none";
  if (isName) {
    const gap = word.startstandoff ?? 0;
    const leader = make("path", { d: `M${x - gap},${y}L${place.x},${place.y}`, fill: "none", "stroke-width": word.arrowwidth });
    leader.style.stroke = word.arrowcolor;
    group.prepend(leader);
  }
  return group;
};

/** The words of a laid-out chart, drawn; `common` is what the figure says of all of them. Without an `id` they answer to no pointer. */
export const wordsOf = (layout, common, words, id) =>
  apart(
    words.map((word) => ({ ...common, ...word, font: { ...common?.font, ...word.font } })),
    layout.width,
    (word) => placeOf(layout, word),
  )
    .map((word) => drawn(layout, word, id))
    .filter(Boolean);

/** Draw the layout's annotations (`words`) over what Plotly has drawn; `onName` gets the series of a name that is clicked. */
export const placeWords = (element, words, id, onName) => {
  const layer = element.querySelector(".infolayer");
  if (!layer) return;
  const layout = element._fullLayout;
  const common = element.layout.template?.layout?.annotationdefaults;
  let group = layer.querySelector(":scope > .chart-words");
  if (!group) {
    group = make("g", { class: "chart-words" });
    group.addEventListener("click", ({ target }) => {
      const name = target.closest("[data-series]");
      if (name) onName(name.dataset.series);
    });
    layer.append(group);
  }
  group.style.fontFamily = layout.font.family;
  group.replaceChildren(...wordsOf(layout, common, words, id));
};
