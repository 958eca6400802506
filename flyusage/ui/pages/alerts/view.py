"""The alerts page."""

import reflex as rx
from reflex.vars import Var

from flyusage.alerts.endpoints import LONGEST_NAME, TOPICS
from flyusage.ui.components.confirm import confirm
from flyusage.ui.components.field import field, text_field
from flyusage.ui.components.phases import failed, waiting
from flyusage.ui.components.shown_once import shown_once
from flyusage.ui.layout import page
from flyusage.ui.pages.alerts.question import SHOWN_DAYS, TOPIC_WORDS, AnomalyRow, DeliveryRow, EndpointRow
from flyusage.ui.pages.alerts.state import SHOWN_IN, Alerts

SCREEN = Alerts.screen


def alerts() -> rx.Component:
    """The whole page."""
    return page(
        rx.match(
            Alerts.phase,
            ("ready", _ready()),
            ("failed", failed("Alerts cannot be shown", Alerts.problem, Alerts.load)),
            waiting("Loading the alerts", "row", "row"),
        ),
        title="Alerts",
        note="all times UTC",
    )


def _ready() -> rx.Component:
    managing = rx.fragment(_secret(), _endpoints(), rx.cond(SCREEN.deliveries.length() > 0, _deliveries(), rx.fragment()))
    return rx.fragment(_anomalies(), rx.cond(SCREEN.may_manage, managing, rx.fragment()))


def _anomalies() -> rx.Component:
    nothing = rx.el.p(
        "Nothing was out of the ordinary, or there are less than four weeks of history to tell by. An hour is looked at two hours after its end.",
        class_name="muted",
    )
    return rx.el.section(
        rx.el.header(
            rx.el.h2("Out of the ordinary", class_name="card-title"),
            rx.el.span(f"last {SHOWN_DAYS} days, at most five a day, against what is usual at that hour", class_name="card-note"),
            class_name="card-head",
        ),
        rx.cond(SCREEN.anomalies.length() > 0, rx.el.ul(rx.foreach(SCREEN.anomalies, _anomaly), class_name="anomalies"), nothing),
        class_name="card",
        aria_label="Out of the ordinary",
    )


def _anomaly(row: Var[AnomalyRow]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.link(rx.el.bdi(row.where), href=row.href, class_name="link strong"),
            rx.el.span(row.amount, class_name="anomaly-amount", custom_attrs={"data-tone": row.tone}),
            class_name="anomaly-head",
        ),
        rx.el.p(row.when, class_name="small"),
        rx.el.p(row.why, class_name="small muted anomaly-why"),
        rx.el.div(
            rx.el.div(style={"width": row.width}, class_name="anomaly-fill", custom_attrs={"data-tone": row.tone}),
            class_name="anomaly-bar",
            aria_hidden="true",
        ),
    )


def _secret() -> rx.Component:
    says = "This is the only time it is shown. The receiver checks every message's signature with it, by any library of Standard Webhooks."
    return shown_once("Copy it now: the secret of ", Alerts.secret_name, says, SHOWN_IN, Alerts.forget)


def _endpoints() -> rx.Component:
    listed = rx.el.ul(rx.foreach(SCREEN.endpoints, _endpoint), class_name="token-list")
    nothing = rx.el.p(
        "Alerts go by mail: a budget's to whom it names, anomalies to owners and admins, once a day at most. Who gets them chooses on ",
        rx.el.a("the account's page", href="/account", class_name="link"),
        ". A webhook or a chat that hears of anomalies, added below, takes that mail's place.",
        class_name="muted",
    )
    return rx.el.section(
        rx.el.header(
            rx.el.h2("Where alerts are sent", class_name="card-title"),
            rx.el.span("beside mail", class_name="card-note"),
            class_name="card-head",
        ),
        rx.cond(SCREEN.endpoints.length() > 0, listed, nothing),
        _new(),
        class_name="card",
        aria_label="Where alerts are sent",
    )


