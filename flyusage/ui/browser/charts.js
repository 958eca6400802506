// Which figure belongs to which chart on the page, whichever of the two arrives first; and what waits for a drawing.
const MOST_HELD_MS = 200; // a hidden tab paints no frames

const figures = new Map();
const mounted = new Map();

/** Draw `figure` in the chart with this id, now or when it mounts. */
export const drawChart = (id, figure) => {
  ahead.delete(id);
  figures.set(id, figure);
  mounted.get(id)?.draw(figure);
};

const KEPT_MS = 5000; // as long as the server keeps what it has prepared (`live.KEPT_SECONDS`)

const ahead = new Map();

const isOf = (query, one) => one?.query === query && performance.now() - one.at < KEPT_MS;

const drawAhead = (id) => {
  const { figure } = ahead.get(id);
  if (figures.get(id) === figure) return;
  figures.set(id, figure);
  mounted.get(id)?.draw(figure);
};

/** Whether the figure of the view at `query` is here already, to be drawn as soon as somebody goes there. */
export const isPrepared = (query) => [...ahead.values()].some((one) => isOf(query, one));

/** Keep a figure of this number for the chart with this id until the page goes to the view at `query`; drawn at once where it has. */
export const prepareChart = (id, query, number, figure) => {
  ahead.set(id, { query, number, figure, at: performance.now() });
  if (query === window.location.search) drawAhead(id);
};

/** The chart shows the figure of this number, which was prepared. False where that is no longer here. */
export const drawPrepared = (id, number) => {
  if (ahead.get(id)?.number !== number) return false;
  drawAhead(id);
  return true;
};

/** Save the chart with this id, as it is drawn now, as a PNG or SVG file. */
export const savePicture = (id, kind, name) => mounted.get(id)?.save(kind, name);

/** The page goes to another view: its charts will be drawn anew, and are at once where their figures have been prepared. */
export const expectDrawings = () => {
  for (const [id, { expect }] of mounted) {
    if (isOf(window.location.search, ahead.get(id))) drawAhead(id);
    else expect();
  }
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
    ahead.delete(id);
  };
};

const drawings = new Set();

/** Resolves once what has been put on the page is on the screen. */
export const nextFrameShown = () =>
  new Promise((resolve) => {
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve))); // after all else of that frame
    setTimeout(resolve, MOST_HELD_MS);
  });

/** What comes from the server meanwhile waits for `painted`, a promise of a drawing that is on the screen. */
export const showFirst = (painted) => {
  const shown = painted.catch(() => {});
  drawings.add(shown);
  shown.then(() => drawings.delete(shown));
};

/** Resolves once what is being drawn is on the screen, at once where nothing is. */
export const drawingsShown = () => (drawings.size ? Promise.all(drawings) : undefined);
