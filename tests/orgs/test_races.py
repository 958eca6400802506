"""What two people do to an organization at the same moment has one outcome, and one that could have come about one after the other."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from cast import Cast, Person, add_person

from flyusage import clock, db
from flyusage.auth.sessions import Reader
from flyusage.errors import FlyusageError
from flyusage.invoices import seats
from flyusage.invoices.seats import NoSeatLeft
from flyusage.orgs import api_tokens, invitations, memberships, provisioning, queries
from flyusage.orgs.acting import member, system
from flyusage.orgs.errors import InvitationSpent, LastOwner, MemberUnknown, NotPermitted, TokenRefused
from flyusage.orgs.models import Role

ROUNDS = 5  # of those that may end either way
DIRECTORY = system("scim")
WAITS = 0.3


@pytest.fixture(autouse=True)
def november() -> Iterator[None]:
    with clock.freeze(datetime(2026, 11, 15, tzinfo=UTC)):
        yield


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def at_once(*deeds: Callable[[], object]) -> list[type[FlyusageError] | None]:
    """What each of `deeds` was refused with, all begun at the same moment; None: it was done."""
    barrier = Barrier(len(deeds))

    def tried(deed: Callable[[], object]) -> type[FlyusageError] | None:
        barrier.wait(timeout=30)
        try:
            deed()
        except FlyusageError as error:
            return type(error)
        return None

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(tried, deeds))


def waits(deed: "Future[Any]") -> bool:
    """Whether something that was begun is not done yet, after long enough that it would be."""
    try:
        deed.result(timeout=WAITS)
    except TimeoutError:
        return True
    return False


def joining(cast: Cast, name: str, role: Role = Role.DEVELOPER) -> tuple[Reader, invitations.Invited]:
    """Somebody of Rival with an account, and Prism's invitation to them."""
    with db.platform_transaction() as session:
        known = add_person(session, f"{name}@rival.example", cast.rival, Role.VIEWER)
    with db.transaction(cast.prism.id) as session:
        (invited,) = invitations.invite(session, cast.prism.id, [known.email], role, by=system("tests"))
    return Reader(1, known.user_id, known.email, name), invited


def accept(secret: str, reader: Reader) -> None:
    with db.platform_transaction() as session:
        invitations.accept(session, secret, reader)


def revoke(cast: Cast, invitation: int) -> None:
    with db.transaction(cast.prism.id) as session, seats.kept(session, cast.prism.id, by=system("tests")):
        invitations.revoke(session, cast.prism.id, invitation, by=system("tests"))


def change(person: Person, whom: int, role: Role | None) -> None:
    with db.transaction(person.org_id) as session:
        memberships.change(session, person.org_id, {whom: role}, by=member(person.user_id, person.role))


def take_out(cast: Cast, email: str) -> None:
    """As a directory does."""
    with db.transaction(cast.prism.id) as session, seats.kept(session, cast.prism.id, by=DIRECTORY):
        provisioning.take_out(session, cast.prism.id, email, by=DIRECTORY)


def roles(cast: Cast) -> dict[int, Role]:
    with db.transaction(cast.prism.id) as session:
        return {one.user_id: one.role for one in queries.people(session, cast.prism.id).rows}


def token(person: Person, *, personal: bool = True) -> api_tokens.Made:
    with db.transaction(person.org_id) as session:
        return api_tokens.create(
            session, person.org_id, name="ci", scopes=["usage.read"], by=member(person.user_id, person.role),
            user_id=person.user_id if personal else None,
        )  # fmt: skip


def joined(cast: Cast, name: str, role: Role) -> Person:
    with db.platform_transaction() as session:
        return add_person(session, f"{name}@prism.example", cast.prism, role)


def test_an_invitation_is_taken_once_by_two_browsers_of_one_person(cast: Cast):
    reader, invited = joining(cast, "ann")
    outcomes = at_once(*[partial(accept, invited.secret, reader)] * 2)
    assert sorted(outcomes, key=str) == [InvitationSpent, None]
    assert roles(cast)[reader.user_id] is Role.DEVELOPER


def test_an_invitation_is_either_taken_or_taken_back(cast: Cast):
    for number in range(ROUNDS):
        reader, invited = joining(cast, f"ann{number}")
        with db.lookup_transaction() as session:
            invitation = invitations.offered(session, invited.secret).id
        taken, revoked = at_once(partial(accept, invited.secret, reader), partial(revoke, cast, invitation))
        assert {taken, revoked} == {None, InvitationSpent}
        assert (reader.user_id in roles(cast)) == (taken is None)


def test_a_place_that_is_taken_is_never_free_to_another_meanwhile(cast: Cast):
    """Two seats: the owner's, and the one that the invitation keeps, before and after it is taken."""
    with db.platform_transaction() as session:
        seats.agree(session, cast.prism.id, 2, Decimal(8), by=system("tests"))
    reader, invited = joining(cast, "ann")

    def invite(email: str) -> None:
        with db.transaction(cast.prism.id) as session, seats.kept(session, cast.prism.id, by=system("tests")):
            invitations.invite(session, cast.prism.id, [email], Role.DEVELOPER, by=system("tests"))

    outcomes = at_once(partial(accept, invited.secret, reader), partial(invite, "bob@example.com"), partial(invite, "cid@example.com"))
    assert outcomes == [None, NoSeatLeft, NoSeatLeft]


