"""What the alerts page asks of the database, printed. Blocks; call it off the event loop."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flyusage import clock, db
from flyusage.alerts import anomalies, deliveries, endpoints
from flyusage.alerts.anomalies import Found
from flyusage.alerts.deliveries import Delivery
from flyusage.alerts.endpoints import TOPICS, Endpoint, Made
from flyusage.auth import throttle
from flyusage.money import CURRENCIES, format_minor
from flyusage.orgs.errors import OrganizationUnknown
from flyusage.orgs.permissions import Permission
from flyusage.periods import DAY, Period
from flyusage.pricing.urls import view_to_query
from flyusage.ui import present
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.explorer.paths import usage_href
from flyusage.ui.session import OpenOrganization, open_organization

SHOWN_DAYS, MOST_ANOMALIES, MOST_DELIVERIES = 31, 60, 50
KINDS = {"webhook": "webhook, signed", "chat": "chat"}
TOPIC_WORDS = {"budgets": "budgets", "stops": "stops of spent budgets", "anomalies": "anomalies"}


@dataclass(frozen=True)
class AnomalyRow:
    """Something out of the ordinary. `tone` is up or down; `width` its share of the largest, as CSS."""

    where: str
    href: str
    when: str
    amount: str
    tone: str
    width: str
    why: str


@dataclass(frozen=True)
class EndpointRow:
    """An endpoint. `removing` and `turning` are what these will do."""

    id: str
    name: str
    kind: str
    url: str
    hears: str
    rotation: str
    is_signed: bool
    removing: str
    turning: str


@dataclass(frozen=True)
class DeliveryRow:
    """A message to an endpoint. `tone` is ok, warn or quiet."""

    id: str
    at: str
    endpoint: str
    what: str
    message_id: str
    state: str
    tone: str
    tried: str
    answer: str


@dataclass(frozen=True)
class Screen:
    """The whole page. `may_manage` shows endpoints and deliveries; what is done there is decided when it is asked for."""

    may_manage: bool = False
    anomalies: list[AnomalyRow] = field(default_factory=list)
    endpoints: list[EndpointRow] = field(default_factory=list)
    deliveries: list[DeliveryRow] = field(default_factory=list)


def ask(slug: str) -> Screen | None:
    """What is out of the ordinary; for who may, endpoints and deliveries, too. None where there is no organization. Raises NotPermitted."""
    org = open_organization(slug, Permission.USAGE_READ)
    if org is None:
        return None
    may_manage, now = Permission.DELIVERIES_MANAGE in org.permissions, clock.now()
    with db.transaction(org.id, apps=org.apps) as session:
        found = anomalies.anomalies(session, org.id, Period(now - SHOWN_DAYS * DAY, now), limit=MOST_ANOMALIES)
        kept = endpoints.endpoints(session, org.id) if may_manage else []
        sent = deliveries.log(session, org.id, limit=MOST_DELIVERIES) if may_manage else []
    most = max((abs(one.difference_minor) for one in found), default=1) or 1
    sees_machines = Permission.MACHINES_READ in org.permissions
    return Screen(
        may_manage,
        [anomaly_of(slug, one, most, sees_machines=sees_machines) for one in found],
        [endpoint_of(one) for one in kept],
        [delivery_of(one) for one in sent],
    )


def add(slug: str, form: Mapping[str, str]) -> Made:
    """A new endpoint from a form's kind, name, url and ticked topics. Raises NotPermitted and EndpointInvalid."""
    org = _org(slug)
    topics = [one for one in TOPICS if form.get(one)]
    with db.transaction(org.id, apps=org.apps) as session:
        return endpoints.create(session, org.id, kind=form["kind"], name=form["name"], url=form["url"], topics=topics, by=org.by)


def rotate(slug: str, endpoint_id: int) -> Made:
    """A new secret. Raises NotPermitted, EndpointInvalid and EndpointUnknown."""
    org = _org(slug)
    with db.transaction(org.id, apps=org.apps) as session:
        return endpoints.rotate(session, org.id, endpoint_id, by=org.by)


def remove(slug: str, endpoint_id: int) -> str:
    """Remove an endpoint; what it was called. Raises NotPermitted and EndpointUnknown."""
    org = _org(slug)
    with db.transaction(org.id, apps=org.apps) as session:
        return endpoints.end(session, org.id, endpoint_id, by=org.by).name


