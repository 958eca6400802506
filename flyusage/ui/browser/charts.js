// Which figure belongs to which chart on the page, whichever of the two arrives first.
const figures = new Map();
const mounted = new Map();

/** Draw `figure` in the chart with this id, now or when it mounts. */
export const drawChart = (id, figure) => {
  figures.set(id, figure);
  mounted.get(id)?.(figure);
};

const pictures = new Map();

/** Save the chart with this id, as it is drawn now, as a PNG or SVG file. */
export const savePicture = (id, kind, name) => pictures.get(id)?.(kind, name);

/** Register a chart; its last figure is drawn at once. Returns the function that unregisters it. */
export const mountChart = (id, draw, picture) => {
  mounted.set(id, draw);
  pictures.set(id, picture);
  if (figures.has(id)) draw(figures.get(id));
  return () => {
    mounted.delete(id);
    pictures.delete(id);
    figures.delete(id);
  };
};
