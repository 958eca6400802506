"""What an organization's plain addresses give, and to whom: each declares its permissions here, and asks for them before anything else."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import everybody
import httpx
import pytest
from background import run_async
from everybody import World
from starlette.applications import Starlette
from starlette.routing import Route

from flyusage import clock
from flyusage.flyusage import app
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import PERMISSIONS, Permission
from flyusage.ui.reader import COOKIE
from flyusage.ui.session import READING

if TYPE_CHECKING:
    from conftest import Begun

P = Permission

TRIAL = "/orgs/{slug}/sso/test"
DOWNLOADS: dict[str, tuple[Permission, ...]] = {
    "/orgs/{slug}/usage.csv": (P.USAGE_EXPORT,),
    "/orgs/{slug}/members.csv": (P.MEMBERS_READ,),
    "/orgs/{slug}/audit.csv": (P.AUDIT_READ,),
    "/orgs/{slug}/audit.jsonl": (P.AUDIT_READ,),
    "/orgs/{slug}/billing/{month}/focus.{ending}": (P.INVOICES_READ,),
    "/orgs/{slug}/billing/{month}/cost-centres.{ending}": (P.INVOICES_READ,),
    "/orgs/{slug}/billing/{year:int}.zip": (P.INVOICES_READ,),
    "/orgs/{slug}/invoices/{number}.pdf": (P.INVOICES_READ,),
    "/orgs/{slug}/invoices/{number}.xml": (P.INVOICES_READ,),
    "/orgs/{slug}/invoices/{number}.csv": (P.INVOICES_READ,),
    "/orgs/{slug}/invoices/{number}/lines/{position:int}.json": (P.INVOICES_READ,),
    "/orgs/{slug}/invoices/{number}/lines/{position:int}.zip": (P.INVOICES_READ, P.MACHINES_READ),
    TRIAL: (P.SIGN_IN_MANAGE,),
    "/orgs/{slug}/invoices": (),  # leads to the page
}
HELD = {"slug": "prism", "month": "2026-10", "ending": "csv", "year": "2026", "number": "PRISM-000001", "position": "1"}


@pytest.fixture(autouse=True)
def november() -> Iterator[None]:
    with clock.freeze(datetime(2026, 11, 15, tzinfo=UTC)):
        yield


def test_every_plain_address_of_an_organization_is_declared() -> None:
    served = app.api_transformer
    assert isinstance(served, Starlette)
    paths = {one.path for one in served.routes if isinstance(one, Route)}
    assert {path for path in paths if path.startswith("/orgs/")} == set(DOWNLOADS)


def test_each_asks_for_what_it_declares_and_gives_nothing_to_who_lacks_it(begun: "Begun", monkeypatch: pytest.MonkeyPatch) -> None:
    made: World = begun(everybody.gathered)
    asked = everybody.noting_what_is_asked(monkeypatch)
    differing = {}
    for path, needs in DOWNLOADS.items():
        for who, secret in made.secrets.items():
            asked.clear()
            answer = _got(path, secret)
            expected = _refusal(path, who)
            if expected is None:
                is_right = answer.status_code not in (401, 403) and tuple(dict.fromkeys(asked))[: len(needs)] == needs
            else:
                is_right = answer.status_code == expected and (expected == 303 or b"web" not in answer.content)
            if not is_right:
                differing[path, who] = answer.status_code, expected, asked[:3]
    assert differing == {}


def _refusal(path: str, who: str) -> int | None:
    """How it is refused to them; None where it is not."""
    needs = DOWNLOADS[path]
    if not needs:
        return None
    if who in ("nobody", "made-up"):
        return 303
    if who in PERMISSIONS:
        return None if set(needs) <= PERMISSIONS[Role(who)] else 403
    if who in everybody.STAFF:
        return None if set(needs) <= READING else 403
    return 303 if path == TRIAL else 404  # back to the page, which says that there is no such organization


def _got(path: str, secret: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app.api_transformer)  # pyright: ignore[reportArgumentType]
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            cookie = {"cookie": f"{COOKIE}={secret}"} if secret else {}
            return await client.get(re.sub(r"\{(\w+)(?::int)?\}", lambda found: HELD[found[1]], path), headers=cookie)

    return run_async(ask())
