"""Puts the built frontend and the migrations into the wheel, so that it serves from any folder without Node."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

INCLUDED = {
    ".web/build/client": "flyusage/_frontend/web/build/client",
    ".web/backend": "flyusage/_frontend/web/backend",
    ".web/routes.json": "flyusage/_frontend/web/routes.json",
    "rxconfig.py": "flyusage/_frontend/rxconfig.py",
    "alembic": "flyusage/_alembic",
}


class FrontendHook(BuildHookInterface):
    """Adds what lies outside the package; an editable install keeps using the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Refuse to pack a wheel without pages."""
        if version == "editable":
            return
        if not (Path(self.root) / ".web/build/client/404.html").exists():
            raise RuntimeError("The frontend is not built. Run `make wheel`, which builds it first.")
        build_data["force_include"].update(INCLUDED)
