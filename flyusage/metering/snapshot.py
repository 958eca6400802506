"""An organization's metering as it is at one moment, read row by row, with the names that make rows readable."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, LiteralString

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import db
from flyusage.metering import catalog
from flyusage.metering.intervals import Interval
from flyusage.metering.usage_event import EventType, UsageEvent


@dataclass(frozen=True)
class Names:
    """Ids and names, both ways. `presets` is the memory of each size, MiB."""

    regions: dict[int, str]
    sizes: dict[int, str]
    skus: dict[str, int]
    apps: dict[int, str]
    presets: dict[str, int]

    @cached_property
    def region_ids(self) -> dict[str, int]:
        """Code → id."""
        return {name: id_ for id_, name in self.regions.items()}

    @cached_property
    def size_ids(self) -> dict[str, int]:
        """Name → id."""
        return {name: id_ for id_, name in self.sizes.items()}

    @cached_property
    def app_ids(self) -> dict[str, int]:
        """Name → id."""
        return {name: id_ for id_, name in self.apps.items()}

    @property
    def extra_id(self) -> int:
        """The sku of extra memory."""
        return self.skus["machine.extra_ram"]

    @property
    def egress_id(self) -> int:
        """The sku of egress."""
        return self.skus["egress.public"]

    @cached_property
    def machine_ids(self) -> frozenset[int]:
        """Skus whose quantity is machine-seconds."""
        return frozenset(id_ for code, id_ in self.skus.items() if code.removeprefix("machine.") in self.presets)

    def event(self, row: Sequence[Any]) -> UsageEvent:
        """A row of the ledger as the event it was; its subject is the resource's id."""
        resource_id, identity, type_, time, source, id_, app, region, size, memory, capacity, count, start, end = row
        return UsageEvent(
            line=0, org="", identity=identity.bytes, type=EventType(type_), time=time, source=source, id=id_,
            subject=str(resource_id), app=self.apps[app], region=self.regions[region],
            vm_size=None if size is None else self.sizes[size], memory_mib=memory, capacity_mib=capacity, bytes=count,
            report_start=start, report_end=end,
        )  # fmt: skip

    def row(self, one: Interval) -> tuple[Any, ...]:
        """A derived interval as the row it should be."""
        return (
            one.started_at, one.stopped_at, one.capacity, one.extra_mib, self.app_ids[one.app], self.region_ids[one.region],
            self.skus[one.sku], self.size_ids[one.vm_size], one.is_inferred,
        )  # fmt: skip

    def cell(self, cell: Sequence[int]) -> str:
        """A cell in words."""
        app, region, size, sku = cell
        code = next(code for code, id_ in self.skus.items() if id_ == sku)
        return " ".join(filter(None, (self.apps.get(app, ""), self.regions[region], self.sizes[size], code)))


class Snapshot:
    """What one transaction sees of an organization."""

    def __init__(self, session: Session, org_id: int) -> None:
        self._session = session
        self._org_id = org_id
        self.names = _names(session, org_id)

    def rows(self, query: LiteralString, **binds: object) -> Iterator[tuple[Any, ...]]:
        """The answer to `query` (which has %(org_id)s), through a cursor of the server: little memory for any number of rows."""
        with db.raw(self._session).cursor(name=f"snapshot_{uuid.uuid4().hex}") as cursor:
            cursor.itersize = 20_000
            cursor.execute(query, {"org_id": self._org_id, **binds})
            yield from cursor

    def value(self, query: LiteralString, **binds: object) -> Any:
        """The first column of the only row of an answer."""
        ((value,),) = self.rows(query, **binds)
        return value


@contextmanager
def snapshot(org_id: int) -> Iterator[Snapshot]:
    """The platform's view of the organization, still while the block runs. Keep it short: it holds the tables as they are."""
    engine = db.engine().execution_options(isolation_level="REPEATABLE READ")
    with db.reachable(engine) as connection, Session(connection) as session:
        db.become(session.connection(), db.PLATFORM_ROLE)
        yield Snapshot(session, org_id)


def _names(session: Session, org_id: int) -> Names:
    sizes = catalog.vm_sizes(session)
    apps = session.execute(sa.text("SELECT id, name FROM app WHERE org_id = :org_id"), {"org_id": org_id})
    return Names(
        regions={id_: code for code, id_ in catalog.region_ids(session).items()},
        sizes={size.id: name for name, size in sizes.items()},
        skus=catalog.sku_ids(session),
        apps={row.id: row.name for row in apps},
        presets={name: size.memory_mib for name, size in sizes.items()},
    )
