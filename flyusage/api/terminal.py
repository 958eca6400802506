"""Where `flyusage login` fetches the token that a member allowed at a page: by the page's code and its own verifier, once.

It stands beside the document, since it is nobody's but that command's and asks for no token.
"""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, StringConstraints
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from flyusage import db
from flyusage.api.json_bodies import JsonRoute
from flyusage.auth import throttle
from flyusage.orgs import terminal_sign_ins

router = APIRouter(route_class=JsonRoute)
Secret = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Shown(BaseModel):
    """What the command shows."""

    model_config = {"extra": "forbid"}

    code: Secret = Field(description="The page's.")
    verifier: Secret = Field(description="Whose SHA-256 stood in the page's address.")


@router.post("/terminal-sign-ins", include_in_schema=False)
async def fetch_token(request: Request, shown: Shown) -> JSONResponse:
    """The token's secret. Raises TooManyAttempts, TerminalSignInOver and NotPermitted."""
    address = request.client.host if request.client else ""
    secret = await run_in_threadpool(_fetched, shown, address)
    return JSONResponse({"token": secret}, headers={"cache-control": "no-store"})


def _fetched(shown: Shown, address: str) -> str:
    with db.platform_transaction() as session:
        throttle.count_from(session, "terminal-sign-in", address, throttle.PER_ADDRESS)
    with db.platform_transaction() as session:
        allowed = terminal_sign_ins.spend(session, shown.code)
    with db.platform_transaction() as session:
        return terminal_sign_ins.fetch(session, allowed, shown.verifier).secret
