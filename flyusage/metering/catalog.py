"""Regions, VM sizes and skus: the reference tables, filled from the facts packaged beside this module."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any, cast

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.metering.models import NO_SIZE, Region, sku, vm_size

RETIRED_ON = {"deprecated_2025-10": date(2025, 10, 16)}
BASE_UNITS = {"machine": "machine-second"}


@dataclass(frozen=True)
class VmSize:
    """A machine preset. `memory_mib` is included in its price; what a machine has beyond is extra memory."""

    id: int
    name: str
    cpu_kind: str | None
    vcpus: int
    memory_mib: int
    memory_mib_max: int
    gpu_kind: str | None
    gpus: int
    base_usd_per_30d: Decimal | None
    status: str


@cache
def region_codes() -> frozenset[str]:
    """Every region an event may name, retired ones included."""
    return frozenset(row["code"] for row in facts("regions.csv"))


@cache
def size_names() -> frozenset[str]:
    """Every VM size an event may name, retired ones included."""
    return frozenset(row["name"] for row in facts("vm_sizes.csv"))


def load_reference(session: Session) -> None:
    """Bring regions, VM sizes and skus to the packaged facts; repeating it changes nothing. Nothing is ever removed."""
    _put(session, cast("sa.Table", sa.inspect(Region).local_table), "code", _regions())
    _put(session, vm_size, "id", _sizes())
    _put(session, sku, "code", _skus())


def region_ids(session: Session) -> dict[str, int]:
    """Region code → id."""
    return dict(session.execute(sa.select(Region.code, Region.id).order_by(Region.code)).all())  # type: ignore[call-overload]


def vm_sizes(session: Session) -> dict[str, VmSize]:
    """Name → size, smallest first as published; `none` (id 0) stands for usage that belongs to no machine."""
    rows = session.execute(sa.select(vm_size).order_by(vm_size.c.id)).mappings()
    return {row["name"]: VmSize(**row) for row in rows}


def sku_ids(session: Session) -> dict[str, int]:
    """Sku code → id."""
    return dict(session.execute(sa.select(sku.c.code, sku.c.id).order_by(sku.c.code)).all())


def facts(name: str) -> list[dict[str, str]]:
    """The rows of a packaged CSV file."""
    text = resources.files("flyusage.metering").joinpath("facts", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _regions() -> list[dict[str, Any]]:
    return [
        {
            "code": row["code"],
            "name": row["name"],
            "country": row["country"],
            "continent": row["continent"],
            "lat": float(row["lat"]),
            "lon": float(row["lon"]),
            "status": "retired" if row["status"] in RETIRED_ON else "active",
            "retired_on": RETIRED_ON.get(row["status"]),
            "egress_group": row["egress_group"],
            "price_markup": Decimal(row["price_markup"]),
        }
        for row in facts("regions.csv")
    ]


def _sizes() -> list[dict[str, Any]]:
    """Ids are the file's line numbers: it only ever grows at its end."""
    none: dict[str, Any] = dict.fromkeys(("cpu_kind", "gpu_kind", "base_usd_per_30d"))
    none |= {
        "id": NO_SIZE,
        "name": "none",
        "vcpus": 0,
        "memory_mib": 0,
        "memory_mib_max": 0,
        "gpus": 0,
        "status": "active",
    }
    return [none] + [
        {
            "id": number,
            "name": row["name"],
            "cpu_kind": row["cpu_kind"],
            "vcpus": int(row["vcpus"]),
            "memory_mib": int(row["memory_mb_default"]),
            "memory_mib_max": int(row["memory_mb_max"]),
            "gpu_kind": row["gpu_kind"] or None,
            "gpus": int(row["gpus"]),
            "base_usd_per_30d": Decimal(row["base_usd_per_30d_iad"]),
            "status": "active" if row["status"] == "active" else "retired",
        }
        for number, row in enumerate(facts("vm_sizes.csv"), start=1)
    ]


def _skus() -> list[dict[str, Any]]:
    """A machine sku for every size, GPU sizes included: without a price they show as unpriced, never as free."""
    machines = [
        {
            "code": f"machine.{size['name']}",
            "meter": "machine",
            "base_unit": BASE_UNITS["machine"],
            "vm_size_id": size["id"],
            "title": f"Machine {size['name']}",
        }
        for size in _sizes()
        if size["id"] != NO_SIZE
    ]
    others = [
        {key: row[key] or None for key in ("code", "meter", "base_unit", "title")} | {"vm_size_id": None} for row in facts("skus.csv")
    ]
    return machines + others


def _put(session: Session, table: sa.Table, key: str, rows: Sequence[dict[str, Any]]) -> None:
    """Update the rows that are there, insert the others. No upsert: it would spend a small identity on every repeat."""
    session.execute(sa.text(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE"))
    present = {row[key]: row for row in session.execute(sa.select(table)).mappings()}
    for row in rows:
        if row[key] not in present:
            session.execute(sa.insert(table).values(row))
        elif any(present[row[key]][column] != value for column, value in row.items()):
            session.execute(sa.update(table).where(table.c[key] == row[key]).values(row))