def test_of_two_invitations_into_the_last_seat_one_is_made(cast: Cast):
    with db.platform_transaction() as session:
        seats.agree(session, cast.prism.id, 2, Decimal(8), by=system("tests"))

    def invite(email: str) -> None:
        with db.transaction(cast.prism.id) as session, seats.kept(session, cast.prism.id, by=system("tests")):
            invitations.invite(session, cast.prism.id, [email], Role.DEVELOPER, by=system("tests"))

    assert sorted(at_once(partial(invite, "bob@example.com"), partial(invite, "cid@example.com")), key=str) == [NoSeatLeft, None]


def test_whom_a_directory_takes_out_while_they_accept_is_out(cast: Cast, threads: ThreadPoolExecutor):
    reader, invited = joining(cast, "ann")
    with db.platform_transaction() as session:
        invitations.accept(session, invited.secret, reader)
        out = threads.submit(take_out, cast, reader.email)
        assert waits(out)
    out.result(timeout=30)
    assert reader.user_id not in roles(cast)


def test_whoever_accepts_while_a_directory_takes_them_out_comes_too_late(cast: Cast, threads: ThreadPoolExecutor):
    reader, invited = joining(cast, "ann")
    with db.transaction(cast.prism.id) as session, seats.kept(session, cast.prism.id, by=DIRECTORY):
        provisioning.take_out(session, cast.prism.id, reader.email, by=DIRECTORY)
        taken = threads.submit(accept, invited.secret, reader)
        assert waits(taken)
    with pytest.raises(InvitationSpent):
        taken.result(timeout=30)
    assert reader.user_id not in roles(cast)


def test_whom_a_directory_takes_out_is_out_whatever_they_are_made_meanwhile(cast: Cast):
    for number, role in enumerate([Role.OWNER, Role.ADMIN, Role.VIEWER, Role.OWNER]):
        person = joined(cast, f"ann{number}", Role.DEVELOPER)
        out, changed = at_once(partial(take_out, cast, person.email), partial(change, cast.owner, person.user_id, role))
        assert (out, changed) in ((None, None), (None, MemberUnknown))
        assert person.user_id not in roles(cast)


def test_an_owner_stays_when_one_leaves_and_the_directory_takes_the_other_out(cast: Cast):
    second = joined(cast, "ann", Role.OWNER)

    def leave() -> None:
        with db.transaction(cast.prism.id) as session:
            memberships.leave(session, cast.prism.id, by=member(cast.owner.user_id, Role.OWNER))

    assert sorted(at_once(leave, partial(take_out, cast, second.email)), key=str) == [LastOwner, None]
    assert list(roles(cast).values()).count(Role.OWNER) == 1


def test_ownership_goes_to_whoever_is_still_there(cast: Cast):
    """Handed over to somebody whom an admin takes out: either they own it now, which no admin touches, or they are gone and it stays."""
    admin = joined(cast, "admin", Role.ADMIN)
    for number in range(ROUNDS):
        heir = joined(cast, f"heir{number}", Role.DEVELOPER)

        def transfer(to: int = heir.user_id) -> None:
            with db.transaction(cast.prism.id) as session:
                memberships.transfer(session, cast.prism.id, to, by=member(cast.owner.user_id, Role.OWNER))

        outcome = at_once(transfer, partial(change, admin, heir.user_id, None))
        assert outcome in ([None, NotPermitted], [MemberUnknown, None])
        now = roles(cast)
        assert (now.get(heir.user_id), now[cast.owner.user_id]) == ((Role.OWNER, Role.ADMIN) if outcome[0] is None else (None, Role.OWNER))
        if outcome[0] is None:  # as it was, for the next round
            change(Person(heir.user_id, heir.email, heir.org_id, Role.OWNER), cast.owner.user_id, Role.OWNER)
            change(cast.owner, heir.user_id, None)


@pytest.mark.parametrize("personal", [True, False])
def test_whoever_is_taken_out_makes_no_token_after_it(cast: Cast, threads: ThreadPoolExecutor, personal: bool):
    """Though their page was opened before: an organization's own token would go on working for them."""
    person = joined(cast, "dev", Role.DEVELOPER)
    with db.transaction(cast.prism.id) as session:
        memberships.remove(session, cast.prism.id, person.user_id, by=member(cast.owner.user_id, Role.OWNER))
        made = threads.submit(token, person, personal=personal)
        assert waits(made)
    with pytest.raises(NotPermitted, match="no longer belong"):
        made.result(timeout=30)
    with db.transaction(cast.prism.id) as session:
        assert api_tokens.tokens(session, cast.prism.id) == []


def test_a_token_that_is_made_while_its_maker_is_taken_out_is_good_for_nothing(cast: Cast, threads: ThreadPoolExecutor):
    person = joined(cast, "dev", Role.DEVELOPER)
    with db.transaction(cast.prism.id) as session:
        made = api_tokens.create(
            session, cast.prism.id, name="ci", scopes=["usage.read"], by=member(person.user_id, person.role), user_id=person.user_id
        )
        out = threads.submit(change, cast.owner, person.user_id, None)
        assert waits(out)
    out.result(timeout=30)
    with db.lookup_transaction() as session, pytest.raises(TokenRefused, match="does not belong"):
        api_tokens.bearer_of(session, made.secret)


def test_a_role_that_falls_meanwhile_makes_no_token(cast: Cast, threads: ThreadPoolExecutor):
    person = joined(cast, "dev", Role.DEVELOPER)
    with db.transaction(cast.prism.id) as session:
        memberships.change_role(session, cast.prism.id, person.user_id, Role.VIEWER, by=member(cast.owner.user_id, Role.OWNER))
        made = threads.submit(token, person)
        assert waits(made)
    with pytest.raises(NotPermitted, match="viewer may not do tokens.manage"):
        made.result(timeout=30)
