"""What runs, where, of which size: machines, apps, regions and VM sizes; and why a machine costs what it does."""

from datetime import date, datetime
from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from flyusage import clock, db
from flyusage.api.answers import After, Limit, Page, answer, cursor, parts_of
from flyusage.api.auth import Caller, route
from flyusage.api.errors import CursorInvalid
from flyusage.api.forms import MOMENT, MONTH
from flyusage.errors import FlyusageError
from flyusage.metering.machines import machine
from flyusage.orgs.permissions import Permission
from flyusage.periods import month_period
from flyusage.pricing.errors import ViewInvalid
from flyusage.pricing.explorer import history
from flyusage.pricing.machine_list import MachineChoice, machine_page
from flyusage.pricing.machines import why
from flyusage.pricing.plain_answer import exact
from flyusage.pricing.urls import parse_moment

router = APIRouter(tags=["fleet"])

READ = Permission.USAGE_READ
Month = Annotated[str | None, Query(pattern=MONTH, description="2026-10; the last month with events without it.")]

Name = Annotated[
    str, Path(alias="machine", max_length=1000, description="Its id. One with a slash is asked for by `/usage?machine=`.", examples=["m-1"])
]


class MachineUnknown(FlyusageError):
    """The organization has no machine of that name."""

    code = "machine_unknown"
    status = 404


class Machine(BaseModel):
    """A machine in a month."""

    machine: str
    app: str
    region: str
    vm_size: str = Field(description="The one it cost most as; empty if it never ran.")
    is_running: bool
    list_cost: str = Field(description="In `currency`, 12 decimals.")
    currency: str
    machine_hours: str
    is_unpriced: bool


class MachineLife(BaseModel):
    """A machine's life. Size and memory are those of its last run."""

    machine: str
    app: str
    region: str
    region_name: str
    continent: str
    vm_size: str
    memory_mib: int
    started_at: datetime | None
    stopped_at: datetime | None
    running_since: datetime | None = Field(description="Null: it is stopped.")
    runs: int
    inferred_stops: int = Field(description="Runs whose stop never came.")


class CostLine(BaseModel):
    """quantity × price ÷ per = cost, for one run between two moments under one price."""

    sku: str
    title: str
    started_at: datetime
    stopped_at: datetime
    is_open: bool
    is_inferred: bool
    quantity: str
    unit: str
    price: str | None = Field(description="For `per` units; null: it has no price.")
    per: int
    price_since: date | None
    cost: str


class MachineCost(BaseModel):
    """Why a machine cost what it did: the lines add up to the total."""

    machine: str
    starts_at: datetime
    ends_at: datetime = Field(description="Exclusive.")
    as_of: datetime
    currency: str
    total: str
    lines: list[CostLine]
    unpriced: list[str] = Field(description="Skus without a price, which are not in the total.")


class App(BaseModel):
    """An app."""

    app: str


class Region(BaseModel):
    """Where machines run."""

    region: str = Field(examples=["fra"])
    name: str = Field(examples=["Frankfurt, Germany"])
    country: str
    continent: str
    latitude: float
    longitude: float
    status: str = Field(description="active or retired.")


class VmSize(BaseModel):
    """A machine's size; memory is what its price includes."""

    vm_size: str = Field(examples=["performance-2x"])
    cpu_kind: str | None = Field(description="shared or performance.")
    vcpus: int
    memory_mib: int
    gpus: int


