"""What rollups must hold, counted again in plain Python: one interval after another, hour by hour, without any of their SQL."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from flyusage.metering.spread import spread

Cell = tuple[int, int, int, int]  # app, region, vm size, sku
HOUR = 3600


@dataclass(frozen=True)
class Run:
    """A stored interval. Moments are seconds since 1970; an open one has no `stopped_at`."""

    resource_id: int
    started_at: int
    stopped_at: int | None
    capacity: int
    extra_mib: int
    app_id: int
    region_id: int
    sku_id: int
    vm_size_id: int


@dataclass
class Counted:
    """Base units per cell and hour, and per resource, of a stretch of whole hours."""

    hours: dict[Cell, list[int]]
    resources: dict[tuple[int, Cell], int] = field(default_factory=lambda: defaultdict(int))


def recount(runs: Iterable[Run], *, since: int, until: int, extra_id: int, egress_id: int) -> Counted:
    """Count `runs` over `[since, until)`, both on the hour. Extra memory is counted under its own sku `extra_id`."""
    width = (until - since) // HOUR
    edges: dict[Cell, list[int]] = defaultdict(lambda: [0] * width)  # hours that a run only touches
    steps: dict[Cell, list[int]] = defaultdict(lambda: [0] * (width + 1))  # where whole hours begin and end
    counted = Counted({})
    for run in runs:
        cell = (run.app_id, run.region_id, run.vm_size_id, run.sku_id)
        if run.sku_id == egress_id:
            for hour, count in _bytes_by_hour(run):
                if since <= hour < until:
                    edges[cell][(hour - since) // HOUR] += count
                    counted.resources[run.resource_id, cell] += count
            continue
        start, stop = max(run.started_at, since), until if run.stopped_at is None else min(run.stopped_at, until)
        if start >= stop:
            continue
        for sku_id, capacity in ((run.sku_id, run.capacity), (extra_id, run.extra_mib)):
            if capacity:
                line = (*cell[:3], sku_id)
                counted.resources[run.resource_id, line] += capacity * (stop - start)
                _count_run(edges[line], steps[line], start - since, stop - since, capacity)
    counted.hours = {cell: _summed(edges[cell], steps.get(cell)) for cell in edges}
    return counted


def _count_run(edges: list[int], steps: list[int], start: int, stop: int, capacity: int) -> None:
    first, last = start // HOUR, (stop - 1) // HOUR
    if first == last:
        edges[first] += capacity * (stop - start)
        return
    edges[first] += capacity * ((first + 1) * HOUR - start)
    edges[last] += capacity * (stop - last * HOUR)
    steps[first + 1] += capacity * HOUR
    steps[last] -= capacity * HOUR


def _bytes_by_hour(report: Run) -> Iterator[tuple[int, int]]:
    assert report.stopped_at is not None
    start, stop = datetime.fromtimestamp(report.started_at, UTC), datetime.fromtimestamp(report.stopped_at, UTC)
    for hour, count in spread(report.capacity, start, stop):
        yield int(hour.timestamp()), count


def _summed(edges: list[int], steps: list[int] | None) -> list[int]:
    if steps is None:
        return edges
    whole, summed = 0, []
    for edge, step in zip(edges, steps, strict=False):
        whole += step
        summed.append(edge + whole)
    return summed
