// Runs the events that flyusage/ui/browser/__init__.py sends. No text from the server is ever evaluated.
import { toast } from "sonner";
import { drawChart, savePicture } from "$/flyusage/charts";

const actions = {
  toast: ({ kind, text, detail }) => toast[kind](text, { description: detail || undefined }),
  savePicture: ({ id, kind, name }) => savePicture(id, kind, name),
  draw: ({ id, figure }) => drawChart(id, figure),
  setUrl: ({ to, replace }) => {
    const state = { ...window.history.state, key: Math.random().toString(36).slice(2, 10) };
    window.history[replace ? "replaceState" : "pushState"](state, "", to);
  },
};

export const runAction = ({ action, arguments: given }) => {
  actions[action](JSON.parse(given));
};
