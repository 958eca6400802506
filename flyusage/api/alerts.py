"""`/alerts`, `/anomalies`, `/endpoints`, `/deliveries`: what was told, of what, to whom, and whether it arrived."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from sqlmodel import Session
from starlette.responses import Response

from flyusage import clock, db
from flyusage.alerts import anomalies as watched
from flyusage.alerts import deliveries as sent
from flyusage.alerts import endpoints as reached
from flyusage.alerts import telling
from flyusage.alerts.deliveries import Delivery as Sent
from flyusage.alerts.telling import Reached
from flyusage.api.answers import LAST_ID, After, Id, Limit, Money, Page, answer, cursor, money, parts_of
from flyusage.api.auth import Caller, route
from flyusage.api.errors import CursorInvalid
from flyusage.api.writes import Key, written
from flyusage.auth import throttle
from flyusage.orgs.permissions import Permission
from flyusage.periods import DAY, Period
from flyusage.pricing.urls import parse_moment, view_to_query

router = APIRouter(tags=["alerts"])

READ, MANAGE = Permission.USAGE_READ, Permission.DELIVERIES_MANAGE
FURTHEST = 10**6
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # of what a cursor of ours says; far enough from where calendars begin


class Alert(BaseModel):
    """A threshold that was reached; told once a month."""

    budget: int = Field(description="The budget's id.")
    name: str = Field(description="The budget's.")
    month: date = Field(description="The first day of the month.")
    basis: Literal["spent", "expected", "cap"] = Field(description="Spent; expected by the month's end; or the stop of a spent budget.")
    percent: int
    reached_at: datetime
    amount: Money = Field(description="Spent or expected by then.")
    of: Money = Field(description="The budget's amount by then.")
    outcome: str | None = Field(description="What became of the mail; null while it waits.")
    last_error: str | None = Field(description="Why it waits.")


class Anomaly(BaseModel):
    """Something that cost more or less than is usual."""

    id: int
    app: str | None = Field(description="Null: all of them.")
    region: str | None = Field(description="Null: all of them.")
    is_traffic: bool = Field(description="Of traffic, by day; else of all else, by hour.")
    is_rise: bool
    since: datetime
    until: datetime = Field(description="Its end; so far, while it goes on.")
    is_over: bool
    difference: Money = Field(description="Against what is usual; an estimate.")
    expected: Money = Field(description="What is usual.")
    says: str = Field(description="What happened, in a sentence.")
    cause: dict[str, Any] = Field(description="sku, is_rise, count, app_count, and machines by name.")
    why: str = Field(description="The cause in words; machines by name only with `machines.read`.")
    view: str = Field(description="The query that shows it, for /usage and the explorer.")


class Endpoint(BaseModel):
    """Where messages go beside mail. Its secret is never told, of a chat's address only the host."""

    id: int
    kind: Literal["webhook", "chat"]
    name: str
    topics: list[str] = Field(description="budgets, stops, anomalies.")
    url: str
    created_at: datetime
    old_secret_until: datetime | None = Field(description="Until when a secret that was replaced still signs beside the new one.")


class Attempt(BaseModel):
    """One time that a message was sent."""

    number: int
    at: datetime
    took_ms: int
    status: int | None = Field(description="Null where no answer came.")
    excerpt: str = Field(description="What was answered, or why nothing was.")


class Delivery(BaseModel):
    """A message to one endpoint."""

    id: int
    endpoint: str = Field(description="The endpoint's name.")
    message: str = Field(description="The message's id, the `webhook-id` of every attempt.")
    type: str = Field(examples=["budget.threshold"])
    summary: str
    state: Literal["waiting", "delivered", "failed"]
    created_at: datetime
    due_at: datetime = Field(description="While it waits: when the next attempt is.")
    attempts: int = Field(description="So many so far.")
    last: Attempt | None


class DeliveryDetail(Delivery):
    """A message with its body and every attempt."""

    body: str = Field(description="As it is sent, byte for byte.")
    tried: list[Attempt] = Field(description="The newest first.")


@route(router, "GET", "/alerts", needs=READ, problems=(422,), response_model=Page[Alert], summary="What budgets told")
def alerts(request: Request, bearer: Caller, limit: Limit = 100, after: After = None) -> Response:
    """Newest first."""
    kept = parts_of(after, [str, int, str, str, int])
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        found = telling.alerts(session, bearer.org_id, limit=limit + 1, after=_reached(kept) if kept else None)
    shown = found[:limit]
    data = [
        Alert(
            **{name: getattr(one, name) for name in ("month", "basis", "percent", "reached_at", "outcome", "last_error")},
            budget=one.budget_id,
            name=one.budget_name,
            amount=money(one.amount_minor, one.currency),
            of=money(one.budget_minor, one.currency),
        )
        for one in shown
    ]
    last = shown[-1] if len(found) > limit else None
    following = cursor(last.reached_at.isoformat(), last.budget_id, last.month.isoformat(), last.basis, last.percent) if last else None
    return answer(request, Page[Alert](data=data, next=following))


