// A view's figure is the same for everybody who looks at it, and made for a wide chart. What would not fit a narrow one is cut or left
// out here; the table below the chart has all of it.

export const NARROW_PX = 560;

const TILE_NAMES = "Ønames"; // the trace that writes into a treemap's tiles, in the order of the tiles before it
const CHARACTER_PX = 7.2; // bold
const FIGURE_PX = 6.6;
const TILE_PADDING_PX = 16;
const LEAST_LETTERS = 4;
const TICK_PX = 44;
const MARK_GAP_PX = 6;
const MARK_CHARACTER = 0.56; // of the font's size

/** An escaped name as whole characters: an entity is one. */
const lettersOf = (name) => name.match(/&(?:#\d+|\w+);|[^\u2068\u2069]/gu) ?? [];

const cut = (line, columns) => {
  const [, open, name, close] = /^(<b>)?(.*?)(<\/b>)?$/s.exec(line);
  const letters = lettersOf(name);
  if (letters.length <= columns) return line;
  return `${open ?? ""}\u2068${letters.slice(0, columns - 1).join("").trimEnd()}…\u2069${close ?? ""}`;
};

/** What a tile says in `width` pixels: its name as far as it fits, and the amounts that do as a whole. */
const inTile = (text, width) => {
  const columns = Math.floor((width - TILE_PADDING_PX) / CHARACTER_PX);
  const [name, ...amounts] = text.split("<br>");
  if (!name || columns < LEAST_LETTERS) return "";
  const fitting = amounts.findIndex((amount) => lettersOf(amount).length * FIGURE_PX > width - TILE_PADDING_PX);
  return [cut(name, columns), ...(fitting < 0 ? amounts : amounts.slice(0, fitting))].join("<br>");
};

const fitTiles = (data, layout, width) => {
  const scale = width / (layout.xaxis?.range?.[1] ?? width);
  return data.map((trace) =>
    trace.uid === TILE_NAMES ? { ...trace, text: trace.text.map((text, at) => inTile(text, data[at].width[0] * scale)) } : trace,
  );
};

const thinned = (axis, width) => {
  if (axis?.tickmode !== "array" || !axis.ticktext || axis.tickvals.length * TICK_PX <= width) return axis;
  const every = Math.ceil((axis.tickvals.length * TICK_PX) / width);
  const kept = (_, at) => at % every === 0;
  return { ...axis, tickvals: axis.tickvals.filter(kept), ticktext: axis.ticktext.filter(kept) };
};

/** A themed figure as it is drawn in a box of this width. */
export const fitted = (figure, width) => {
  if (!width || width >= NARROW_PX) return figure;
  const { data, layout } = figure;
  const { l = 0, r = 0 } = layout.margin ?? {};
  return { ...figure, data: fitTiles(data, layout, width), layout: { ...layout, xaxis: thinned(layout.xaxis, width - l - r) } };
};

const isMark = (word) => word.showarrow === false && word.yref === "paper" && word.y === 1;

const spanOf = (word, x) => {
  const width = word.text.length * (word.font?.size ?? 11) * MARK_CHARACTER + MARK_GAP_PX;
  const left = x - { left: 0, center: 0.5, right: 1 }[word.xanchor ?? "center"] * width;
  return [left, left + width];
};

/** `words` without the marks along a narrow chart's top that others would cover; the last one, the present, stays. */
export const apart = (words, width, placeOf) => {
  if (width >= NARROW_PX) return words;
  const taken = [];
  const covered = new Set();
  for (const word of [...words].reverse()) {
    const place = isMark(word) ? placeOf(word) : null;
    if (!place) continue;
    const [left, right] = spanOf(word, place.x);
    if (taken.some(([from, to]) => left < to && right > from)) covered.add(word);
    else taken.push([left, right]);
  }
  return words.filter((word) => !covered.has(word));
};
