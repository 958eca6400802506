// Which figure belongs to which chart on the page, whichever of the two arrives first; and what waits for a drawing.
const MOST_HELD_MS = 200; // a hidden tab paints no frames

const figures = new Map();
const mounted = new Map();

/** Draw `figure` in the chart with this id, now or when it mounts. */
export const drawChart = (id, figure) => {
  figures.set(id, figure);
  mounted.get(id)?.draw(figure);
};

/** Save the chart with this id, as it is drawn now, as a PNG or SVG file. */
export const savePicture = (id, kind, name) => mounted.get(id)?.save(kind, name);

/** The page goes to another view: its charts will be drawn anew. */
export const expectDrawings = () => {
  for (const { expect } of mounted.values()) expect();
};
if (typeof window !== "undefined") window.addEventListener("popstate", expectDrawings);

/** Register a chart (`draw`, `save`, `expect`); its last figure is drawn at once. Returns the function that unregisters it. */
export const mountChart = (id, chart) => {
  mounted.set(id, chart);
  if (figures.has(id)) chart.draw(figures.get(id));
  else chart.expect();
  return () => {
    mounted.delete(id);
    figures.delete(id);
  };
};

const drawings = new Set();

const nextFrameShown = () =>
  new Promise((resolve) => {
    requestAnimationFrame(() => requestAnimationFrame(resolve));
    setTimeout(resolve, MOST_HELD_MS);
  });

/** What comes from the server after `drawn` (a drawing's promise) waits until the drawing is on the screen. */
export const showFirst = (drawn) => {
  const shown = drawn.then(nextFrameShown, () => {});
  drawings.add(shown);
  shown.then(() => drawings.delete(shown));
};

/** Resolves once what is being drawn is on the screen, at once where nothing is. */
export const drawingsShown = () => (drawings.size ? Promise.all(drawings) : undefined);
