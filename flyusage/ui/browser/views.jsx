// From one view of a page to the next. The address changes and the page's own handlers load it; no route is rendered anew,
// which took the router longer than the server takes to answer.
import { app, eventLoop } from "$/utils/context-registry";
import { expectDrawings, isPrepared } from "$/flyusage/charts";

const newKey = () => Math.random().toString(36).slice(2, 10);

/** Put `href` into the address bar without loading anything. Going back or forward then loads the view of that address. */
export const enter = (href, isReplaced = false) => {
  const { idx = 0, ...state } = window.history.state ?? {};
  // The router takes no notice of going back to the very entry it believes to be at, so that one becomes another.
  if (!isReplaced) window.history.replaceState({ ...state, idx, key: newKey() }, "");
  window.history[isReplaced ? "replaceState" : "pushState"]({ ...state, idx: isReplaced ? idx : idx + 1, key: newKey() }, "", href);
};

/** Go to `href`: within this page, only its view changes; elsewhere, as any link. */
export const goTo = (href) => {
  const target = new URL(href, window.location.href);
  if (target.pathname !== window.location.pathname) {
    eventLoop.addEvents([{ name: "_redirect", payload: { path: href, external: false, popup: false, replace: false } }]);
    return;
  }
  enter(href);
  eventLoop.addEvents(app.onLoadInternalEvent());
  expectDrawings();
  if (window.scrollY) window.scrollTo(0, 0);
};

// A pointer, or the keyboard's focus, that rests on the way to another view mostly takes it: the page's handler of
// `data-prepare` is asked to have that view's figure ready. A way there says where it leads in `data-view`.
const RESTED_MS = 50;
let resting = null;
let rest = 0;

const prepare = (href) => {
  const handler = document.querySelector("[data-prepare]")?.dataset.prepare;
  const { pathname, search } = new URL(href, window.location.href);
  if (!handler || pathname !== window.location.pathname || search === window.location.search || isPrepared(search)) return;
  eventLoop.addEvents([{ name: handler, payload: { query: search } }]);
};

const follow = ({ target, pointerType }) => {
  const way = target.closest?.("[data-view]") ?? null;
  if (way === resting) return;
  resting = way;
  clearTimeout(rest);
  if (way && pointerType !== "touch") rest = setTimeout(() => prepare(way.dataset.view), RESTED_MS);
};

/** A pressed button becomes a click when it is let go, a tenth of a second later. A finger may scroll instead. */
const press = ({ target, pointerType, button }) => {
  const way = target.closest?.("[data-view]");
  if (!way || pointerType === "touch" || button !== 0) return;
  clearTimeout(rest);
  prepare(way.dataset.view);
};
if (typeof document !== "undefined") {
  for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, follow);
  document.addEventListener("pointerdown", press, { capture: true });
}

const isPlain = ({ button, metaKey, ctrlKey, shiftKey, altKey, defaultPrevented }) =>
  button === 0 && !metaKey && !ctrlKey && !shiftKey && !altKey && !defaultPrevented;

/** A link to another view of this page. */
export const ViewLink = ({ href, onClick, children, ...rest }) => {
  const go = (event) => {
    onClick?.(event);
    if (!isPlain(event)) return;
    event.preventDefault();
    goTo(href);
  };
  return (
    <a href={href} data-view={href} onClick={go} {...rest}>
      {children}
    </a>
  );
};
