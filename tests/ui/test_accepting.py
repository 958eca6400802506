"""An invitation that is taken by its link opens no more than a link to set a password would."""

import httpx
import pytest
import sqlalchemy as sa
from background import run_async
from cast import Cast, add_person
from starlette.applications import Starlette

from flyusage import clock, db
from flyusage.auth import second_factor
from flyusage.orgs import invitations
from flyusage.orgs.acting import system
from flyusage.orgs.models import Role
from flyusage.ui import accepting


@pytest.mark.parametrize("has_factor", [True, False])
def test_an_account_without_a_password_is_asked_for_its_second_factor(cast: Cast, has_factor: bool):
    with db.platform_transaction() as session:
        known = add_person(session, "ann@rival.example", cast.rival, Role.VIEWER)  # who came by a provider until now
        if has_factor:
            second_factor.begin(session, known.user_id, known.email)
            session.execute(sa.text("UPDATE second_factor SET confirmed_at = :now"), {"now": clock.now()})
    with db.transaction(cast.prism.id) as session:
        (invited,) = invitations.invite(session, cast.prism.id, [known.email], Role.VIEWER, by=system("tests"))
    form = {"link": invited.secret, "name": "Ann", "password": "violin oxide parcel thunder"}

    async def post() -> httpx.Response:
        carried = httpx.ASGITransport(app=Starlette(routes=accepting.routes))
        async with httpx.AsyncClient(transport=carried, base_url="http://localhost") as client:
            return await client.post("/auth/accept-invitation", data=form)

    answered = run_async(post())
    cookies = {one.partition("=")[0] for one in answered.headers.get_list("set-cookie")}
    wanted = (
        ("/second-factor?next=%2Forgs%2Fprism", {"flyusage_halfway"})
        if has_factor
        else ("/orgs/prism", {"flyusage_session", "flyusage_device"})
    )
    assert (answered.headers["location"], cookies) == wanted
    with db.platform_transaction() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM user_session")) == (0 if has_factor else 1)
        assert invitations.waiting(session, cast.prism.id) == []