@route(router, "GET", "/anomalies", needs=READ, problems=(422,), response_model=Page[Anomaly], summary="What was out of the ordinary")
def anomalies(
    request: Request,
    bearer: Caller,
    days: Annotated[int, Query(ge=1, le=800, description="Of so many days up to now.")] = 31,
    everything: Annotated[bool, Query(alias="all", description="The small ones, too, and more than a handful a day.")] = False,
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """The latest day first, and in it by what they came to; at most five a day unless `all` is asked for."""
    kept = parts_of(after, [int, str])
    start, now = (kept[0], parse_moment(kept[1])) if kept else (0, clock.now().replace(microsecond=0))
    if now is None or now < EARLIEST or not 0 <= start < FURTHEST:
        raise CursorInvalid
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        period = Period(now - days * DAY, now)
        found = watched.anomalies(session, bearer.org_id, period, limit=start + limit + 1, all_of_them=everything)[start:]
    with_names = Permission.MACHINES_READ in bearer.permissions
    following = cursor(start + limit, f"{now:%Y-%m-%dT%H:%M:%SZ}") if len(found) > limit else None
    return answer(request, Page[Anomaly](data=[_anomaly(one, with_names=with_names) for one in found[:limit]], next=following))


@route(router, "GET", "/endpoints", needs=MANAGE, response_model=Page[Endpoint], summary="Endpoints")
def endpoints(request: Request, bearer: Caller) -> Response:
    """Those in force, by name. They are made on the page of alerts, where their secret is shown once."""
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        found = reached.endpoints(session, bearer.org_id)
    return answer(request, Page[Endpoint](data=[_endpoint(one) for one in found]))


@route(router, "GET", "/endpoints/{endpoint}", needs=MANAGE, problems=(404,), response_model=Endpoint, summary="One endpoint")
def one_endpoint(request: Request, bearer: Caller, endpoint: Id) -> Response:
    """As it is in force."""
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        found = reached.endpoint_of(session, bearer.org_id, endpoint)
    return answer(request, _endpoint(found))


@route(
    router, "POST", "/endpoints/{endpoint}/test", needs=MANAGE, problems=(404, 422), response_model=Delivery, status_code=202,
    summary="Send a test message",
)  # fmt: skip
def try_endpoint(request: Request, bearer: Caller, endpoint: Id, key: Key = "") -> Response:
    """It goes out at once; `/deliveries/{delivery}` says whether it arrived."""

    def write(session: Session) -> tuple[int, Delivery]:
        made = sent.test(session, bearer.org_id, endpoint, by=bearer.by)
        return 202, Delivery(**_delivery(sent.delivery_of(session, bearer.org_id, made)))

    with db.platform_transaction() as counting:  # before the other: whoever held one and waited for a second would stop everybody
        throttle.count(counting, "endpoint-tests", str(bearer.org_id), sent.TESTS)
    return written(request, bearer, key, None, write)


@route(router, "GET", "/deliveries", needs=MANAGE, problems=(422,), response_model=Page[Delivery], summary="Messages to endpoints")
def deliveries(
    request: Request,
    bearer: Caller,
    state: Annotated[Literal["waiting", "delivered", "failed"] | None, Query(description="Only those in this state.")] = None,
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """Newest first, each with its last attempt."""
    kept = parts_of(after, [int])
    before = max(1, min(kept[0], LAST_ID)) if kept else None
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        found = sent.log(session, bearer.org_id, limit=limit + 1, before=before, state=state)
    following = cursor(found[limit - 1].id) if len(found) > limit else None
    return answer(request, Page[Delivery](data=[Delivery(**_delivery(one)) for one in found[:limit]], next=following))


@route(router, "GET", "/deliveries/{delivery}", needs=MANAGE, problems=(404,), response_model=DeliveryDetail, summary="One message")
def one_delivery(request: Request, bearer: Caller, delivery: Id) -> Response:
    """With its body and every attempt."""
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        found = sent.delivery_of(session, bearer.org_id, delivery)
    tried = [Attempt(**vars(one)) for one in found.tried]
    return answer(request, DeliveryDetail(**_delivery(found), body=found.body, tried=tried))


@route(
    router, "POST", "/deliveries/{delivery}/replay", needs=MANAGE, problems=(404, 422), response_model=Delivery, status_code=202,
    summary="Send a message once more",
)  # fmt: skip
def replay_delivery(request: Request, bearer: Caller, delivery: Id, key: Key = "") -> Response:
    """Under its own id and as it was, so that a receiver who has it knows it again."""

    def write(session: Session) -> tuple[int, Delivery]:
        sent.replay(session, bearer.org_id, delivery, by=bearer.by)
        return 202, Delivery(**_delivery(sent.delivery_of(session, bearer.org_id, delivery)))

    return written(request, bearer, key, None, write)


def _reached(kept: list) -> Reached:
    """Raises CursorInvalid."""
    at, budget, month, basis, percent = kept
    moment = parse_moment(at)
    try:
        first = date.fromisoformat(month)
    except ValueError:
        first = None
    if moment is None or first is None or "\0" in basis or not (0 < budget <= LAST_ID and 0 <= percent < 2**31):
        raise CursorInvalid
    return Reached(moment, budget, first, basis, percent)


def _anomaly(one: watched.Found, *, with_names: bool) -> Anomaly:
    return Anomaly(
        **{name: getattr(one, name) for name in ("id", "is_traffic", "is_rise", "since", "until", "is_over")},
        app=one.app or None,
        region=one.region or None,
        difference=money(one.difference_minor, one.currency),
        expected=money(one.expected_minor, one.currency),
        says=watched.sentence(one),
        cause={**one.cause.plain(), **({} if with_names else {"machines": []})},
        why=one.cause.words(with_names=with_names),
        view=urlencode(view_to_query(watched.view_of(one))),
    )


def _endpoint(one: reached.Endpoint) -> Endpoint:
    return Endpoint(
        id=one.id,
        kind=one.kind,
        name=one.name,
        topics=list(one.topics),
        url=one.shown_url,
        created_at=one.created_at,
        old_secret_until=one.old_until,
    )


def _delivery(one: Sent) -> dict[str, Any]:
    kept = ("id", "endpoint", "type", "summary", "state", "created_at", "due_at", "attempts")
    last = Attempt(**vars(one.tried[0])) if one.tried else None
    return {**{name: getattr(one, name) for name in kept}, "message": one.message_id, "last": last}
