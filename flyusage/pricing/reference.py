"""Regions, VM sizes and skus by id, as every question needs them."""

from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sa
from sqlmodel import Session


@dataclass(frozen=True)
class RegionFact:
    """A region: its code (what views name), full name and continent."""

    id: int
    code: str
    name: str
    continent: str


@dataclass(frozen=True)
class SizeFact:
    """A VM size: vCPUs, and the memory (MiB) that its price includes."""

    id: int
    name: str
    vcpus: int
    memory_mib: int


@dataclass(frozen=True)
class SkuFact:
    """What is priced: its code, title, meter (None: not metered) and the VM size a machine sku stands for."""

    id: int
    code: str
    title: str
    meter: str | None
    vm_size_id: int | None


@dataclass(frozen=True)
class Reference:
    """The reference tables, keyed by id."""

    regions: dict[int, RegionFact]
    sizes: dict[int, SizeFact]
    skus: dict[int, SkuFact]

    @cached_property
    def continents(self) -> tuple[str, ...]:
        """Every continent with a region, by name."""
        return tuple(sorted({region.continent for region in self.regions.values()}))

    @cached_property
    def machine_skus(self) -> tuple[int, ...]:
        """The skus whose quantity is machine-seconds."""
        return tuple(one.id for one in self.skus.values() if one.meter == "machine")


def reference(session: Session) -> Reference:
    """The tables as they are now: about a hundred rows."""
    regions = session.execute(sa.text("SELECT id, code, name, continent FROM region ORDER BY code"))
    sizes = session.execute(sa.text("SELECT id, name, vcpus, memory_mib FROM vm_size ORDER BY id"))
    skus = session.execute(sa.text("SELECT id, code, title, meter, vm_size_id FROM sku WHERE meter IS NOT NULL ORDER BY id"))
    return Reference(
        {row.id: RegionFact(*row) for row in regions}, {row.id: SizeFact(*row) for row in sizes}, {row.id: SkuFact(*row) for row in skus}
    )
