// One chart: draws Plotly figures with the page's own tokens, and turns clicks, brushes and hovers into plain values.
import { useEffect, useRef } from "react";
import { mountChart, nextFrameShown, showFirst } from "$/flyusage/charts";
import { pictureOf } from "$/flyusage/picture";
import { fitted } from "$/flyusage/narrow";
import { CONFIG, DOUBLE_CLICK_MS, themed } from "$/flyusage/theme";
import { placeWords } from "$/flyusage/words";

const rangeOf = (change) => {
  const start = change["xaxis.range[0]"] ?? change["xaxis.range"]?.[0];
  const end = change["xaxis.range[1]"] ?? change["xaxis.range"]?.[1];
  return start === undefined ? null : { start: String(start), end: String(end) };
};

const pointOf = (point) => {
  const trace = point.fullData ?? point.data ?? {};
  const customdata = point.customdata;
  return {
    series: trace.uid ?? "",
    name: trace.name ?? "",
    x: point.x ?? null,
    y: point.y ?? point.value ?? null,
    z: point.z ?? null,
    label: point.label ?? point.text ?? null,
    location: point.location ?? null,
    index: point.pointNumber ?? point.pointIndex ?? null,
    customdata: customdata === undefined ? null : customdata,
  };
};

const seriesOf = (element) => element?.__data__?.[0]?.trace?.uid;

// Uids of a chart's own traces (its total, the comparison, names in tiles) begin so, and no series' does.
const isOwn = (uid) => uid?.startsWith("Ø");

/**
 * The trace under the pointer. Over time Plotly reports every series at that moment, the hidden total among them: the
 * band (or the nearest line) is found by the pointer's height. Above a stack there is none.
 */
const traceAt = (element, { points, event }) => {
  const { stacked } = element.layout.meta ?? {};
  if (stacked === undefined) return points[0]?.fullData;
  const top = element.querySelector(".nsewdrag")?.getBoundingClientRect().top ?? 0;
  const value = element._fullLayout.yaxis.p2l(event.clientY - top);
  const at = points[0].pointNumber;
  const traces = element._fullData.filter(({ uid }) => !isOwn(uid));
  if (!stacked) {
    const away = ({ y }) => Math.abs((Number.isFinite(y[at]) ? y[at] : Infinity) - value);
    return traces.reduce((best, trace) => (best && away(best) <= away(trace) ? best : trace), undefined);
  }
  let sum = 0;
  return traces.find(({ y }) => (sum += y[at] || 0) >= value);
};

const clickedPoint = (element, click) => {
  const trace = traceAt(element, click);
  if (!trace || isOwn(trace.uid)) return null;
  const point = click.points.find(({ fullData }) => fullData.uid === trace.uid);
  return pointOf(point ?? { ...click.points[0], fullData: trace, y: trace.y?.[click.points[0].pointNumber] });
};

/** Fade every series but `key`; null brings all back. Straight on the drawing: no redraw, no round trip. */
const highlight = (element, key) => {
  for (const trace of element.querySelectorAll(".cartesianlayer .trace")) {
    trace.style.opacity = key && seriesOf(trace) && seriesOf(trace) !== key ? "0.18" : "";
  }
};

/** The table rows (or chips, or legend entries) that stand for series of this chart: `data-chart` and `data-series`. */
const rowsOf = (id) => [...document.querySelectorAll(`[data-chart="${CSS.escape(id)}"][data-series]`)];

/** A double click, which undoes a brush, is two clicks to Plotly as well: after a brush, a click waits to see whether it is one. */
const listenToClicks = (element, handlers) => {
  let isBrushed = false;
  let waiting;
  let undoneAt = -Infinity;
  const follow = (point) => {
    isBrushed = false;
    handlers.current.onPoint?.(point);
  };
  element.on("plotly_click", (click) => {
    const point = clickedPoint(element, click);
    if (!point || performance.now() - undoneAt < DOUBLE_CLICK_MS) return;
    clearTimeout(waiting);
    if (isBrushed) waiting = setTimeout(follow, DOUBLE_CLICK_MS, point);
    else follow(point);
  });
  element.on("plotly_relayout", (change) => {
    const range = rangeOf(change);
    if (!range) return;
    isBrushed = Boolean(handlers.current.onReset);
    handlers.current.onRange?.(range);
  });
  element.on("plotly_doubleclick", () => {
    clearTimeout(waiting);
    [isBrushed, undoneAt] = [false, performance.now()];
    handlers.current.onReset?.();
  });
};

const listen = (element, id, handlers) => {
  listenToClicks(element, handlers);
  element.on("plotly_legendclick", ({ fullData, curveNumber }) => {
    if (!handlers.current.onLegend) return true;
    handlers.current.onLegend(fullData[curveNumber].uid ?? fullData[curveNumber].name);
    return false;
  });
  element.on("plotly_hover", (hover) => {
    const key = traceAt(element, hover)?.uid ?? "";
    for (const row of rowsOf(id)) row.toggleAttribute("data-hovered", row.dataset.series === key);
  });
  element.on("plotly_unhover", () => {
    for (const row of rowsOf(id)) row.removeAttribute("data-hovered");
  });
};

