"""The built frontend: where it is, whether it is up to date, how to build it, how to serve it without Node.

In a checkout it is `.web/`, built by `python -m flyusage.ui.bundle`; in a wheel it is `flyusage/_frontend/`. Serving a
prebuilt frontend from Python rests on names internal to the pinned version of Reflex; `tests/test_server.py` holds it.
"""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from flyusage.errors import FlyusageError
from flyusage.ui import licences

PACKAGE = Path(__file__).parents[1]
SOURCES = ("flyusage/ui", "flyusage/flyusage.py", "flyusage/pricing/view.py", "assets", "rxconfig.py")
STAMP = "flyusage.json"


class FrontendNotBuilt(FlyusageError):
    """There is no built frontend to serve."""

    code = "frontend_not_built"
    status = 503


class FrontendFailed(FlyusageError):
    """The frontend's builder gave up."""

    code = "frontend_failed"
    status = 500


def root() -> Path:
    """The folder with `rxconfig.py`: inside the package in a wheel, the checkout otherwise."""
    packaged = PACKAGE / "_frontend"
    return packaged if (packaged / "rxconfig.py").exists() else PACKAGE.parent


def web() -> Path:
    """The folder that Reflex builds into and serves from."""
    return root() / ("web" if root().is_relative_to(PACKAGE) else ".web")


def client() -> Path:
    """The static files that browsers load."""
    return web() / "build" / "client"


@contextmanager
def serving() -> Iterator[None]:
    """Inside, Reflex in this process takes its settings and pages from here, whatever the working directory was.

    Its App reads rxconfig.py from the working directory while it is made, and without one runs on its defaults: open to
    every origin, with its state on disk. Raises FrontendNotBuilt.
    """
    if not (client() / "404.html").exists():
        raise FrontendNotBuilt("The pages are not built yet. Run `make frontend` in the checkout, or install the wheel.")
    os.environ |= {
        "REFLEX_ENV_MODE": "prod",
        "REFLEX_WEB_WORKDIR": str(web()),
        "REFLEX_CHECK_LATEST_VERSION": "false",
        "__REFLEX_SKIP_COMPILE": "true",
        "__REFLEX_MOUNT_FRONTEND_COMPILED_APP": "true",
    }
    with contextlib.chdir(root()):
        yield
        from reflex.config import get_config  # late: `make frontend` is quicker without Reflex

        if get_config().app_name != "flyusage":
            raise FrontendNotBuilt(f"No rxconfig.py of flyusage in {root()}. Reinstall flyusage.")


def is_current() -> bool:
    """Whether the built frontend is what the sources and the lock would give."""
    stamp = web() / STAMP
    return client().exists() and stamp.exists() and json.loads(stamp.read_text()) == {"sources": _sources(), "lock": _lock()}


def build() -> None:
    """Compile and bundle the frontend (about 20 s on two cores). Raises FrontendFailed with the builder's words."""
    stamp = web() / STAMP
    stamp.unlink(missing_ok=True)
    sources = _sources()
    settings = {"REFLEX_TELEMETRY_ENABLED": "false", "REFLEX_CHECK_LATEST_VERSION": "false"}
    command = [sys.executable, "-m", "reflex", "export", "--frontend-only", "--no-zip", "--env", "prod"]
    ran = subprocess.run(
        command, cwd=root(), env=os.environ | settings, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if ran.returncode != 0:
        raise FrontendFailed(f"The frontend could not be built. The builder's last words:\n{ran.stdout[-3000:]}")
    _pack()
    (client() / licences.FILE).write_text(licences.licences(web()), encoding="utf-8")
    package = root() / "reflex.lock" / "package.json"
    package.write_text(json.dumps(json.loads(package.read_text()), indent=2) + "\n")  # Reflex's own spelling varies
    stamp.write_text(json.dumps({"sources": sources, "lock": _lock()}))


def _pack() -> None:
    """Every file's gzip again, as small as it gets: browsers ask for Brotli over HTTPS only."""
    import deflate  # only a checkout builds

    for packed in client().rglob("*.gz"):
        smaller = deflate.gzip_compress(packed.with_suffix("").read_bytes(), 12)
        if len(smaller) < packed.stat().st_size:
            packed.write_bytes(smaller)


def _sources() -> str:
    """A digest of what the frontend is compiled from, besides its packages."""
    found: list[Path] = []
    for name in SOURCES:
        path = root() / name
        found += [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return _digest([path for path in found if "__pycache__" not in path.parts])


def _lock() -> str:
    return _digest([root() / "reflex.lock" / name for name in ("bun.lock", "package.json")])


def _digest(paths: list[Path]) -> str:
    digest = hashlib.sha256(f"reflex {version('reflex')}".encode())
    for path in sorted(paths):
        digest.update(str(path.relative_to(root())).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def main() -> None:
    """Build what is out of date; for `make frontend`."""
    if is_current():
        return
    print("Building the pages (about 20 s, once) …", flush=True)
    try:
        build()
    except FlyusageError as failure:
        sys.exit(failure.sentence)


if __name__ == "__main__":
    main()
