"""Regions, VM sizes and skus by id, as every question needs them."""

from dataclasses import dataclass
from functools import cached_property

from sqlmodel import Session

from flyusage.pricing.database import fetch
from flyusage.pricing.remembered import Remembered

REMEMBERED_DATABASES = 32


@dataclass(frozen=True)
class RegionFact:
    """A region: its code (what views name), full name and continent."""

    id: int
    code: str
    name: str
    continent: str


@dataclass(frozen=True)
class SizeFact:
    """A VM size: vCPUs, and the memory (MiB) that its price includes. `cpu_kind` is shared or performance, None for no machine."""

    id: int
    name: str
    vcpus: int
    memory_mib: int
    cpu_kind: str | None = None
    gpus: int = 0


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
    def meters(self) -> dict[str, int]:
        """Meter → its sku, of those that have one alone (machines have one per size)."""
        return {one.meter: one.id for one in self.skus.values() if one.meter and one.meter != "machine"}

    @cached_property
    def machine_skus(self) -> tuple[int, ...]:
        """The skus whose quantity is machine-seconds."""
        return tuple(one.id for one in self.skus.values() if one.meter == "machine")


COUNTS = "(SELECT count(*) FROM region), (SELECT count(*) FROM vm_size), (SELECT count(*) FROM sku)"


def reference(session: Session, counts: tuple[int, ...] | None = None) -> Reference:
    """The tables as they are now: about a hundred rows. Remembered for as long as no row is added, which only an upgrade does.

    `counts` are the columns COUNTS, for who asks something at the same time.
    """
    counts = counts or fetch(session, f"SELECT {COUNTS}", {})[0]
    key = (session.connection().engine.url.render_as_string(hide_password=False), *counts)
    return _remembered.ask(key, lambda: _read(session))


_remembered = Remembered(REMEMBERED_DATABASES)


def _read(session: Session) -> Reference:
    regions = fetch(session, "SELECT id, code, name, continent FROM region ORDER BY code", {})
    sizes = fetch(session, "SELECT id, name, vcpus, memory_mib, cpu_kind, gpus FROM vm_size ORDER BY id", {})
    skus = fetch(session, "SELECT id, code, title, meter, vm_size_id FROM sku WHERE meter IS NOT NULL ORDER BY id", {})
    return Reference(
        {row[0]: RegionFact(*row) for row in regions}, {row[0]: SizeFact(*row) for row in sizes}, {row[0]: SkuFact(*row) for row in skus}
    )
