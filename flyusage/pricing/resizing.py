"""Machines of one size as if they had been of another: the same seconds, the same memory in all."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlmodel import Session

from flyusage.periods import Period
from flyusage.pricing.asking import Known
from flyusage.pricing.database import Binds, fetch
from flyusage.pricing.errors import SimulationRefused
from flyusage.pricing.reference import Reference


@dataclass(frozen=True)
class Usage:
    """Base units of a sku in one epoch. `line` is the (sku, region) it is shown under, whatever it is priced as."""

    line: tuple[int, int]
    sku_id: int
    region_id: int
    vm_size_id: int
    epoch: int
    quantity: int


@dataclass(frozen=True)
class Resizing:
    """From a size to another. `growth` is how much more memory (MiB) the other's price includes; negative where less."""

    source_id: int
    target_id: int
    source_sku: int
    target_sku: int
    memory_sku: int
    growth: int


def resizings(wanted: Mapping[str, str], reference: Reference) -> dict[int, Resizing]:
    """The wanted changes by the id of their source. Raises SimulationRefused for a size there is none of."""
    sizes = {one.name: one for one in reference.sizes.values()}
    skus = {one.vm_size_id: one.id for one in reference.skus.values() if one.meter == "machine"}
    memory = next(one.id for one in reference.skus.values() if one.meter == "extra_memory")
    found = {}
    for source, target in wanted.items():
        for name in (source, target):
            if name not in sizes or sizes[name].id not in skus:
                raise SimulationRefused(f"There is no VM size {name[:40]!r}.")
        one, other = sizes[source], sizes[target]
        found[one.id] = Resizing(one.id, other.id, skus[one.id], skus[other.id], memory, other.memory_mib - one.memory_mib)
    return found


def resized(session: Session, known: Known, usage: list[Usage], wanted: dict[int, Resizing], spans: Sequence[Period]) -> list[Usage]:
    """The usage as it would be; `spans` are the epochs inside the period.

    A larger preset takes the place of extra memory machine by machine, which only intervals know.
    """
    kept = _still_extra(session, known, [one for one in wanted.values() if one.growth > 0], spans)
    found = []
    for one in usage:
        change = wanted.get(one.vm_size_id)
        if change is None:
            found.append(one)
        elif one.sku_id == change.source_sku:
            found.append(replace(one, sku_id=change.target_sku, vm_size_id=change.target_id))
            if change.growth < 0:
                line = (change.memory_sku, one.region_id)
                found.append(Usage(line, change.memory_sku, one.region_id, change.target_id, one.epoch, -change.growth * one.quantity))
        elif one.sku_id == change.memory_sku and change.growth > 0:
            left = kept[change.source_id, one.region_id, one.epoch]
            found.append(replace(one, vm_size_id=change.target_id, quantity=left))
        else:
            found.append(replace(one, vm_size_id=change.target_id))
    return found


def _still_extra(session: Session, known: Known, grown: list[Resizing], spans: Sequence[Period]) -> dict[tuple[int, int, int], int]:
    """(size, region, epoch) → MiB-seconds beyond the larger preset, up to as_of."""
    found: dict[tuple[int, int, int], int] = defaultdict(int)
    if not grown:
        return found
    as_of = known.moment.as_of
    binds = Binds(org=known.org_id, first=spans[0].start, last=min(as_of, spans[-1].end), as_of=as_of)
    starts = binds.add([one.start.isoformat() for one in spans], "timestamptz[]")
    ends = binds.add([min(one.end, as_of).isoformat() for one in spans], "timestamptz[]")
    sizes, growths = binds.add([one.source_id for one in grown], "int[]"), binds.add([one.growth for one in grown], "bigint[]")
    for size_id, region_id, epoch, quantity in fetch(session, _EXTRA.format(starts=starts, ends=ends, sizes=sizes, growths=growths), binds):
        found[size_id, region_id, epoch] = int(quantity)
    return found


_EXTRA = """
SELECT i.vm_size_id, i.region_id, e.number - 1,
       sum(extract(epoch FROM least(coalesce(i.stopped_at, CAST(:as_of AS timestamptz)), e.ends) - greatest(i.started_at, e.starts))
           * (i.extra_mib - grown.growth))
FROM unnest({sizes}, {growths}) AS grown (size_id, growth)
JOIN usage_interval i ON i.org_id = CAST(:org AS int) AND i.vm_size_id = grown.size_id AND i.extra_mib > grown.growth
 AND i.started_at < CAST(:last AS timestamptz) AND (i.stopped_at IS NULL OR i.stopped_at > CAST(:first AS timestamptz))
JOIN unnest({starts}, {ends}) WITH ORDINALITY AS e (starts, ends, number)
  ON i.started_at < e.ends AND (i.stopped_at IS NULL OR i.stopped_at > e.starts) AND e.starts < e.ends
GROUP BY i.vm_size_id, i.region_id, e.number"""
