"""Pages that are open while something happens elsewhere: how soon they show it, with browser, server and worker on the same cores."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from statistics import median
from time import perf_counter

import sqlalchemy as sa
from factories import event, line
from playwright.sync_api import Browser, Page

from flyusage import clock, db
from flyusage.auth import accounts, sessions
from flyusage.metering.ingest import Ingest
from flyusage.orgs import memberships
from flyusage.orgs.acting import system
from flyusage.orgs.models import Role
from flyusage.ui.present import pinned_text
from tests.bench import stopwatch
from tests.bench.database import NOW, Measured
from tests.bench.report import Row

BY = system("bench")
READER = "bench-reader@example.com"
TURNS = 5
OVERVIEW, MACHINES = "/orgs/demo", "/orgs/demo/machines"
RUNNING = """() => [...document.querySelectorAll(".facts > div")].find((one) => one.textContent.startsWith("Machines running now"))
  ?.querySelector(".fact-value")?.textContent"""
CHANGED = f"(before) => {{ const now = ({RUNNING})(); return now && now !== before; }}"
LISTED = "() => document.querySelector('.machine-table tbody tr')"
CLOSED = "() => document.querySelector('.nav a') && !document.querySelector('.machine-table')"
SIGNED_OUT = "() => location.pathname.startsWith('/sign-in') && document.querySelector('form.door-form')"


def measure(browser: Browser, address: str, measured: Measured) -> tuple[list[Row], dict[str, object]]:
    """Milliseconds from what was done to what the open page shows; the database is left with one more account, and the machines of before."""
    user_id = _reader(measured.org_id)
    shown: dict[str, list[float]] = {"an event": [], "another role": [], "signed out": []}
    for turn in range(TURNS + 1):
        _become(measured.org_id, user_id, Role.VIEWER)
        with db.platform_transaction() as session:
            secret = sessions.start(session, user_id, address="198.51.100.3", device="bench")
        with stopwatch.new_visitor(browser, address, secret) as page:
            taken = _turn(page, address, measured, user_id)
        if turn:  # the first one warms up
            for what, ms in taken.items():
                shown[what].append(ms)
    rows = [
        Row(
            f"an open page shows {name}, the slowest of {TURNS}",
            max(shown[what]) / 1000,
            bound,
            "s",
            note=f"p50 {median(shown[what]):.0f} ms",
        )
        for what, name, bound in (
            ("an event", "a new event", 5),
            ("another role", "that a role was taken away", 4),
            ("signed out", "that its reader was signed out elsewhere", 1),
        )
    ]
    return rows, {"shown_ms": shown}


def _turn(page: Page, address: str, measured: Measured, user_id: int) -> dict[str, float]:
    page.goto(address + OVERVIEW)
    before = page.wait_for_function(RUNNING).json_value()
    machine = _next_machine()
    taken = {"an event": _until(page, CHANGED, partial(_ingest, machine, "started"), before)}
    _ingest(machine, "stopped")
    page.goto(address + MACHINES)
    page.wait_for_function(LISTED)
    taken["another role"] = _until(page, CLOSED, partial(_become, measured.org_id, user_id, Role.BILLING))
    taken["signed out"] = _until(page, SIGNED_OUT, partial(_sign_out, user_id))
    return taken


def _until(page: Page, shown: str, deed: Callable[[], None], given: object = None) -> float:
    """Milliseconds from the end of `deed` until `shown` holds of the page, which is asked at every frame."""
    deed()
    began = perf_counter()
    page.wait_for_function(shown, arg=given)
    return (perf_counter() - began) * 1000


def _reader(org_id: int) -> int:
    """A member who is made once and stays."""
    with db.platform_transaction() as session:
        known = accounts.find(session, READER) or accounts.create(session, READER, is_verified=True)
        join = "INSERT INTO membership (org_id, user_id, role, created_at) VALUES (:org, :user, 'viewer', :now) ON CONFLICT DO NOTHING"
        session.execute(sa.text(join), {"org": org_id, "user": known.user_id, "now": clock.now()})
        return known.user_id


def _become(org_id: int, user_id: int, role: Role) -> None:
    with db.transaction(org_id) as session:
        memberships.change_role(session, org_id, user_id, role, by=BY)


def _sign_out(user_id: int) -> None:
    with db.platform_transaction() as session:
        sessions.end_all(session, user_id)


def _next_machine() -> str:
    with db.platform_transaction() as session:
        told = session.scalar(sa.text("SELECT count(*) FROM usage_event WHERE source = '/bench'"))
    return f"bench-open-{told}"


def _ingest(machine: str, kind: str) -> None:
    """It runs for half a minute of the last one."""
    is_start = kind == "started"
    moment = pinned_text(NOW - timedelta(seconds=60 if is_start else 30))
    size = {"vm_size": "shared-cpu-1x", "memory_mb": 256} if is_start else {}
    one = event(f"machine.{kind}", machine, moment, size, org="demo", source="/bench", app="tracking-api", region="iad")
    assert Ingest().run([line(one)], name="bench open").accepted == 1
