"""An organization that owes something is not deleted; the sentence says what."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from billing_world import bill_to, billed, take_in
from cast import Cast
from factories import started

from flyusage import clock, db
from flyusage.invoices.dissolving import InvoicesOpen, delete_organization
from flyusage.orgs.acting import member
from flyusage.orgs.models import Role


def test_open_invoices_are_named_and_refuse_it(cast: Cast):
    take_in(started("web-0", "2026-10-01T00:00:00Z"))
    bill_to(cast.prism.id)
    billed(cast.prism.id)
    owner = member(cast.owner.user_id, Role.OWNER)
    with pytest.raises(InvoicesOpen, match=r"Invoice PRISM-000001 \(.*\) is still to be paid\. Pay, then delete\."):
        with db.transaction(cast.prism.id) as session:
            delete_organization(session, cast.prism.id, by=owner)
    with db.platform_transaction() as session:
        assert session.scalar(sa.text("SELECT deleted_at FROM organization WHERE id = :org"), {"org": cast.prism.id}) is None


def test_without_any_it_is_deleted(cast: Cast):
    with db.transaction(cast.prism.id) as session:
        until = delete_organization(session, cast.prism.id, by=member(cast.owner.user_id, Role.OWNER))
    assert until - clock.now() > timedelta(days=29)
