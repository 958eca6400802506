"""How many invitations an organization may send in an hour, wherever they are asked for."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from asking_api import ask
from calling import reading_as
from cast import Cast

from flyusage import clock, db
from flyusage.auth import accounts
from flyusage.auth.errors import TooManyAttempts
from flyusage.orgs import api_tokens, invitations
from flyusage.orgs.acting import member
from flyusage.orgs.models import Role
from flyusage.ui.pages.members import question

NOW = datetime(2030, 11, 15, 12, tzinfo=UTC)  # after the cast came
PASSWORD = "violin oxide parcel thunder"


def signed_in(cast: Cast) -> tuple[str, str]:
    """The sessions of Prism's owner and of Rival's."""
    people = (cast.owner, cast.outsider)
    with db.platform_transaction() as session:
        for person in people:
            accounts.set_password(session, person.user_id, PASSWORD)
    one, other = (accounts.sign_in(person.email, PASSWORD, address="::1", device="") for person in people)
    return one, other


def test_thirty_batches_an_hour_on_the_page_and_by_the_api_together(cast: Cast):
    with clock.freeze(NOW):
        owner, outsider = signed_in(cast)
        with db.transaction(cast.prism.id) as session:
            by = member(cast.owner.user_id, Role.OWNER)
            scopes = ("members.manage", "members.read")
            token = api_tokens.create(session, cast.prism.id, name="ci", scopes=scopes, by=by, user_id=cast.owner.user_id, days=30).secret
        asked = {"emails": ["no-address"], "role": "viewer"}
        for number in range(15):
            with reading_as(owner):
                question.invite("prism", "no-address", Role.VIEWER)
            key = {"idempotency-key": f"batch-{number}"}
            assert ask("/invitations", token=token, method="POST", json=asked, headers=key).status_code == 201
        refused = ask(
            "/invitations", token=token, method="POST", json=asked | {"emails": ["ada@example.com"]}, headers={"idempotency-key": "x"}
        )
        assert refused.status_code == 429
        with reading_as(owner), pytest.raises(TooManyAttempts):
            question.invite("prism", "ada@example.com", Role.VIEWER)
        with reading_as(owner), pytest.raises(TooManyAttempts):
            question.apply("prism", question.Listed("ada@example.com"), "")
        with reading_as(outsider):
            assert [one.email for one in question.invite("rival", "ada@example.com", Role.VIEWER)] == ["ada@example.com"]
        with db.transaction(cast.prism.id) as session:
            assert invitations.waiting(session, cast.prism.id) == []
    with clock.freeze(NOW + timedelta(hours=2)), reading_as(owner):
        assert [one.email for one in question.invite("prism", "ada@example.com", Role.VIEWER)] == ["ada@example.com"]


def test_sixty_mails_an_hour_are_sent_again(cast: Cast):
    with clock.freeze(NOW):
        owner, _ = signed_in(cast)
        with reading_as(owner):
            question.invite("prism", "ada@example.com", Role.VIEWER)
            with db.transaction(cast.prism.id) as session:
                (invited,) = invitations.waiting(session, cast.prism.id)
            for _ in range(60):
                question.resend("prism", invited.id)
            before = secret_of(cast)
            with pytest.raises(TooManyAttempts):
                question.resend("prism", invited.id)
    assert secret_of(cast) == before  # the link that was sent last holds


def secret_of(cast: Cast) -> bytes:
    with db.transaction(cast.prism.id) as session:
        return session.execute(sa.text("SELECT secret_sha256 FROM invitation")).scalar_one()
