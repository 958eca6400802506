"""What the compiled frontend holds besides Reflex's own output: our scripts, our fonts, a same-origin address."""

import re
from collections.abc import Sequence
from pathlib import Path

from reflex.plugins import Plugin, RadixThemesPlugin

BROWSER_SOURCES = Path(__file__).parent / "browser"

FONTS = ("@fontsource-variable/inter@5.3.0", "@fontsource-variable/jetbrains-mono@5.3.0")

# Where Reflex decides what to do with an event that the server sends to the browser. Ours is asked first, so that
# toasts and charts need no eval(), and the content policy can forbid it.
_APPLY_EVENT = "  // Handle special events\n"
_APPLY_OURS = '  if (event.name === "_flyusage") {\n    return runAction(event.payload);\n  }\n'

# Where it takes an update in. One that follows a figure waits until that is on the screen: a table is laid out after it.
_TAKE_UPDATE = '  socket.current.on("event", (update) => {\n'
_TAKE_LATER = '  socket.current.on("event", async (update) => {\n    await drawingsShown();\n'

_IMPORTS = ('import { runAction } from "$/flyusage/actions";\n', 'import { drawingsShown } from "$/flyusage/charts";\n')

# The address of the server as Reflex bakes it into env.json, whatever host and port the build assumed.
_BAKED_ADDRESS = re.compile(r"([\"'`])(http|ws)://localhost:\d+(/[\w/-]*)\1")


class FrontendPlugin(Plugin):
    """Puts our sources into the build and takes the build's assumptions about host and port out of it."""

    def get_frontend_dependencies(self, **_context: object) -> tuple[str, ...]:
        """The fonts, served by ourselves: no page of ours asks another host for anything."""
        return FONTS

    def get_stylesheet_paths(self, **_context: object) -> tuple[str, ...]:
        """Stylesheets that go first, so that ours may use the families they declare."""
        return ("@fontsource-variable/inter/index.css", "@fontsource-variable/jetbrains-mono/index.css")

    def get_static_assets(self, **_context: object) -> Sequence[tuple[Path, str]]:
        """Our scripts, importable from components as `$/flyusage/<name>`."""
        sources = sorted(BROWSER_SOURCES.glob("*.js*"))
        return [(Path("flyusage") / source.name, source.read_text(encoding="utf-8")) for source in sources]

    def pre_compile(self, **context: object) -> None:
        """Teach Reflex's event loop our one browser event (`browser.py` sends it), and to let a chart go first."""
        add_modify_task = context["add_modify_task"]
        assert callable(add_modify_task)
        add_modify_task("utils/state.js", teach_actions)

    def post_build(self, **context: object) -> None:
        """Make the bundle find its server wherever it was loaded from: any host, any port, http or https."""
        static_dir = Path(str(context["static_dir"]))
        written = sum(_relocate(script) for script in static_dir.glob("assets/*.js"))
        if written != 1:
            raise RuntimeError(f"Expected one script with Reflex's server address, found {written}; see frontend.py.")


class RadixPlugin(RadixThemesPlugin):
    """Radix Themes with the styles of our two colours and of its components only: less than half of them all."""

    def get_stylesheet_paths(self, **_context: object) -> tuple[str, ...]:
        """Its base, our accent and grey, its components; no layout utilities, which our own classes replace."""
        colours = (self.theme.accent_color, self.theme.gray_color)  # pyright: ignore[reportOptionalMemberAccess]
        parts = ("tokens/base", *(f"tokens/colors/{str(colour).strip(chr(34))}" for colour in colours), "components")
        return tuple(f"@radix-ui/themes/{part}.css" for part in parts)


def teach_actions(state_js: str) -> str:
    """Reflex's `state.js` with `_flyusage` events routed to `actions.js` and charts let go first; unchanged if it already is.

    What an older flyusage taught it is forgotten first: the folder that Reflex builds in outlives upgrades.
    """
    for ours, theirs in ((_APPLY_OURS, ""), (_TAKE_LATER, _TAKE_UPDATE), *((line, "") for line in _IMPORTS)):
        state_js = state_js.replace(ours, theirs)
    if state_js.count(_APPLY_EVENT) != 1 or state_js.count(_TAKE_UPDATE) != 1:
        raise RuntimeError("Reflex's state.js is not the one this version of flyusage knows; see frontend.py.")
    return "".join(_IMPORTS) + state_js.replace(_APPLY_EVENT, _APPLY_OURS + _APPLY_EVENT).replace(_TAKE_UPDATE, _TAKE_LATER)


def _relocate(script: Path) -> bool:
    text = script.read_text(encoding="utf-8")
    if not _BAKED_ADDRESS.search(text):
        return False
    script.write_text(relocate(text), encoding="utf-8")
    return True


def relocate(script: str) -> str:
    """`script` with every baked server address taken from the page's own origin instead."""
    return _BAKED_ADDRESS.sub(_from_origin, script)


def _from_origin(match: re.Match[str]) -> str:
    scheme, path = match[2], match[3]
    origin = "location.origin" if scheme == "http" else 'location.origin.replace(/^http/,"ws")'
    return f'({origin}+"{path}")'
