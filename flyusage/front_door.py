"""What every request passes on its way in and out: who may ask, and what a browser may do with the answer."""

import base64
import hashlib
import re
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flyusage import timings
from flyusage.open_pages import OpenPages
from flyusage.pacing import paced
from flyusage.preloads import Preloads

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
HSTS_SECONDS = 365 * 86_400
FOREVER = "public, max-age=31536000, immutable"
ASSETS = "/assets/"
API = "/api/v1/"
# A browser heeds the policy of a page, not those of the scripts, styles and fonts that the page loads, nor of what is no page; the pages'
# own names every inline script, which with each of thirty files came to a twentieth of a first load, and to most of a small answer.
NOTHING = "default-src 'none'; frame-ancestors 'none'"

_HOST = re.compile(r"(?:(?P<name>[A-Za-z0-9._-]+)|\[(?P<six>[0-9A-Fa-f:.]+)\])(?::\d{1,5})?")
_INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)


class FrontDoor:
    """Refuses strangers' pages, and adds the headers that Reflex leaves out.

    A page of another site must not reach the server through its visitor's browser: requests and websockets with a
    foreign Origin are refused, and so is any Host that is not ours, which is how DNS rebinding arrives.
    """

    def __init__(self, app: ASGIApp, *, pages: Path, base_url: str | None = None, open_pages: OpenPages | None = None) -> None:
        self.app = app
        self.open_pages = open_pages or OpenPages()
        self.hosts = {*LOOPBACK_NAMES, *([urlsplit(base_url).hostname or ""] if base_url else [])}
        self.headers = _security_headers(pages, is_https=(base_url or "").startswith("https://"))
        self.bare_headers = self.headers | {"content-security-policy": NOTHING}
        self.preloads = Preloads(pages)
        self.whole_pages = {f"/{page.stem}" for page in pages.glob("*.html")} - {"/index", "/404", "/__spa-fallback"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse, one request or websocket."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
        elif refusal := self._refusal(Headers(scope=scope)):
            await _refuse(scope, receive, send if scope["type"] == "websocket" else self._sender(scope, send), refusal)
        elif scope["type"] == "websocket":
            with self.open_pages.place(scope) as refusal:
                await (self.open_pages.tell(scope, receive, send, refusal) if refusal else self.app(scope, paced(receive), send))
        else:
            # A page built as a file of its own is given at its address; a file server would send to "/welcome/" first.
            inner = {**scope, "path": scope["path"] + ".html"} if scope["path"] in self.whole_pages else scope
            await self.app(inner, receive, self._sender(scope, send))

    def _refusal(self, headers: Headers) -> str | None:
        host = headers.get("host", "")
        name = _name_in(host)
        if name not in self.hosts and not name.endswith(".localhost"):
            return f"flyusage does not answer for the host {name!r}. Set FLYUSAGE_BASE_URL to the address people use."
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in (f"http://{host.lower()}", f"https://{host.lower()}"):
            return "This request came from another site's page. Open flyusage itself in the browser."
        return None

    def _sender(self, scope: Scope, send: Send) -> Send:
        began = time.monotonic()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers_of = self.bare_headers if scope["path"].startswith((ASSETS, API)) else self.headers
                for name, value in headers_of.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", _caching(scope["path"], message["status"]))
                if headers.get("content-type", "").startswith("text/html") and (link := self.preloads.link(scope["path"])):
                    headers.setdefault("link", link)
                    timings.count_page_request(self.preloads.route(scope["path"]), message["status"], time.monotonic() - began)
                if "location" in headers:
                    headers["location"] = _local(headers["location"])
            await send(message)

        return send_with_headers


def _name_in(host: str) -> str:
    """The name in a Host header, without its port; empty for what is none."""
    found = _HOST.fullmatch(host)
    return (found["name"] or found["six"]).lower() if found else ""


async def _refuse(scope: Scope, receive: Receive, send: Send, sentence: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": sentence[:120]})
    else:
        await PlainTextResponse(sentence + "\n", status_code=403)(scope, receive, send)


def _caching(path: str, status: int) -> str:
    """Files under /assets/ carry a digest of their content in their name; everything else is asked for anew."""
    return FOREVER if path.startswith(ASSETS) and status in (200, 206, 304) else "no-cache"


def _local(location: str) -> str:
    """A redirect's target without scheme and host: behind a proxy they would be wrong.

    Nor does its path begin like a host: "//elsewhere.example/..%2fwelcome" is a file's path to a server, and a host to a browser.
    """
    parts = urlsplit(location)
    path = "/" + re.sub(r"^[/\\\s]+", "", parts.path) if parts.path[:1] in ("/", "\\", "") else parts.path
    return urlunsplit(("", "", path, parts.query, parts.fragment))


def _security_headers(pages: Path, *, is_https: bool) -> dict[str, str]:
    policy = {
        "default-src": "'self'",
        "script-src": " ".join(["'self'", *_inline_script_digests(pages)]),
        "style-src": "'self' 'unsafe-inline'",  # Plotly and Radix set styles from scripts
        "img-src": "'self' data: blob:",  # a chart becomes a picture through a blob
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "script-src-attr": "'none'",
        "frame-src": "'none'",
        "worker-src": "'none'",
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    # Only where people come by HTTPS, which the setting says: a browser takes no heed of it otherwise.
    transport = {"strict-transport-security": f"max-age={HSTS_SECONDS}; includeSubDomains"} if is_https else {}
    return transport | {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }


def _inline_script_digests(pages: Path) -> list[str]:
    """CSP sources of the scripts that the built pages hold inline: those run, no other inline script does."""
    scripts = {match[1] for page in pages.rglob("*.html") for match in _INLINE_SCRIPT.finditer(page.read_text(encoding="utf-8"))}
    return sorted(f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts)
