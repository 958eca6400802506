// Runs the events that flyusage/ui/browser/__init__.py sends. No text from the server is ever evaluated.
import { toast } from "sonner";
import { drawChart, drawPrepared, prepareChart, savePicture } from "$/flyusage/charts";
import { goTo } from "$/flyusage/views";
import { app, eventLoop } from "$/utils/context-registry";

const actions = {
  toast: ({ kind, text, detail }) => toast[kind](text, { description: detail || undefined }),
  savePicture: ({ id, kind, name }) => savePicture(id, kind, name),
  start: ({ name }) => void eventLoop.addEvents([{ name, payload: {} }]),
  go: ({ to }) => goTo(to),
  draw: ({ id, figure }) => drawChart(id, figure),
  prepare: ({ id, query, number, figure }) => prepareChart(id, query, number, figure),
  drawPrepared: ({ id, number }) => void (drawPrepared(id, number) || eventLoop.addEvents(app.onLoadInternalEvent())),
  leave: ({ to, isNext }) => {
    if (isNext && window.location.pathname === to) return; // a second handler found nobody signed in, and came after the page had left
    const here = window.location.pathname + window.location.search;
    window.location.assign(isNext ? `${to}?next=${encodeURIComponent(here)}` : to);
  },
  reveal: ({ id, text }) => {
    const place = document.getElementById(id);
    if (place) place.textContent = text;
  },
};

export const runAction = ({ action, arguments: given }) => {
  actions[action](JSON.parse(given));
};