@route(
    router, "GET", "/machines", needs=Permission.MACHINES_READ, problems=(422,), response_model=Page[Machine], summary="Machines of a month"
)
def machines(
    request: Request,
    bearer: Caller,
    month: Month = None,
    find: Annotated[str, Query(max_length=200, description="Part of an id, app, region or size.")] = "",
    state: Annotated[Literal["all", "running", "stopped"], Query(description="Those that run now, those that do not, or both.")] = "all",
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """The costliest first, ties by name. Pages are of one moment: costs do not move while you read on."""
    kept = parts_of(after, [int, str])
    if kept and not (0 < kept[0] < 10**9 and parse_moment(kept[1])):
        raise CursorInvalid
    start, now = (kept[0], parse_moment(kept[1])) if kept else (0, clock.now().replace(microsecond=0))
    assert now is not None
    choice = MachineChoice(parse_moment(month) if month else None, find, None if state == "all" else state == "running")
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        found = machine_page(session, bearer.org_id, choice, now=now, start=start, limit=limit)
    if found is None:
        return answer(request, Page[Machine](data=[]))
    following = cursor(start + limit, f"{now:%Y-%m-%dT%H:%M:%SZ}") if found.has_more else None
    return answer(request, Page[Machine](data=[Machine(**one) for one in found.plain()], next=following))


@route(
    router,
    "GET",
    "/machines/{machine}",
    needs=Permission.MACHINES_READ,
    problems=(404,),
    response_model=MachineLife,
    summary="One machine's life",
)
def one_machine(request: Request, bearer: Caller, machine_name: Name) -> Response:
    """From its first start to now."""
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        found = machine(session, bearer.org_id, machine_name)
    if found is None:
        raise _unknown(machine_name)
    told = {**vars(found), "machine": found.name, "inferred_stops": found.inferred}
    return answer(request, MachineLife(**{name: told[name] for name in MachineLife.model_fields}))


@route(
    router, "GET", "/machines/{machine}/costs", needs=Permission.MACHINES_READ, problems=(404, 422), response_model=MachineCost,
    summary="Why a machine costs what it does",
)  # fmt: skip
def machine_costs(
    request: Request,
    bearer: Caller,
    machine_name: Name,
    month: Month = None,
    as_of: Annotated[str | None, Query(pattern=MOMENT, max_length=30, description="The moment the numbers are complete to.")] = None,
) -> Response:
    """Run by run at list price: seconds × dated price, as the machine's page shows it."""
    complete_to = parse_moment(as_of) if as_of else clock.now()
    if complete_to is None:
        raise ViewInvalid("`as_of` is no moment there ever was. Write it as 2026-10-20T14:00:00Z.")
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        now, held = min(complete_to, clock.now()), history(session, bearer.org_id)
        period = month_period(parse_moment(month) or now if month else min(now, held.end) if held else now)
        found = why(session, bearer.org_id, machine_name, period, now=now)
    if found is None:
        raise _unknown(machine_name)
    lines = [
        CostLine(
            sku=one.sku,
            title=one.title,
            started_at=one.started_at,
            stopped_at=one.stopped_at,
            is_open=one.is_open,
            is_inferred=one.is_inferred,
            quantity=str(one.quantity),
            unit=one.unit,
            price=None if one.amount is None else f"{one.amount:f}",
            per=one.per,
            price_since=one.price_since,
            cost=exact(one.cost),
        )
        for one in found.lines
    ]
    told = MachineCost(
        machine=found.machine,
        starts_at=period.start,
        ends_at=period.end,
        as_of=found.as_of,
        currency=found.currency,
        total=exact(found.total),
        lines=lines,
        unpriced=list(found.unpriced),
    )
    return answer(request, told)


@route(router, "GET", "/apps", needs=READ, problems=(422,), response_model=Page[App], summary="Apps")
def apps(
    request: Request,
    bearer: Caller,
    find: Annotated[str, Query(max_length=200, description="Part of a name.")] = "",
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """By name."""
    kept = parts_of(after, [str])
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        binds = {"org": bearer.org_id, "find": find.lower(), "after": kept[0].replace("\0", "") if kept else None, "limit": limit + 1}
        names = list(session.scalars(sa.text(_APPS), binds))
    following = cursor(names[limit - 1]) if len(names) > limit else None
    return answer(request, Page[App](data=[App(app=one) for one in names[:limit]], next=following))


@route(router, "GET", "/regions", needs=READ, response_model=Page[Region], summary="Regions")
def regions(request: Request, bearer: Caller) -> Response:  # noqa: ARG001 that somebody asks is what lets them in
    """All there are, retired ones included, by code."""
    with db.lookup_transaction() as session:
        rows = session.execute(sa.text(_REGIONS)).mappings().all()
    return answer(request, Page[Region](data=[Region(**row) for row in rows]))


@route(router, "GET", "/vm-sizes", needs=READ, response_model=Page[VmSize], summary="VM sizes")
def vm_sizes(request: Request, bearer: Caller) -> Response:  # noqa: ARG001
    """All there are, by name."""
    with db.lookup_transaction() as session:
        rows = session.execute(sa.text(_SIZES)).mappings().all()
    return answer(request, Page[VmSize](data=[VmSize(**row) for row in rows]))


def _unknown(name: str) -> MachineUnknown:
    return MachineUnknown(f"There is no machine {name[:60]!r} here. GET /machines lists those there are.")


_APPS = """
SELECT name FROM app WHERE org_id = :org AND (:find = '' OR position(:find IN lower(name)) > 0)
  AND (CAST(:after AS text) IS NULL OR name > :after) ORDER BY name LIMIT :limit"""
_REGIONS = """
SELECT code AS region, name, country, continent, lat AS latitude, lon AS longitude, status FROM region ORDER BY code"""
_SIZES = """
SELECT name AS vm_size, cpu_kind, vcpus, memory_mib, gpus FROM vm_size WHERE cpu_kind IS NOT NULL ORDER BY name"""
