"""Another flyusage, asked through its API in place of a database: which one, and by which token.

In this order: FLYUSAGE_API_URL with FLYUSAGE_TOKEN; the profile that FLYUSAGE_PROFILE names (`local`: none); a database that
FLYUSAGE_DATABASE_URL names; the profile of the last `flyusage login`; the embedded database.
"""

import ipaddress
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

import platformdirs
import typer

from flyusage.config import settings
from flyusage.errors import FlyusageError
from flyusage.logs import harmless

if TYPE_CHECKING:
    import httpx

LOCAL = "local"
SECONDS = 60
WRITING_SECONDS = 600


class RemoteRefused(FlyusageError):
    """The other side says no, in its own words."""

    code = "remote_refused"


class RemoteUnreachable(FlyusageError):
    """Nothing answers there, or what does is no flyusage."""

    code = "remote_unreachable"


class ProfileUnknown(FlyusageError):
    """No stored sign-in of that name."""

    code = "profile_unknown"


class ProfileIncomplete(FlyusageError):
    """An address without a token, or the other way round; or an address that would give the token away."""

    code = "profile_incomplete"


@dataclass(frozen=True)
class Remote:
    """Where to ask, and as whom (without a token: as nobody). `name` is the profile's, empty when it is from the environment."""

    url: str
    token: str = field(repr=False)
    name: str = ""

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON at an address under /api/v1. Raises RemoteRefused and RemoteUnreachable."""
        kept = {name: value for name, value in (params or {}).items() if value not in (None, "")}
        return _read(self._asked("GET", path, params=kept))

    def download(self, path: str, params: Mapping[str, Any] | None = None) -> bytes:
        """The bytes there."""
        return self._asked("GET", path, params=dict(params or {})).content

    def save(self, path: str, params: Mapping[str, Any], into: IO[bytes]) -> int:
        """Write what is there as it comes, however long; how many bytes it was."""
        import httpx

        kept = {name: value for name, value in params.items() if value not in (None, "")}
        given, written = {"authorization": f"Bearer {self.token}"}, 0
        try:
            with httpx.stream("GET", f"{self.url}/api/v1{path}", headers=given, timeout=WRITING_SECONDS, params=kept) as response:
                if not response.is_success:
                    response.read()
                    raise self._refused(response)
                for piece in response.iter_bytes():
                    written += into.write(piece)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        return written

    def send(self, path: str, body: Iterator[bytes], headers: Mapping[str, str]) -> Any:
        """What it says of a body that is streamed."""
        return _read(self._asked("POST", path, content=body, headers=dict(headers), timeout=WRITING_SECONDS))

    def write(self, method: str, path: str, asked: Mapping[str, Any] | None = None) -> Any:
        """What a write answers; None where it answers nothing. Under a key of its own, so that a repeated one does nothing twice."""
        headers = {"idempotency-key": str(uuid4())}
        response = self._asked(method, path, headers=headers, json=asked)
        return _read(response) if response.content else None

    def pages(self, path: str, params: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """Every entry of a list, page by page."""
        after = None
        while True:
            page = self.get(path, {**(params or {}), "limit": 500, "after": after})
            yield from page["data"]
            after = page["next"]
            if after is None:
                return

    def says_which(self) -> None:
        """Tell on standard error where the numbers are from."""
        by = f"profile {self.name}" if self.name else "FLYUSAGE_API_URL"
        typer.echo(f"From {harmless(self.url)} ({by}).", err=True)

    def _asked(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, timeout: float = SECONDS, **more: Any
    ) -> "httpx.Response":
        import httpx  # a tenth of a second that commands on a database need not wait

        given = {**({"authorization": f"Bearer {self.token}"} if self.token else {}), **(headers or {})}
        try:
            response = httpx.request(method, f"{self.url}/api/v1{path}", headers=given, timeout=timeout, **more)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        if response.is_success:
            return response
        raise self._refused(response)

    def _unreachable(self, error: Exception) -> RemoteUnreachable:
        return RemoteUnreachable(f"{harmless(self.url)} does not answer ({type(error).__name__}). Check the address, and try again.")

    def _refused(self, response: "httpx.Response") -> FlyusageError:
        with suppress(ValueError, AttributeError, TypeError, KeyError):
            told = response.json()
            if points := told.get("errors"):  # each by its name in the command, not by where it stood in the request
                detail = "; ".join(f"{one['where'].partition('.')[2] or one['where']}: {one['what']}" for one in points) + "."
            else:
                detail = str(told["detail"])
            return RemoteRefused(f"{harmless(detail)} ({harmless(self.url)}, {response.status_code})")
        return RemoteUnreachable(f"{harmless(self.url)} answers {response.status_code}, as no flyusage would. Check the address.")


def chosen() -> Remote | None:
    """Where commands ask; None: a database. Raises ProfileUnknown and ProfileIncomplete."""
    asked = settings()
    if asked.api_url:  # a token without it is curl's: requests that pages let people copy read it, beside commands that go elsewhere
        if asked.token is None:
            raise ProfileIncomplete("FLYUSAGE_API_URL says where to ask; set FLYUSAGE_TOKEN as well, or neither.")
        return made(asked.api_url, asked.token.get_secret_value())
    kept = stored()
    name = asked.profile or (kept["current"] if asked.database_url is None else LOCAL)
    if not name or name == LOCAL:
        return None
    if name not in kept["profiles"]:
        known = ", ".join(kept["profiles"]) or "none yet"
        raise ProfileUnknown(f"There is no profile {harmless(name[:60])!r} ({known}). `flyusage login --profile NAME` makes one.")
    one = kept["profiles"][name]
    return made(one["url"], one["token"], name)


def made(url: str, token: str, name: str = "") -> Remote:
    """A remote; its address without what follows the host's port. Raises ProfileIncomplete where a token would travel in the open."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ProfileIncomplete(f"{harmless(url[:100])!r} is no address. Write it as https://usage.example.com.")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ProfileIncomplete(f"{harmless(url[:100])} would carry the token in the open. Use https.")
    return Remote(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", token, name)


def of(org: str | None) -> Remote | None:
    """As `chosen`, saying which; an organization that is named must be the token's. Raises RemoteRefused."""
    remote = chosen()
    if remote is None:
        return None
    remote.says_which()
    if org is not None and (opened := remote.get("/organization")["org"]) != org:
        raise RemoteRefused(f"The token opens {harmless(opened)}, not {harmless(org[:60])}. Sign in with one of that organization.")
    return remote


def stored() -> dict[str, Any]:
    """The file of profiles: `current`, and `profiles` by name. Raises ProfileIncomplete for one that cannot be read."""
    try:
        kept = json.loads(path().read_text(encoding="utf-8"))
        return {"current": str(kept["current"]), "profiles": {str(name): dict(one) for name, one in kept["profiles"].items()}}
    except FileNotFoundError:
        return {"current": "", "profiles": {}}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProfileIncomplete(
            f"{harmless(str(path()))} cannot be read ({type(error).__name__}). Remove it, and sign in again."
        ) from error


def store(kept: Mapping[str, Any]) -> None:
    """Write the file, for its owner's eyes only, whole or not at all."""
    path().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _private(path().with_suffix(".new")) as beside:
        beside.write_text(json.dumps(kept, indent=2), encoding="utf-8")
        beside.replace(path())


def path() -> Path:
    """Where profiles are kept."""
    return Path(platformdirs.user_config_dir("flyusage", appauthor=False)) / "profiles.json"


@contextmanager
def _private(beside: Path) -> Iterator[Path]:
    """A new file that nobody else could ever read."""
    beside.unlink(missing_ok=True)
    os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield beside
    finally:
        beside.unlink(missing_ok=True)


def _read(response: "httpx.Response") -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise RemoteUnreachable("What answers there is no flyusage. Check the address.") from error


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False
