"""The Reflex app: its pages and its theme. No logic."""

import reflex as rx

from flyusage.ui.pages.overview import Overview, overview

app = rx.App(stylesheets=["tokens.css", "app.css"])
app.add_page(overview, route="/orgs/[slug]", title="Overview · flyusage", on_load=Overview.load)
