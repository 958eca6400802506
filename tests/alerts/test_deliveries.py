"""Messages to endpoints: told once, sent at least once, signed as the standard says, and judged by a real receiver."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from billing_world import take_in, volume
from conftest import Begun, chosen
from factories import started
from receiver import Receiver, receiving
from standardwebhooks import Webhook, WebhookVerificationError

from flyusage import clock, db
from flyusage.alerts import caps, deliveries, endpoints, posting
from flyusage.alerts.background import look, send_due
from flyusage.alerts.budgets import Plan, create
from flyusage.alerts.errors import EndpointInvalid, EndpointUnknown
from flyusage.orgs.acting import member, system
from flyusage.orgs.audit import entries
from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.models import Role

BY = system("test")
NOW = datetime(2026, 10, 16, tzinfo=UTC)


def prisms_story() -> int:
    """Half of October, in which web's 600 GB cost $45.00. Two machines run: fra's at twice the price of dfw's. Rival has a machine, too."""
    with clock.freeze(NOW):
        return take_in(
            volume("v1", 600)[0],
            started("m-small", "2026-10-15T23:00:00Z", vm_size="shared-cpu-1x", memory_mb=256, app="web", region="dfw"),
            started("m-large", "2026-10-15T23:00:00Z", vm_size="performance-2x", memory_mb=4096, app="web", region="fra"),
            started("m-other", "2026-10-15T23:00:00Z", vm_size="performance-8x", memory_mb=16384, app="api", region="fra"),
            started("r", "2026-10-15T23:00:00Z", org="rival"),
            at=NOW,
        )["prism"]


@pytest.fixture
def prism(begun: Begun) -> Iterator[int]:
    org_id = begun(prisms_story)
    with chosen({"FLYUSAGE_DELIVERY_NETWORKS": "127.0.0.1/32", "FLYUSAGE_BASE_URL": "https://usage.example"}), clock.freeze(NOW):
        yield org_id


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def endpoint(org_id: int, url: str, *topics: str, kind: str = "webhook", name: str = "Hook") -> endpoints.Made:
    with db.transaction(org_id) as session:
        return endpoints.create(session, org_id, kind=kind, name=name, url=url, topics=topics or endpoints.TOPICS, by=BY)


def budget(org_id: int, **more) -> int:
    with db.transaction(org_id) as session:
        plan = Plan("Web", 4_000, {"app": "web"}, **{"percents": (50, 80, 100), "forecast_percents": (), **more})
        return create(session, org_id, plan, by=BY).id


def listed(org_id: int) -> list[deliveries.Delivery]:
    with db.transaction(org_id) as session:
        return deliveries.log(session, org_id)


def test_a_reached_threshold_is_posted_signed_once_and_says_what_and_where(prism: int, receiver: Receiver):
    made = endpoint(prism, receiver.url, "budgets")
    budget(prism)
    look()
    look()
    send_due()
    send_due()
    (posted,) = receiver.got
    said = json.loads(posted.body)
    assert (said["type"], said["timestamp"]) == ("budget.reached", "2026-10-16T00:00:00Z")
    facts = said["data"]
    assert (facts["budget"], facts["percent"], facts["basis"], facts["month"]) == ("Web", 100, "spent", "2026-10")
    assert (facts["budget_amount"], facts["currency"], facts["link"]) == ("40.00", "USD", "https://usage.example/orgs/prism/budgets")
    (one,) = listed(prism)
    assert (one.state, one.attempts, one.tried[0].status) == ("delivered", 1, 204)
    assert posted.headers["webhook-id"] == one.message_id
    assert int(posted.headers["webhook-timestamp"]) == int(NOW.timestamp())
    assert made.secret.startswith("whsec_")


