"""What was measured against what must be reached: a table on the screen, JSON under bench-results/."""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

Numbers = dict[str, float | int | str | None]


@dataclass(frozen=True)
class Row:
    """A figure and its bound, which it may not pass (`is_floor`: may not stay under). `value` None: not measured, `note` says why."""

    name: str
    value: float | None
    bound: float
    unit: str
    is_floor: bool = False
    note: str = ""

    @property
    def is_reached(self) -> bool | None:
        """Whether the bound holds; None for what was not measured."""
        if self.value is None:
            return None
        return self.value >= self.bound if self.is_floor else self.value <= self.bound

    @property
    def margin(self) -> str:
        """How far from the bound, as a factor."""
        if not self.value:
            return ""
        better = self.value / self.bound if self.is_floor else self.bound / self.value
        return f"{better:.2f}× inside" if better >= 1 else f"{1 / better:.2f}× short"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * int(share * 100) // 100) - 1)]


def spread(values: Sequence[float]) -> Numbers:
    """Median, p95 and the largest, in the values' unit."""
    return {
        "p50": round(statistics.median(values), 3),
        "p95": round(percentile(values, 0.95), 3),
        "max": round(max(values), 3),
        "n": len(values),
    }


def show(rows: Sequence[Row]) -> str:
    """The table."""
    lines = [f"{'':4} {'figure':66} {'measured':>14} {'must':>16}  margin"]
    for row in rows:
        mark = {True: "ok", False: "MISS", None: "–"}[row.is_reached]
        measured = "not measured" if row.value is None else f"{_number(row.value)} {row.unit}"
        must = f"{'≥' if row.is_floor else '≤'} {_number(row.bound)} {row.unit}"
        lines.append(f"{mark:4} {row.name:66} {measured:>14} {must:>16}  {row.margin}{f' ({row.note})' if row.note else ''}")
    return "\n".join(lines)


def keep(rows: Sequence[Row], details: dict[str, object], folder: Path) -> Path:
    """Write everything as JSON; the file's path."""
    folder.mkdir(parents=True, exist_ok=True)
    at = datetime.now(UTC)
    path = folder / f"bench-{at:%Y%m%d-%H%M%S}.json"
    kept = {
        "at": at.isoformat(timespec="seconds"),
        "machine": {"cpus": os.cpu_count(), "system": platform.platform(), "python": platform.python_version(), "load": os.getloadavg()},
        "rows": [asdict(row) | {"is_reached": row.is_reached} for row in rows],
        "details": details,
    }
    path.write_text(json.dumps(kept, indent=1, default=str))
    return path


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.2f}"
