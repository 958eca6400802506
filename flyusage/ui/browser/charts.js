// Which figure belongs to which chart on the page, whichever of the two arrives first.
const figures = new Map();
const mounted = new Map();

/** Draw `figure` in the chart with this id, now or when it mounts. */
export const drawChart = (id, figure) => {
  figures.set(id, figure);
  mounted.get(id)?.(figure);
};

/** Register a chart; its last figure is drawn at once. Returns the function that unregisters it. */
export const mountChart = (id, draw) => {
  mounted.set(id, draw);
  if (figures.has(id)) draw(figures.get(id));
  return () => {
    mounted.delete(id);
    figures.delete(id);
  };
};