def _endpoint(row: Var[EndpointRow]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.div(
                rx.el.bdi(row.name, class_name="strong"),
                rx.el.span(row.kind, class_name="state", custom_attrs={"data-tone": "quiet"}),
                class_name="token-head",
            ),
            rx.el.div(rx.el.code(row.url, class_name="small endpoint-url")),
            rx.el.div(row.hears, class_name="muted small"),
            rx.cond(row.rotation != "", rx.el.div(row.rotation, class_name="muted small"), rx.fragment()),
            class_name="token-text",
        ),
        rx.el.div(
            rx.el.button("Send a test", type="button", on_click=Alerts.test(row.id), class_name="button"),
            rx.cond(row.is_signed, confirm("New secret", row.turning, "Make a new secret", Alerts.rotate(row.id)), rx.fragment()),
            confirm("Remove", row.removing, "Remove it", Alerts.remove(row.id)),
            class_name="endpoint-actions",
        ),
        key=row.id,
    )


def _new() -> rx.Component:
    kind = rx.el.select(
        rx.el.option("webhook, signed by the Standard Webhooks scheme", value="webhook"),
        rx.el.option("chat: Slack's incoming webhook, or one like it", value="chat"),
        name="kind",
        class_name="field",
    )
    topics = [
        rx.el.label(
            rx.el.input(type="checkbox", name=one, value="on", default_checked=True), rx.el.span(TOPIC_WORDS[one]), class_name="token-scope"
        )
        for one in TOPICS
    ]
    form = rx.el.form(
        text_field("Name", "name", required=True, max_length=LONGEST_NAME, placeholder="such as on-call", auto_complete="off"),
        field("Kind", kind),
        text_field(
            "Address",
            "url",
            required=True,
            max_length=2000,
            placeholder="https://hooks.example.com/flyusage",
            auto_complete="off",
            type="url",
        ),
        rx.el.fieldset(rx.el.legend("Hears of"), rx.el.div(*topics, class_name="token-scopes"), class_name="token-may"),
        rx.cond(Alerts.refusal != "", rx.el.p(Alerts.refusal, role="alert", class_name="token-refusal"), rx.fragment()),
        rx.el.button("Add it", type="submit", class_name="button button-primary"),
        on_submit=Alerts.add,
        reset_on_submit=False,
        class_name="token-form",
    )
    return rx.el.details(
        rx.el.summary(rx.icon("plus", size=16, aria_hidden="true"), "New endpoint", class_name="button"), form, class_name="endpoint-new"
    )


def _deliveries() -> rx.Component:
    head = rx.el.tr(
        rx.el.th("When", scope="col"),
        rx.el.th("To", scope="col"),
        rx.el.th("What", scope="col", class_name="wide"),
        rx.el.th("State", scope="col"),
        rx.el.th("Last answer", scope="col", class_name="wide"),
        rx.el.td(),
    )
    return rx.el.section(
        rx.el.header(rx.el.h2("Sent", class_name="card-title"), rx.el.span("newest first", class_name="card-note"), class_name="card-head"),
        rx.el.div(
            rx.el.table(rx.el.thead(head), rx.el.tbody(rx.foreach(SCREEN.deliveries, _delivery)), class_name="table"),
            class_name="table-box",
            tab_index=0,
            role="region",
            aria_label="What was sent to endpoints",
        ),
        class_name="card",
        aria_label="Sent",
    )


def _delivery(row: Var[DeliveryRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(row.at, class_name="nowrap"),
        rx.el.th(rx.el.bdi(row.endpoint), scope="row"),
        rx.el.td(rx.el.bdi(row.what), rx.el.div(rx.el.code(row.message_id, class_name="tiny muted")), class_name="wide small"),
        rx.el.td(
            rx.el.span(row.state, class_name="state", custom_attrs={"data-tone": row.tone}), rx.el.div(row.tried, class_name="muted small")
        ),
        rx.el.td(row.answer, class_name="wide muted small"),
        rx.el.td(
            rx.el.button(
                "Send again",
                type="button",
                on_click=Alerts.replay(row.id),
                class_name="button nowrap",
                aria_label="Send again: " + row.what,
            )
        ),
        key=row.id,
    )
