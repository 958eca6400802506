// Put into every page by stopwatch.py, before anything of the page's own runs.
(() => {
  const seen = { click: null, sent: [], got: [], painted: [] };
  const addressed = ({ dataset }) => new URL(dataset.painted, location.href).search;
  const series = ({ parentElement, data }) => {
    const picture = parentElement.querySelector(".chart-picture");
    return picture ? picture.querySelectorAll(".band").length : data.filter(({ uid }) => !uid?.startsWith("Ø")).length;
  };

  addEventListener("click", ({ timeStamp }) => (seen.click = { at: timeStamp, from: location.search }), { capture: true });

  // Two frames: the first paints the drawing, the second begins once that is done.
  new MutationObserver((changes) => {
    const drawn = performance.now();
    for (const { target } of changes) {
      const chart = { drawn, view: addressed(target), series: series(target) };
      requestAnimationFrame(() => requestAnimationFrame(() => seen.painted.push({ ...chart, at: performance.now() })));
    }
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-painted"] });

  const Native = window.WebSocket;
  window.WebSocket = class extends Native {
    constructor(...how) {
      super(...how);
      this.addEventListener("message", ({ data }) => {
        seen.got.push({ at: performance.now(), size: data.length, isFigure: String(data).includes('\\"figure\\":') });
      });
    }

    send(data) {
      seen.sent.push(performance.now());
      super.send(data);
    }
  };

  const until = (find) =>
    new Promise((resolve, reject) => {
      const givenUp = performance.now() + 20_000;
      const look = () => {
        const found = find();
        if (found) resolve(found);
        else if (performance.now() > givenUp) reject(new Error("no chart of this view was painted within 20 s"));
        else setTimeout(look, 5);
      };
      look();
    });

  const ofClick = ({ at, view }) => seen.click && at > seen.click.at && view === location.search && view !== seen.click.from;

  window.stopwatch = {
    arm: () => void Object.assign(seen, { click: null, sent: [], painted: [] }),
    loaded: () => until(() => seen.painted[0]),
    clicked: async () => {
      const painted = await until(() => seen.painted.find(ofClick));
      const zero = seen.click.at;
      const figure = seen.got.findLast(({ at, isFigure }) => isFigure && at <= painted.drawn);
      return {
        ms: painted.at - zero,
        sent: seen.sent.find((at) => at >= zero) - zero,
        answered: Math.max(0, figure.at - zero),
        drawn: painted.drawn - zero,
        size: figure.size,
        series: painted.series,
      };
    },
  };
})();