def test(slug: str, endpoint_id: int) -> tuple[bool, str]:
    """Send a test message now; whether it was taken, and the answer in words. Raises NotPermitted, EndpointUnknown, TooManyAttempts."""
    org = _org(slug)
    with db.platform_transaction() as session:
        throttle.count(session, "endpoint-tests", str(org.id), deliveries.TESTS)
    with db.transaction(org.id, apps=org.apps) as session:
        sent = deliveries.test(session, org.id, endpoint_id, by=org.by)
    made = deliveries.send(org.id, sent)
    if made is None:  # a worker was quicker
        return True, "It is being sent; the log below says how it went."
    return made.is_taken, answer_of(made.status, made.excerpt, made.took_ms)


def replay(slug: str, delivery_id: int) -> None:
    """Send a message once more. Raises NotPermitted, EndpointUnknown and EndpointInvalid."""
    org = _org(slug)
    with db.transaction(org.id, apps=org.apps) as session:
        deliveries.replay(session, org.id, delivery_id, by=org.by)


def anomaly_of(slug: str, one: Found, most_minor: int, *, sees_machines: bool) -> AnomalyRow:
    """An anomaly's row; machines by name only for who may see them. Pure."""
    since, until = (f"{at:%b} {at.day}, {at:%H:%M}" for at in (one.since, one.until))
    return AnomalyRow(
        where=visible(one.where),
        href=usage_href(slug, view_to_query(anomalies.view_of(one))),
        when=f"{since} to {until} UTC" if one.is_over else f"since {since} UTC, still going on at {until}",
        amount=("+" if one.is_rise else "−") + format_minor(abs(one.difference_minor), CURRENCIES[one.currency]),
        tone="up" if one.is_rise else "down",
        width=f"{100 * abs(one.difference_minor) / most_minor:.1f}%",
        why=visible(one.cause.words(with_names=sees_machines) or "No machine began or ended then."),
    )


def endpoint_of(one: Endpoint) -> EndpointRow:
    """An endpoint's row. Pure."""
    until = one.old_until
    return EndpointRow(
        id=str(one.id),
        name=visible(one.name),
        kind=KINDS[one.kind],
        url=visible(one.shown_url),
        hears=f"hears of {', '.join(TOPIC_WORDS[topic] for topic in one.topics)}",
        rotation=f"the old secret signs beside the new one until {until:%b} {until.day}, {until:%H:%M} UTC" if until else "",
        is_signed=one.kind == endpoints.WEBHOOK,
        removing=f"Nothing is sent to {visible(one.name)} any more, and what still waits for it is given up. The log stays.",
        turning=f"{visible(one.name)} gets a new secret, shown once. For 24 hours messages are signed with both, so that a receiver can change over.",
    )


def delivery_of(one: Delivery) -> DeliveryRow:
    """A delivery's row. Pure."""
    last = one.tried[0] if one.tried else None
    due = f"{one.due_at:%b} {one.due_at.day}, {one.due_at:%H:%M} UTC"
    state = {"delivered": "delivered", "failed": "given up", "waiting": f"again at {due}" if last else "waits"}[one.state]
    return DeliveryRow(
        id=str(one.id),
        at=f"{present.moment_text(one.created_at)} UTC",
        endpoint=visible(one.endpoint),
        what=visible(one.summary),
        message_id=one.message_id,
        state=state,
        tone={"delivered": "ok", "failed": "warn", "waiting": "quiet"}[one.state],
        tried=present.plural(one.attempts, "attempt"),
        answer=answer_of(last.status, last.excerpt, last.took_ms) if last else "",
    )


def answer_of(status: int | None, excerpt: str, took_ms: int) -> str:
    """An attempt's answer in words. Pure."""
    said = visible(excerpt) if excerpt else ""
    return f"{status} in {took_ms:,} ms{': ' + said if said else ''}" if status is not None else said


def _org(slug: str) -> OpenOrganization:
    org = open_organization(slug, Permission.DELIVERIES_MANAGE)
    if org is None:
        raise OrganizationUnknown("There is no organization at this address.")
    return org
