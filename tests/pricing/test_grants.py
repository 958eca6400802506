from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from cast import Cast
from conftest import Database

from flyusage import clock, db
from flyusage.orgs import audit
from flyusage.orgs.acting import member, system
from flyusage.orgs.errors import NotPermitted
from flyusage.pricing import grants
from flyusage.pricing.errors import CreditSpent, TermsInvalid
from flyusage.pricing.grants import Taken
from flyusage.pricing.terms import CreditKind

SALES = system("sales")
OCTOBER_9 = datetime(2026, 10, 9, tzinfo=UTC)


def given(cast: Cast, amount_minor: int = 2_500) -> int:
    with db.platform_transaction() as session, clock.freeze(OCTOBER_9):
        return grants.grant(session, cast.prism.id, CreditKind.PREPAID, amount_minor, description="Prepaid", by=SALES)


def left(cast: Cast) -> list[int]:
    with db.transaction(cast.prism.id) as session:
        return [one.left_minor for one in grants.credits_of(session, cast.prism.id)]


def test_of_fifty_invoices_at_once_one_gets_the_last_cent(cast: Cast):
    grant_id = given(cast, 1)

    def take(invoice_id: int) -> bool:
        try:
            with db.platform_transaction() as session:
                grants.redeem(session, cast.prism.id, invoice_id, [Taken(grant_id, 1)])
        except CreditSpent:
            return False
        return True

    with ThreadPoolExecutor(50) as pool:
        won = list(pool.map(take, range(1, 51)))
    assert sum(won) == 1
    assert left(cast) == [0]
    with db.transaction(cast.prism.id) as session:
        assert session.execute(sa.text("SELECT invoice_id, amount_minor FROM credit_use")).all() == [(won.index(True) + 1, 1)]


def test_an_invoice_takes_once_however_often_it_asks_even_at_once(cast: Cast):
    grant_id = given(cast)

    def take(_attempt: int) -> None:
        with db.platform_transaction() as session:
            grants.redeem(session, cast.prism.id, 7, [Taken(grant_id, 600)])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take, range(8)))
    assert left(cast) == [1_900]


def test_what_does_not_fit_takes_nothing(cast: Cast):
    first, second = given(cast, 500), given(cast, 100)
    with pytest.raises(CreditSpent, match="Draft the invoice again"), db.platform_transaction() as session:
        grants.redeem(session, cast.prism.id, 1, [Taken(first, 400), Taken(second, 101)])
    assert sorted(left(cast)) == [100, 500]


def test_a_void_gives_back_once(cast: Cast):
    grant_id = given(cast)
    with db.platform_transaction() as session:
        grants.redeem(session, cast.prism.id, 1, [Taken(grant_id, 600)])
        grants.redeem(session, cast.prism.id, 2, [Taken(grant_id, 100)])
    with db.platform_transaction() as session:
        assert [grants.give_back(session, cast.prism.id, 1) for _ in range(2)] == [600, 0]
    assert left(cast) == [2_400]


def test_a_grant_is_never_overdrawn_and_its_uses_stay(cast: Cast):
    grant_id = given(cast)
    with db.platform_transaction() as session:
        grants.redeem(session, cast.prism.id, 1, [Taken(grant_id, 600)])
    with pytest.raises(sa.exc.IntegrityError, match="never_overdrawn"), db.platform_transaction() as session:
        session.execute(sa.text("UPDATE credit_grant SET used_minor = 2501"))
    for statement in ("UPDATE credit_use SET amount_minor = 1", "DELETE FROM credit_use"):
        with pytest.raises(sa.exc.DBAPIError, match=r"only ever added|permission denied"), db.platform_transaction() as session:
            session.execute(sa.text(statement))


def test_only_the_platform_grants_and_the_outsider_sees_nothing(cast: Cast):
    for person in (cast.owner, cast.member):
        with pytest.raises(NotPermitted, match="Credits are granted by the platform's staff"), db.platform_transaction() as session:
            by = member(person.user_id, person.role)
            grants.grant(session, cast.prism.id, CreditKind.PREPAID, 1, description="Mine", by=by)
    given(cast)
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), db.transaction(cast.prism.id) as session:
        session.execute(sa.text("UPDATE credit_grant SET amount_minor = 1000000"))
    with db.transaction(cast.rival.id) as session:
        assert grants.credits_of(session, cast.prism.id) == []
        assert session.scalar(sa.text("SELECT count(*) FROM credit_grant")) == 0


def test_a_grant_is_audited_and_must_make_sense(cast: Cast, database: Database):
    given(cast)
    with db.transaction(cast.prism.id) as session:
        entry = audit.entries(session, cast.prism.id)[0]
    assert (entry.actor, entry.action, entry.detail["amount_minor"], entry.detail["currency"]) == (
        "system:sales",
        "credit.grant",
        2_500,
        "USD",
    )
    with db.platform_transaction() as session:
        with pytest.raises(TermsInvalid, match="above zero"):
            grants.grant(session, cast.prism.id, CreditKind.PREPAID, 0, description="", by=SALES)
        with pytest.raises(TermsInvalid, match="expires after"):
            past = datetime(2020, 1, 1, tzinfo=UTC)
            grants.grant(session, cast.prism.id, CreditKind.PREPAID, 1, description="", expires_at=past, by=SALES)
