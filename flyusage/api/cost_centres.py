"""`/cost-centres`: which cost centre an app belongs to, from which month on."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, StrictBool
from sqlmodel import Session
from starlette.responses import Response

from flyusage import db
from flyusage.api.answers import answer
from flyusage.api.auth import Caller, route
from flyusage.api.forms import MONTH, NO_NUL
from flyusage.api.writes import Key, written
from flyusage.metering import cost_centres as verbs
from flyusage.metering.cost_centres import Assigned
from flyusage.metering.cost_centres_csv import LONGEST_NAME
from flyusage.orgs.permissions import Permission

router = APIRouter(tags=["cost centres"])
MOST_AT_ONCE = 1_000
Named = Annotated[str, Field(max_length=LONGEST_NAME, pattern=NO_NUL)]
Month = Annotated[str, Field(pattern=MONTH)]


class Assignment(BaseModel):
    """An app belongs to a cost centre from a month until its next assignment."""

    model_config = {"extra": "forbid"}

    app: str = Field(max_length=1_000, pattern=NO_NUL, examples=["web"])
    from_month: Month = Field(examples=["2026-10"])
    cost_centre: Named | None = Field(description="Null: to none from then on.", examples=["Shop"])


class CostCentres(BaseModel):
    """Every assignment there is, by app and month, past ones too, and the apps there are."""

    data: list[Assignment]
    apps: list[str] = Field(description="By name; those without an assignment are Unassigned.")


class WantedAssignments(BaseModel):
    """Assignments to make so."""

    model_config = {"extra": "forbid"}

    assignments: list[Assignment] = Field(min_length=1, max_length=MOST_AT_ONCE, description="Of one app and month the last one stands.")
    dry_run: StrictBool = Field(default=False, description="Say what would change, and change nothing.")
    origin: str = Field(default="api", max_length=200, pattern=NO_NUL, description="Where they are from, for the audit.")


class Outcome(BaseModel):
    """What became of them."""

    changed: list[Assignment]
    unchanged: int = Field(description="So already.")
    created: list[str] = Field(description="Cost centres that were not there before.")
    unknown_apps: list[str] = Field(description="Left out: an app is known from its first event on.")


@route(
    router, "GET", "/cost-centres", needs=Permission.USAGE_READ, response_model=CostCentres, summary="Apps by cost centre"
)  # fmt: skip
def list_assignments(request: Request, bearer: Caller) -> Response:
    """As far as the token sees apps."""
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        found, apps = verbs.assignments(session, bearer.org_id), verbs.app_names(session, bearer.org_id)
    return answer(request, CostCentres(data=_told(found), apps=apps))


@route(
    router, "POST", "/cost-centres", needs=Permission.COST_CENTRES_EDIT, response_model=Outcome, summary="Assign apps to cost centres"
)  # fmt: skip
def assign_cost_centres(request: Request, bearer: Caller, wanted: WantedAssignments, key: Key = "") -> Response:
    """What is so already changes nothing, and nothing else is touched, so it may be sent again. Issued invoices keep theirs."""
    asked = [verbs.Assignment(one.app, date.fromisoformat(f"{one.from_month}-01"), _centre(one.cost_centre)) for one in wanted.assignments]

    def write(session: Session) -> tuple[int, Outcome]:
        attempt = session.begin_nested()
        made = verbs.assign(session, bearer.org_id, asked, actor=bearer.by.name, origin=wanted.origin)
        if wanted.dry_run:
            attempt.rollback()
        return 200, _outcome(made)

    return written(request, bearer, key, wanted, write)


def _centre(name: str | None) -> str | None:
    return None if name is None or name.strip() in ("", verbs.UNASSIGNED) else name.strip()


def _outcome(made: Assigned) -> Outcome:
    return Outcome(
        changed=_told(made.changed), unchanged=made.unchanged, created=list(made.created), unknown_apps=sorted(made.unknown_apps)
    )  # fmt: skip


def _told(found: Sequence[verbs.Assignment]) -> list[Assignment]:
    return [Assignment(app=one.app, from_month=f"{one.from_month:%Y-%m}", cost_centre=one.cost_centre) for one in found]
