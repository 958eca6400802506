"""What each measure counts: how many units a base quantity of a sku is worth. Money is priced apart, in `totals` and `points`."""

from dataclasses import dataclass
from fractions import Fraction

from flyusage.pricing.reference import Reference, SkuFact
from flyusage.pricing.view import Measure

HOUR_SECONDS = 3600
MEANS = (Measure.RUNNING_MEAN, Measure.VOLUME_GB)


@dataclass(frozen=True)
class Units:
    """quantity × amount ÷ per units, by sku id; skus without an amount count nothing."""

    amounts: dict[int, int]
    per: int
    last_sku: int = 0

    def array(self) -> list[int]:
        """The amounts at [sku id + 1], for Postgres, whose arrays begin at 1."""
        return [self.amounts.get(sku_id, 0) for sku_id in range(self.last_sku + 1)]


def units(measure: Measure, reference: Reference) -> Units:
    """How `measure` counts. Running machines and volume GB are unit-seconds here: means over a span divide by its seconds."""
    amount, per = _COUNTED[measure]
    amounts = {one.id: amount(one, reference) for one in reference.skus.values()}
    return Units({sku_id: value for sku_id, value in amounts.items() if value}, per, max(amounts, default=0))


def is_mean(measure: Measure) -> bool:
    """Whether a span's value is divided by its seconds."""
    return measure in MEANS


def value(measured: int | Fraction, per: int, measure: Measure, seconds: int) -> Fraction:
    """Exact units of a span of `seconds`; 0 for an empty one."""
    if not is_mean(measure):
        return Fraction(measured) / per
    return Fraction(measured) / (per * seconds) if seconds else Fraction(0)


def _machine(sku: SkuFact, _reference: Reference) -> int:
    return int(sku.meter == "machine")


def _vcpus(sku: SkuFact, reference: Reference) -> int:
    return reference.sizes[sku.vm_size_id].vcpus if sku.meter == "machine" and sku.vm_size_id is not None else 0


def _memory(sku: SkuFact, reference: Reference) -> int:
    if sku.meter == "extra_memory":
        return 1
    return reference.sizes[sku.vm_size_id].memory_mib if sku.meter == "machine" and sku.vm_size_id is not None else 0


_COUNTED = {
    Measure.LIST_COST: (lambda _sku, _reference: 0, 1),
    Measure.EFFECTIVE_COST: (lambda _sku, _reference: 0, 1),
    Measure.BILLED_COST: (lambda _sku, _reference: 0, 1),
    Measure.CONTRACTED_COST: (lambda _sku, _reference: 0, 1),
    Measure.MACHINE_HOURS: (_machine, HOUR_SECONDS),
    Measure.VCPU_HOURS: (_vcpus, HOUR_SECONDS),
    Measure.MEMORY_GB_HOURS: (_memory, 1024 * HOUR_SECONDS),
    Measure.VOLUME_GB: (lambda sku, _reference: int(sku.meter == "volume"), 1024),
    Measure.EGRESS_GB: (lambda sku, _reference: int(sku.meter == "egress"), 10**9),
    Measure.RUNNING_MEAN: (_machine, 1),
    Measure.RUNNING_PEAK: (_machine, 1),
}