/** A chart component over the Plotly build that `load` gives (a promise of the module). */
export const chartOver = (load) => {
  const Chart = (props) => {
    const { id, figure, loading, label, height } = props;
    const frame = useRef(null);
    const drawing = useRef(null);
    const shown = useRef({ figure: null, words: [], turn: 0 });
    const handlers = useRef(props);
    handlers.current = props;

    useEffect(() => {
      const element = drawing.current;
      let plotly = null;
      let alive = true;
      let picture = null;
      /** Show what cannot wait: the figure as a picture, over Plotly's drawing of the view before. Whether it can be one. */
      const showPicture = (themedFigure) => {
        const made = pictureOf(themedFigure, element.clientWidth);
        if (!made) return false;
        if (picture) picture.replaceWith(made);
        else element.after(made);
        picture = made;
        element.classList.add("is-behind");
        return true;
      };
      const endPicture = () => {
        picture?.remove();
        picture = null;
        element.classList.remove("is-behind");
      };
      const paint = async (next) => {
        const turn = ++shown.current.turn;
        shown.current.figure = next;
        const isDropped = () => !alive || turn !== shown.current.turn;
        noteWidth();
        const { data, layout, config } = fitted(themed(next, id), element.clientWidth);
        const isOther = layout.uirevision !== element.layout?.uirevision; // else what is drawn, and zoomed into, is only renewed
        const isShown = isOther && showPicture({ data, layout });
        if (isShown) {
          frame.current?.classList.remove("is-loading");
          const painted = nextFrameShown();
          showFirst(painted);
          element.dataset.painted = layout.uirevision;
          await painted;
        }
        plotly ??= await load().then((module) => module.default ?? module);
        if (isDropped()) return;
        const first = !element.layout;
        shown.current.words = layout.annotations ?? [];
        const drawn = plotly.react(element, data, { ...layout, annotations: [] }, config);
        if (!isShown) showFirst(drawn.then(nextFrameShown));
        await drawn;
        if (!alive) return;
        if (turn === shown.current.turn) endPicture();
        wait(false);
        if (first) {
          listen(element, id, handlers);
          element.on("plotly_afterplot", write);
          write();
        }
        if (!isShown) element.dataset.painted = layout.uirevision;
        element.dataset.drawn = String(Number(element.dataset.drawn ?? 0) + 1);
      };
      const noteWidth = () => element.style.setProperty("--drawn-width", element.clientWidth); // paper shrinks the drawing by it
      const follow = (series) => {
        const trace = element._fullData.find(({ uid }) => uid === series);
        if (trace) handlers.current.onPoint?.(pointOf({ fullData: trace }));
      };
      const write = () => placeWords(element, shown.current.words, id, follow);
      const wait = (isWaiting) => {
        frame.current?.classList.toggle("is-loading", isWaiting);
        if (isWaiting) frame.current?.setAttribute("aria-busy", "true");
        else frame.current?.removeAttribute("aria-busy");
      };
      shown.current.paint = paint;
      const save = (kind, name) => {
        const whole = { data: element.data, layout: { ...element.layout, annotations: shown.current.words }, config: CONFIG };
        const { clientWidth: width, clientHeight: height } = element;
        plotly?.downloadImage(whole, { format: kind, filename: name, width, height, scale: kind === "png" ? 2 : 1 });
      };
      const unmount = mountChart(id, { draw: paint, save, expect: () => wait(true) });
      const repaint = () => shown.current.figure && paint(shown.current.figure);
      const themes = new MutationObserver(repaint);
      themes.observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
      let width = element.clientWidth;
      const sizes = new ResizeObserver(() => {
        if (element.clientWidth === width || !element.layout || !element.clientWidth) return;
        width = element.clientWidth;
        noteWidth();
        requestAnimationFrame(() => alive && plotly?.Plots.resize(element));
      });
      sizes.observe(element);
      const over = ({ target }) => {
        const row = target.closest?.("[data-series]");
        highlight(element, row?.dataset.chart === id ? row.dataset.series : null);
      };
      document.addEventListener("mouseover", over);
      document.addEventListener("focusin", over);
      return () => {
        alive = false;
        endPicture();
        unmount();
        themes.disconnect();
        sizes.disconnect();
        document.removeEventListener("mouseover", over);
        document.removeEventListener("focusin", over);
        plotly?.purge(element);
      };
    }, [id]);

    useEffect(() => {
      if (figure?.data) shown.current.paint(figure);
    }, [figure]);

    return (
      <div ref={frame} className={`chart${loading ? " is-loading" : ""}`} aria-busy={loading ? "true" : undefined}>
        <div ref={drawing} id={id} role="img" aria-label={label} className="chart-drawing" style={{ height }} />
      </div>
    );
  };
  return Chart;
};
