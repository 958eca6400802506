"""What it costs to let the right people in: authorisation and row-level security on explorer queries, sign-in, a page of members."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from statistics import median
from time import perf_counter, process_time

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock, db
from flyusage.auth import accounts, passwords, sessions, throttle
from flyusage.auth.errors import SignInRefused
from flyusage.orgs import organizations
from flyusage.orgs.acting import system
from flyusage.orgs.errors import SlugTaken
from flyusage.orgs.permissions import Permission
from flyusage.pricing.explorer import explore
from flyusage.ui import reader
from flyusage.ui.pages.members import question as members
from flyusage.ui.pages.members.address import Choice
from flyusage.ui.session import open_organization
from tests.bench import rivals
from tests.bench.database import Measured
from tests.bench.questions import questions
from tests.bench.report import Row, spread

BY = system("bench")
QUESTIONS, REPEATS = 24, 9
SIGN_INS = 30
REFUSALS, WRONG, NOBODY = 20, "not the password", "nobody@example.com"
MEMBERS, PAGES = 5_000, 40
EMAIL, PASSWORD = "bench@example.com", "violin oxide parcel thunder"
CROWD = "bench-members"


def measure(measured: Measured) -> tuple[list[Row], dict[str, object]]:
    """The figures of the people's part; the database is left with one more account and one more organization."""
    slug = _slug(measured.org_id)
    secret = owner_signed_in(measured.org_id)
    _crowd(_account())
    with _reading(secret):
        overhead, pairs = _overhead(measured, slug)
        listed = _pages()
    signed, hashed = _sign_ins()
    known, unknown = _refusals()
    beside = [all_ - median(hashed) for all_ in signed]
    rows = [
        Row("authorisation and row-level security on an explorer query", overhead, 5, "%", note=_note(pairs)),
        Row("sign-in beside argon2, p95", spread(beside)["p95"], 150, "ms", note=f"argon2 itself {median(hashed):.0f} ms"),  # type: ignore[arg-type]
        Row(
            "a refused sign-in tells an account by its time",
            100 * abs(known / unknown - 1),
            25,
            "%",
            note=f"{known:.1f} ms, {unknown:.1f} ms",
        ),
        Row(f"members page of {MEMBERS:,}, p95", spread(listed)["p95"], 150, "ms", note=f"p50 {median(listed):.0f} ms"),  # type: ignore[arg-type]
    ]
    return rows, {"overhead_ms": pairs, "sign_in_ms": spread(signed), "argon2_ms": spread(hashed), "members_ms": spread(listed)}


def _overhead(measured: Measured, slug: str) -> tuple[float, list[tuple[float, float]]]:
    """Per cent that the application's path takes longer over all questions, and (ours, bare) medians in ms of each.

    Bare is the same query by the database's superuser, whom no policy concerns, without asking who it is. In turns.
    """
    asked = questions(measured.history, rivals.names(measured.org_id), count=QUESTIONS, is_filtered=True)
    engine = db.make_engine(db.embedded_server().superuser_url("flyusage"), pool_size=1)
    pairs = []
    for one in asked:

        def ours(view=one.view) -> None:
            org = open_organization(slug, Permission.USAGE_READ)
            assert org is not None
            with db.transaction(org.id) as session:
                explore(session, org.id, view)

        def bare(view=one.view) -> None:
            with engine.connect() as connection, Session(connection) as session:
                explore(session, measured.org_id, view)

        pairs.append(_in_turns(ours, bare))
    engine.dispose()
    return 100 * (sum(ours for ours, _ in pairs) / sum(bare for _, bare in pairs) - 1), pairs


def _in_turns(*runs: Callable[[], None]) -> tuple[float, ...]:
    """Median milliseconds of each; the first turn warms up, and who begins changes."""
    taken: list[list[float]] = [[] for _ in runs]
    for turn in range(REPEATS + 1):
        for number in range(len(runs)) if turn % 2 else reversed(range(len(runs))):
            began = perf_counter()
            runs[number]()
            if turn:
                taken[number].append((perf_counter() - began) * 1000)
    return tuple(round(median(each), 3) for each in taken)


