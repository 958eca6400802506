"""What an installation without any organization shows: the commands that fill it."""

import reflex as rx


def welcome() -> rx.Component:
    """Three ways to the first figures."""
    return rx.el.main(
        rx.el.section(
            rx.el.h1("Nothing has been metered yet", class_name="card-title"),
            rx.el.p("Fill it with a synthetic company of 10,000 machines, with the public trace, or with your own events:"),
            *[_command(line) for line in ("flyusage demo", "flyusage demo --trace FILE", "flyusage ingest events.ndjson")],
            rx.el.p(rx.el.a("Look again", href="/", class_name="button button-primary")),
            class_name="card empty",
        ),
        id="content",
    )


def _command(line: str) -> rx.Component:
    copy = rx.el.button(
        rx.icon("copy", size=14, aria_hidden="true"),
        rx.el.span("Copy", class_name="visually-hidden"),
        type="button",
        class_name="button button-quiet",
        title="Copy",
        on_click=rx.set_clipboard(line),
    )
    return rx.el.code(line, copy, class_name="command")
