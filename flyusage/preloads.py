"""What a page will ask for next, said with the page itself: it loads in one round trip instead of four."""

import json
import re
from pathlib import Path

_ROUTES = re.compile(r"window\.__reactRouterManifest=(\{.*\});?\s*$", re.DOTALL)
_DYNAMIC_IMPORT = re.compile(r"import\([\"'`]\./([\w.-]+\.js)[\"'`]\)")
FIRST_FONT = "inter-latin-wght-normal-*.woff2"


class Preloads:
    """`Link` headers by path, read once from the built pages. A path that is no page of ours has none."""

    def __init__(self, pages: Path) -> None:
        self._assets = pages / "assets"
        fonts = [f'</assets/{font.name}>; rel=preload; as=font; type="font/woff2"; crossorigin' for font in self._assets.glob(FIRST_FONT)]
        self._links = [
            (_pattern(route["path"]), f"/{route['path'].strip('/')}", ", ".join([*fonts, *map(_module_link, self._modules(route))]))
            for route in self._routes()
            if route.get("index")
        ]

    def link(self, path: str) -> str | None:
        """The `Link` header for the page at `path`, None where there is no page."""
        return next((link for pattern, _, link in self._links if pattern.fullmatch(path)), None)

    def route(self, path: str) -> str:
        """The page at `path` as it is declared (`/orgs/:slug/usage`), empty where there is none."""
        return next((route for pattern, route, _ in self._links if pattern.fullmatch(path)), "")

    def _routes(self) -> list[dict]:
        found = [_ROUTES.search(manifest.read_text(encoding="utf-8")) for manifest in self._assets.glob("manifest-*.js")]
        return [route for match in found if match for route in json.loads(match[1])["routes"].values()]

    def _modules(self, route: dict) -> list[str]:
        """The route's own scripts and what those load as soon as they run (Plotly)."""
        modules = [Path(path).name for path in (route["module"], *route["imports"])]
        texts = [(self._assets / name).read_text(encoding="utf-8") for name in modules]
        return modules + [name for text in texts for name in _DYNAMIC_IMPORT.findall(text) if name not in modules]


def _pattern(route: str) -> re.Pattern[str]:
    """`orgs/:slug/usage` as a pattern for whole paths."""
    parts = ["[^/]+" if part.startswith(":") else re.escape(part) for part in route.split("/") if part]
    return re.compile("/" + "/".join(parts) + "/?")


def _module_link(name: str) -> str:
    return f"</assets/{name}>; rel=modulepreload"