def _sign_ins() -> tuple[list[float], list[float]]:
    """Milliseconds of whole sign-ins, and of checking the password alone, in turns."""
    with db.platform_transaction() as session:
        kept = session.scalar(sa.text("SELECT password_hash FROM user_account WHERE email = :email"), {"email": EMAIL})
    signed, hashed = [], []
    for turn in range(SIGN_INS + 1):
        began = perf_counter()
        accounts.sign_in(EMAIL, PASSWORD, address=f"198.51.100.{turn}", device="bench")
        between = perf_counter()
        assert passwords.verify(PASSWORD, kept)[0]
        if turn:
            signed.append((between - began) * 1000)
            hashed.append((perf_counter() - between) * 1000)
    return signed, hashed


def _refusals() -> tuple[float, float]:
    """Least milliseconds of the processor for a sign-in with a wrong password, in turns: of an account, and of an address without one."""
    taken: dict[str, list[float]] = {EMAIL: [], NOBODY: []}
    for turn in range(REFUSALS):
        for email in sorted(taken, reverse=bool(turn % 2)):
            began = process_time()
            with suppress(SignInRefused):
                accounts.sign_in(email, WRONG, address=f"203.0.113.{turn}", device="bench")
            taken[email].append((process_time() - began) * 1000)
            with db.platform_transaction() as session:
                throttle.forget(session, "sign-in", email)
    return min(taken[EMAIL]), min(taken[NOBODY])


def _pages() -> list[float]:
    """Milliseconds of the members page: pages from all over the list, with and without a search."""
    taken = []
    for turn in range(PAGES + 1):
        choice = Choice(find=f"m{turn}" if turn % 2 else "", page=1 if turn % 2 else 1 + turn * 2)
        began = perf_counter()
        shown = members.ask(CROWD, choice)
        if turn:
            taken.append((perf_counter() - began) * 1000)
        assert shown is not None
    return taken


def owner_signed_in(org_id: int) -> str:
    """The secret of a session of an owner, who is made once and stays: from then on everybody must sign in."""
    user_id = _account()
    _join(org_id, user_id)
    with db.platform_transaction() as session:
        return sessions.start(session, user_id, address="198.51.100.1", device="bench")


@contextmanager
def _reading(secret: str) -> Iterator[None]:
    token = reader._secret.set(secret)
    try:
        yield
    finally:
        reader._secret.reset(token)


def _account() -> int:
    with db.platform_transaction() as session:
        if (found := accounts.find(session, EMAIL)) is not None:
            return found.user_id  # with the password of when it was made: setting one would end its sessions
        made = accounts.create(session, EMAIL, is_verified=True)
        accounts.set_password(session, made.user_id, PASSWORD)
        return made.user_id


def _join(org_id: int, user_id: int) -> None:
    with db.platform_transaction() as session:
        join = "INSERT INTO membership (org_id, user_id, role, created_at) VALUES (:org, :user, 'owner', :now) ON CONFLICT DO NOTHING"
        session.execute(sa.text(join), {"org": org_id, "user": user_id, "now": clock.now()})


def _crowd(owner: int) -> None:
    """An organization of MEMBERS, each with a session, made once."""
    try:
        with db.platform_transaction() as session:
            org_id = organizations.create(session, CROWD, CROWD, owner=owner, by=BY)
            session.execute(sa.text(_PEOPLE), {"org": org_id, "count": MEMBERS - 1, "now": clock.now()})
    except SlugTaken:
        return


def _slug(org_id: int) -> str:
    with db.platform_transaction() as session:
        return session.scalar(sa.text("SELECT slug FROM organization WHERE id = :org"), {"org": org_id}) or ""


def _note(pairs: list[tuple[float, float]]) -> str:
    ours, bare = (sum(one[side] for one in pairs) / len(pairs) for side in (0, 1))
    return f"{ours:.1f} ms against {bare:.1f} ms on average"


_PEOPLE = """
WITH people AS (
  INSERT INTO user_account (email, name, created_at) SELECT 'm' || n || '@crowd.example', 'Member ' || n, :now
  FROM generate_series(1, :count) AS n RETURNING id),
signed_in AS (
  INSERT INTO user_session (user_id, secret_sha256, created_at, seen_at, ends_at, address, device)
  SELECT id, sha256(id::text::bytea), :now, :now, CAST(:now AS timestamptz) + interval '30 days', '198.51.100.2', 'bench' FROM people)
INSERT INTO membership (org_id, user_id, role, created_at)
SELECT :org, id, (ARRAY['admin', 'developer', 'billing', 'viewer'])[1 + id % 4], :now FROM people"""
