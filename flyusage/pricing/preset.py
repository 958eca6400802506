"""What a machine costs by the published list, from a preset's name alone. Pure; reads the facts packaged with the product."""

import csv
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib import resources

from flyusage.metering.catalog import facts as metering_facts
from flyusage.pricing.errors import PresetUnknown
from flyusage.pricing.rating import RatedCharge, Step, charge, plain

MIB_PER_GB = 1024


@dataclass(frozen=True)
class Preset:
    """A machine size: the memory (MiB) its price includes, and the most it may have."""

    name: str
    memory_mib: int
    memory_mib_max: int


def preset(cpu_kind: str, vcpus: int) -> Preset:
    """The size of `vcpus` vCPUs, `shared` or `performance`. Raises PresetUnknown."""
    name = f"shared-cpu-{vcpus}x" if cpu_kind == "shared" else f"{cpu_kind}-{vcpus}x"
    return preset_named(name)


def preset_named(name: str) -> Preset:
    """The size called `name`. Raises PresetUnknown."""
    row = next((row for row in metering_facts("vm_sizes.csv") if row["name"] == name), None)
    if row is None or not row["base_usd_per_30d_iad"]:
        raise PresetUnknown(f"There is no listed machine size {name[:60]!r}.")
    return Preset(name, int(row["memory_mb_default"]), int(row["memory_mb_max"]))


def machine_cost(size: Preset, memory_mib: int, region: str, *, count: Fraction, seconds: Fraction) -> RatedCharge:
    """`count` machines for `seconds` in `region`: the preset, and memory beyond it, added up unrounded.

    Raises PresetUnknown for a region without list prices and for memory that the size cannot have.
    """
    if not size.memory_mib <= memory_mib <= size.memory_mib_max:
        raise PresetUnknown(f"{size.name} has {size.memory_mib} to {size.memory_mib_max} MB of memory, not {memory_mib}.")
    machine_seconds = count * seconds
    price = _listed(f"machine.{size.name}", region)
    steps = [
        Step(f"{size.name}: {plain(machine_seconds)} machine-seconds × {plain(price)}", machine_seconds * price, machine_seconds, price)
    ]
    if extra := memory_mib - size.memory_mib:
        price, quantity = _listed("machine.extra_ram", region), machine_seconds * extra
        text = f"{extra} MB more: {plain(quantity / MIB_PER_GB)} GB-seconds × {plain(price)}"
        steps.append(Step(text, quantity * price / MIB_PER_GB, quantity, price, MIB_PER_GB))
    return charge(steps)


def _listed(sku: str, region: str) -> Fraction:
    price = _latest().get((sku, region))
    if price is None:
        raise PresetUnknown(f"{sku} has no list price in {region[:60]!r}. `flyusage prices list` shows where it has.")
    return price


@cache
def _latest() -> dict[tuple[str, str], Fraction]:
    """(sku, region) → USD per base unit by the second, of the newest published list."""
    text = resources.files("flyusage.pricing").joinpath("facts", "prices.csv").read_text(encoding="utf-8")
    rows = [row for row in csv.DictReader(text.splitlines()) if row["unit"] in ("machine-second", "GB-second")]
    rows.sort(key=lambda row: row["effective_from"])
    return {(row["sku"], row["scope"]): Fraction(row["usd"]) for row in rows}