def test_receivers_check_it_by_the_standards_own_library_and_for_a_day_with_either_secret(prism: int, receiver: Receiver):
    old = endpoint(prism, receiver.url)
    with db.transaction(prism) as session:
        new = endpoints.rotate(session, prism, old.endpoint.id, by=BY)
    real = datetime.now(UTC)  # the library holds the timestamp against its own clock
    for later, is_old_good in ((timedelta(), True), (timedelta(days=1), False)):
        receiver.got.clear()
        with clock.freeze(NOW + later), db.transaction(prism) as session:
            sent = deliveries.test(session, prism, old.endpoint.id, by=BY)
        with db.platform_transaction() as session:  # as if the rotation was as long ago from the real present
            until = real + endpoints.ROTATION - later - timedelta(seconds=1)
            session.execute(sa.text("UPDATE alert_endpoint SET old_until = :until"), {"until": until})
        with clock.freeze(real):
            deliveries.send(prism, sent)
        (posted,) = receiver.got
        Webhook(new.secret).verify(posted.body, posted.headers)
        if is_old_good:
            Webhook(old.secret).verify(posted.body, posted.headers)
        else:
            with pytest.raises(WebhookVerificationError):
                Webhook(old.secret).verify(posted.body, posted.headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(new.secret).verify(posted.body + b" ", posted.headers)


def test_two_workers_and_one_that_died_between_sending_and_noting_tell_one_message(prism: int, receiver: Receiver, monkeypatch):
    endpoint(prism, receiver.url, "budgets")
    budget(prism)
    with ThreadPoolExecutor(4) as threads:
        for one in [threads.submit(look) for _ in range(4)]:
            one.result()
    with monkeypatch.context() as dying:
        dying.setattr(deliveries, "_note", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            send_due()
    with ThreadPoolExecutor(4) as threads:
        for one in [threads.submit(send_due) for _ in range(4)]:
            one.result()
    assert len(receiver.got) == 1  # what died holds its claim for two minutes
    with clock.freeze(NOW + deliveries.LEASE), ThreadPoolExecutor(4) as threads:
        for one in [threads.submit(send_due) for _ in range(4)]:
            one.result()
    first, second = receiver.got
    assert first.headers["webhook-id"] == second.headers["webhook-id"]  # by which the receiver drops the second
    assert first.body == second.body
    assert [one.state for one in listed(prism)] == ["delivered"]


def test_nothing_is_sent_of_an_organization_that_is_deleted_until_that_is_undone(prism: int, receiver: Receiver):
    endpoint(prism, receiver.url, "budgets")
    budget(prism)
    look()
    for moment, sent in (("now()", 0), ("NULL", 1)):
        with db.platform_transaction() as session:
            session.execute(sa.text(f"UPDATE organization SET deleted_at = {moment} WHERE id = :org"), {"org": prism})
        send_due()
        assert len(receiver.got) == sent


def test_what_fails_is_tried_ever_more_rarely_then_given_up_and_can_be_replayed(prism: int, receiver: Receiver):
    endpoint(prism, receiver.url, "budgets")
    budget(prism)
    look()
    receiver.status, receiver.answer = 500, b"out of order"
    moment, waits = NOW, []
    for _ in range(len(deliveries.PAUSES) + 1):
        with clock.freeze(moment):
            send_due()
            send_due()  # not before its time
        (one,) = listed(prism)
        waits.append((one.due_at - moment).total_seconds())
        moment = max(one.due_at, moment)
    for waited, planned in zip(waits, deliveries.PAUSES, strict=False):
        assert planned * 0.5 <= waited <= planned * 1.5
    assert (one.state, one.attempts, one.tried[0].excerpt) == ("failed", len(deliveries.PAUSES) + 1, "out of order")
    assert len(receiver.got) == len(deliveries.PAUSES) + 1
    receiver.status = 200
    with clock.freeze(moment):
        with db.transaction(prism) as session:
            deliveries.replay(session, prism, one.id, by=BY)
        send_due()
    with db.transaction(prism) as session:
        whole = deliveries.delivery_of(session, prism, one.id)
    assert (whole.state, len(whole.tried), whole.tried[0].status) == ("delivered", len(deliveries.PAUSES) + 2, 200)
    assert len({posted.headers["webhook-id"] for posted in receiver.got}) == 1


def test_slow_dropping_redirecting_and_busy_receivers_are_kept_apart(prism: int, receiver: Receiver, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(posting, "WHOLE_SECONDS", 0.5)
    with receiving() as slow, receiving() as drops, receiving() as inward, receiving() as gone:
        slow.drips, drops.drops = True, True
        inward.status, inward.headers = 307, {"Location": "http://169.254.169.254/latest/meta-data"}
        gone.status = 410
        receiver.status, receiver.headers = 429, {"Retry-After": "7200"}
        for name, one in (("slow", slow), ("drops", drops), ("inward", inward), ("gone", gone), ("busy", receiver)):
            endpoint(prism, one.url, "budgets", name=name)
        endpoint(prism, "https://127.0.0.1.nip.invalid/", "budgets", name="nowhere")
        budget(prism)
        look()
        send_due()
    found = {one.endpoint: (one.state, one.tried[0].status, one.tried[0].excerpt) for one in listed(prism)}
    assert found["slow"][:2] == ("waiting", None)
    assert found["drops"][:2] == ("waiting", None)
    assert found["inward"] == ("waiting", 307, "A redirect, which is not followed.")
    assert found["gone"][:2] == ("failed", 410)
    assert "leads nowhere" in found["nowhere"][2]
    assert next(one.due_at for one in listed(prism) if one.endpoint == "busy") == NOW + timedelta(hours=2)


def test_a_chat_gets_slacks_message_in_which_nothing_is_called_by_name(prism: int, receiver: Receiver):
    endpoint(prism, receiver.url, kind="chat", name="Room")
    with db.transaction(prism) as session:
        create(session, prism, Plan("<!channel> & co", 4_000, percents=(50,), forecast_percents=()), by=BY)
    look()
    send_due()
    (posted,) = receiver.got
    said = json.loads(posted.body)
    assert said["text"].startswith("prism has spent $45.")
    assert "&lt;!channel&gt; &amp; co" in said["text"]
    assert said["blocks"][0]["text"]["text"] == f"{said['text']}\n<https://usage.example/orgs/prism/budgets|Open in flyusage>"
    assert "webhook-signature" not in posted.headers


def test_a_long_message_to_a_chat_ends_behind_a_whole_character_and_keeps_its_link(prism: int, receiver: Receiver):
    endpoint(prism, receiver.url, kind="chat")
    with db.transaction(prism) as session:
        deliveries.announce(session, prism, "budgets", deliveries.Message("long", "t", "<" * 5_000, {}, "https://usage.example/x"))
    send_due()
    (posted,) = receiver.got
    said = json.loads(posted.body)["blocks"][0]["text"]["text"]
    link = "\n<https://usage.example/x|Open in flyusage>"  # 43 characters: 2,957 are left, 739 of "&lt;" and the mark fit into them
    assert said == "&lt;" * 739 + "…" + link
    assert len(said) <= 3_000  # a section's, of Slack's


def test_a_spent_budget_asks_once_to_stop_its_machines_by_cost_and_the_audit_says_so(prism: int, receiver: Receiver):
    endpoint(prism, receiver.url, "stops")
    budget(prism, percents=(), is_capped=True)
    look()
    look()
    send_due()
    (posted,) = receiver.got
    facts = json.loads(posted.body)["data"]
    # performance-2x with its 4 GB in fra costs more than shared-cpu-1x in dfw; api and Rival are not in the scope
    assert [one["machine"] for one in facts["machines"]] == ["m-large", "m-small"]
    assert (facts["running"], facts["scope"], facts["basis"]) == (2, {"app": "web"}, "cap")
    assert facts["machines"][0]["running_since"] == "2026-10-15T23:00:00Z"
    with db.transaction(prism) as session:
        (said,) = [one for one in entries(session, prism) if one.action == "budget.stop"]
    assert (said.detail["running"], said.detail["endpoints"]) == (2, 1)
    assert (facts["not_named"], facts["rest"]) == (0, None)


def test_more_machines_than_a_stop_may_name_are_counted_and_pointed_to(prism: int, receiver: Receiver, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(caps, "MOST_NAMED", 1)
    made = endpoint(prism, receiver.url, "stops")
    budget(prism, percents=(), is_capped=True)
    look()
    with clock.freeze(datetime.now(UTC)):  # the library holds the timestamp against its own clock
        send_due()
    (posted,) = receiver.got
    data = Webhook(made.secret).verify(posted.body, posted.headers)["data"]
    assert [one["machine"] for one in data["machines"]] == ["m-large"]
    assert (data["running"], data["not_named"]) == (2, 1)
    assert data["rest"] == "https://usage.example/api/v1/machines?state=running"
    assert data["text"].endswith("; 2 of its machines run on (the costliest 1 are named).")
    (one,) = listed(prism)
    assert one.body == ""
    with db.transaction(prism) as session:
        assert deliveries.delivery_of(session, prism, one.id).body == posted.body.decode()


def test_only_owners_and_admins_say_where_alerts_go_and_everything_is_audited_but_secrets(prism: int, receiver: Receiver):
    made = endpoint(prism, f"{receiver.url}?token=hidden")
    with db.transaction(prism) as session:
        for role in (Role.VIEWER, Role.DEVELOPER, Role.BILLING):
            who = member(1, role)
            for deed, *given in (
                (endpoints.rotate, made.endpoint.id),
                (endpoints.end, made.endpoint.id),
                (deliveries.test, made.endpoint.id),
                (deliveries.replay, 1),
            ):
                with pytest.raises(NotPermitted):
                    deed(session, prism, *given, by=who)
            with pytest.raises(NotPermitted):
                endpoints.create(session, prism, kind="chat", name="x", url=receiver.url, topics=("budgets",), by=who)
        deliveries.test(session, prism, made.endpoint.id, by=member(1, Role.ADMIN))
        endpoints.rotate(session, prism, made.endpoint.id, by=BY)
        endpoints.end(session, prism, made.endpoint.id, by=BY)
        said = entries(session, prism)
        assert {"endpoint.create", "endpoint.rotate", "endpoint.test", "endpoint.end"} <= {one.action for one in said}
        kept = session.execute(sa.text("SELECT row_to_json(e)::text FROM alert_endpoint e")).scalar_one()
    assert not any("hidden" in str(one) or made.secret in str(one) for one in (*said, kept))
    with db.transaction(prism) as session, pytest.raises(EndpointUnknown):
        endpoints.endpoint_of(session, prism, made.endpoint.id)
    send_due()
    assert receiver.got == []  # a removed endpoint hears nothing, not even what waited
    (one,) = listed(prism)
    assert (one.state, one.tried[0].excerpt) == ("failed", "The endpoint was removed.")
    with db.transaction(prism) as session, pytest.raises(EndpointInvalid, match="was removed"):
        deliveries.replay(session, prism, one.id, by=BY)


def test_another_organizations_endpoints_and_deliveries_are_not_there(prism: int, receiver: Receiver):
    made = endpoint(prism, receiver.url)
    with db.transaction(prism) as session:
        sent = deliveries.test(session, prism, made.endpoint.id, by=BY)
    rival = 3 - prism
    with db.transaction(rival) as session:
        assert endpoints.endpoints(session, rival) == []
        assert deliveries.log(session, rival) == []
        for deed in (
            lambda: endpoints.end(session, rival, made.endpoint.id, by=BY),
            lambda: deliveries.replay(session, rival, sent, by=BY),
            lambda: deliveries.test(session, rival, made.endpoint.id, by=BY),
        ):
            with pytest.raises(EndpointUnknown):
                deed()


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({"name": " "}, "a name"),
        ({"topics": ()}, "one or more"),
        ({"topics": ("weather",)}, "one or more"),
        ({"kind": "pigeon"}, "a webhook or"),
    ],
)
def test_an_endpoint_that_cannot_be_is_a_sentence(prism: int, receiver: Receiver, changed: dict, part: str):
    with db.transaction(prism) as session, pytest.raises(EndpointInvalid, match=part):
        asked = {"kind": "webhook", "name": "x", "url": receiver.url, "topics": ("budgets",), **changed}
        endpoints.create(session, prism, **asked, by=BY)
