"""The built frontend: where it is, whether it is up to date, how to build it, how to serve it without Node.

In a checkout it is `.web/`, built by `python -m flyusage.ui.bundle`; in a wheel it is `flyusage/_frontend/`. Serving a
prebuilt frontend from Python rests on names internal to the pinned version of Reflex; `tests/test_server.py` holds it.
"""

import hashlib
import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from flyusage.errors import FlyusageError

PACKAGE = Path(__file__).parents[1]
INPUTS = ("flyusage/ui", "flyusage/flyusage.py", "assets", "reflex.lock/package.json", "rxconfig.py")
STAMP = "flyusage.json"


class FrontendNotBuilt(FlyusageError):
    """There is no built frontend to serve."""

    code = "frontend_not_built"
    status = 503


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


def use() -> None:
    """Point Reflex in this process at the built frontend, from any working directory. Raises FrontendNotBuilt."""
    from reflex_base.config import _get_config
    from reflex_base.registry import RegistrationContext

    if not (client() / "404.html").exists():
        raise FrontendNotBuilt("The pages are not built yet. Run `make frontend` in the checkout, or install the wheel.")
    os.environ |= {
        "REFLEX_ENV_MODE": "prod",
        "REFLEX_WEB_WORKDIR": str(web()),
        "REFLEX_CHECK_LATEST_VERSION": "false",
        "__REFLEX_SKIP_COMPILE": "true",
        "__REFLEX_MOUNT_FRONTEND_COMPILED_APP": "true",
    }
    config = _get_config(root())
    if config.app_name != "flyusage":  # Reflex falls back to its defaults, open to every origin, without a word
        raise FrontendNotBuilt(f"No rxconfig.py of flyusage in {root()}. Reinstall flyusage.")
    RegistrationContext.ensure_context()._set_config(config)


def fingerprint() -> str:
    """A digest of everything the frontend is compiled from."""
    digest = hashlib.sha256(f"reflex {version('reflex')}".encode())
    for source in sorted(_sources()):
        digest.update(str(source.relative_to(root())).encode() + b"\0" + hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()


def is_current() -> bool:
    """Whether the built frontend is what the sources would give."""
    stamp = web() / STAMP
    return client().exists() and stamp.exists() and json.loads(stamp.read_text())["inputs"] == fingerprint()


def build() -> None:
    """Compile and bundle the frontend (about 15 s); raises CalledProcessError with the builder's output on the terminal."""
    stamp = web() / STAMP
    stamp.unlink(missing_ok=True)
    inputs = fingerprint()
    settings = {"REFLEX_TELEMETRY_ENABLED": "false", "REFLEX_CHECK_LATEST_VERSION": "false"}
    command = [sys.executable, "-m", "reflex", "export", "--frontend-only", "--no-zip", "--env", "prod"]
    subprocess.run(command, cwd=root(), env=os.environ | settings, check=True)
    stamp.write_text(json.dumps({"inputs": inputs}))


def _sources() -> list[Path]:
    found = []
    for name in INPUTS:
        path = root() / name
        found += [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return [path for path in found if "__pycache__" not in path.parts]


if __name__ == "__main__":
    if is_current():
        print("The frontend is up to date.")
    else:
        build()
