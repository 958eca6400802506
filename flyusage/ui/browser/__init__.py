"""Things a handler asks the browser to do: show a toast, draw a chart. Yield or return what these functions give.

They travel as events of our own (`actions.js` runs them), not as JavaScript text: the content policy forbids eval(),
which `rx.toast`, `rx.call_script` and `rx.run_script` need when a handler sends them.
"""

import inspect
import json
from collections.abc import Mapping
from typing import Literal

from reflex.event import EventHandler, EventSpec
from reflex.vars import Var
from reflex_base.event import server_side
from reflex_base.utils.format import format_event_handler

ToastKind = Literal["info", "success", "warning", "error"]


def toast(kind: ToastKind, text: str, *, detail: str = "") -> EventSpec:
    """Show `text` (shown literally, never as markup) at the page's corner for a few seconds."""
    return _action("toast", {"kind": kind, "text": text, "detail": detail})


def draw(chart_id: str, figure: Mapping[str, object]) -> EventSpec:
    """Draw `figure` in the chart with this id, now or as soon as it is on the page.

    The figure goes straight to the browser and is kept nowhere on the server (a figure in State stays in memory for
    every open page). `figure` is plain JSON: data, layout and, optionally, revision.
    """
    return _action("draw", {"id": chart_id, "figure": figure})


def prepare(chart_id: str, query: str, number: int, figure: Mapping[str, object]) -> EventSpec:
    """Have the browser keep `figure`, the process's `number`-th, and draw it as soon as somebody goes to the page's view at `query`."""
    return _action("prepare", {"id": chart_id, "query": query, "number": number, "figure": figure})


def draw_prepared(chart_id: str, number: int) -> EventSpec:
    """Draw the figure that `prepare` sent under this number. Where the browser has lost it, it loads the page's view again."""
    return _action("drawPrepared", {"id": chart_id, "number": number})


def save_picture(chart_id: str, kind: Literal["png", "svg"], name: str) -> EventSpec:
    """Save the chart with this id as it is drawn now, as a file called `name` with the kind's ending."""
    return _action("savePicture", {"id": chart_id, "kind": kind, "name": name})


def go(path_and_query: str | Var[str]) -> EventSpec:
    """Show the page's view at this address: it is loaded as a navigation would, but no route is rendered anew.

    Where that is another page, as `rx.redirect`. Also for a component's own trigger, with a Var.
    """
    if isinstance(path_and_query, Var):
        return server_side("_flyusage", _SIGNATURE, action="go", arguments=Var.create({"to": path_and_query}).to_string())
    return _action("go", {"to": path_and_query})


def reveal(element_id: str, text: str) -> EventSpec:
    """Write `text` into the element with this id. For a secret that is shown once: a state would keep it, and send it again."""
    return _action("reveal", {"id": element_id, "text": text})


def leave(to: str, *, is_next: bool = False) -> EventSpec:
    """Load the page at `to` anew, as if its address were typed, so that nothing of this one stays; `is_next` has it lead back here."""
    return _action("leave", {"to": to, "isNext": is_next})


def start(watch: EventHandler) -> EventSpec:
    """Have the browser send the event of `watch`, a background handler without arguments, as if somebody had clicked it.

    A handler that an `on_load` yields ends with that load: Reflex cancels it as soon as the page goes to its next view.
    """
    return _action("start", {"name": format_event_handler(watch)})


def _action(name: str, arguments: Mapping[str, object]) -> EventSpec:
    # One JSON string: as nested values Reflex would wrap every number of a figure in an object of its own.
    payload = json.dumps(arguments, separators=(",", ":"), ensure_ascii=False)
    return server_side("_flyusage", _SIGNATURE, action=name, arguments=payload)


# A component's trigger leaves out what the signature does not name.
_SIGNATURE = inspect.Signature([inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in ("action", "arguments")])
