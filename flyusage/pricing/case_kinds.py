"""What each kind of case asks: from its inputs to a charge. The kinds and their inputs are documented in README.md."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from math import ceil, floor

from flyusage.money import Currency, split_fractions, to_minor
from flyusage.pricing.blocks import rate_blocks
from flyusage.pricing.case_inputs import Inputs
from flyusage.pricing.case_taxes import reckon_vat
from flyusage.pricing.errors import InputInvalid, InputMissing, KindUnknown
from flyusage.pricing.increments import rate_increment
from flyusage.pricing.preset import machine_cost, preset, preset_named
from flyusage.pricing.proration import commitment_shortfall, mean_level, prorated, true_up
from flyusage.pricing.rating import ZERO, Model, Price, RatedCharge, Step, Tier, charge, discount, limit, plain, rate_usage, rounded
from flyusage.pricing.reckoned import Reckoned
from flyusage.pricing.settling import after_reservation, reservation_discount
from flyusage.pricing.transactions import TransactionPrice, rate_transactions

MONTH_SECONDS = 30 * 86_400
MOST_PLACES = 12
MOST_PARTS = 100_000
INCREMENT_SUFFIXES = ("_capped_delta", "_delta")


def reckon(kind: str, inputs: Inputs, currency: Currency) -> Reckoned:
    """The charge of a case. Raises KindUnknown, InputMissing, InputInvalid and what rating raises."""
    kind = kind.strip().lower().replace("-", "_")
    kind = _OTHER_NAMES.get(kind, kind)
    if kind in _KINDS:
        return _KINDS[kind](inputs, currency)
    for suffix in INCREMENT_SUFFIXES:
        if kind.endswith(suffix) and kind.removesuffix(suffix) in _PRICES:
            return _increment(_PRICES[kind.removesuffix(suffix)], inputs)
    raise KindUnknown(f"{kind[:60]!r} is no kind of case. Kinds are {', '.join(kinds())}.")


def kinds() -> list[str]:
    """Every kind by its first name."""
    return sorted({*_KINDS, *(f"{name}_capped_delta" for name in _PRICES)})


def _usage(model: Model, inputs: Inputs, *, per: int = 1, **more: object) -> Price:
    """Free units are told like the quantity, whatever number of units the amount is for."""
    free = inputs.number("free", "free_units", default=ZERO)
    return Price(model, per_quantity=per, free_quantity=free / max(1, per), **more)  # type: ignore[arg-type]


def _unit(inputs: Inputs) -> Price:
    amount, per = inputs.number("unit", "unit_amount", "unit_price", "price"), inputs.whole("per", default=1)
    return _usage(Model.PER_UNIT, inputs, per=per, unit_amount=amount)


def _tiered(model: Model) -> Callable[[Inputs], Price]:
    """Bounds and packages of tiers are told like the quantity, too."""

    def price_of(inputs: Inputs) -> Price:
        per = inputs.whole("per", default=1)
        return _usage(model, inputs, per=per, tiers=tuple(_for_each(max(1, per), tier) for tier in inputs.tiers()))

    return price_of


def _for_each(per: int, tier: Tier) -> Tier:
    bounds = {name: None if value is None else value / per for name, value in (("up_to", tier.up_to), ("package_size", tier.package_size))}
    return replace(tier, **bounds)


def _package(inputs: Inputs) -> Price:
    size, amount = inputs.number("size", "package_size"), inputs.number("price", "package_amount", "unit", "amount")
    return _usage(Model.PACKAGE, inputs, package_size=size, unit_amount=amount)


def _packages(inputs: Inputs, _currency: Currency) -> Reckoned:
    """Packages begun, or with `round` down only those that are full."""
    price, quantity = _package(inputs), inputs.number("qty", "quantity")
    way = inputs.text("round", default="up")
    if way not in ("up", "down"):
        raise InputInvalid("round is up or down.")
    free = price.free_quantity * price.per_quantity
    if way == "down" and price.package_size is not None and quantity > free:
        quantity = free + (quantity - free) // (price.package_size * price.per_quantity) * price.package_size * price.per_quantity
    return _bounded(rate_usage(quantity, price), inputs)


def _percentage(inputs: Inputs) -> Price:
    free = inputs.number("free", "free_amount", "free_units", default=ZERO)
    return Price(Model.PERCENTAGE, rate_percent=inputs.number("rate_pct", "rate"), free_quantity=free)


def _graduated_percentage(inputs: Inputs) -> Price:
    return Price(Model.PERCENTAGE, tiers=inputs.tiers(is_percentage=True), free_quantity=inputs.number("free", "free_amount", default=ZERO))


def _volume_percentage(inputs: Inputs) -> Price:
    tiers = tuple(replace(tier, unit_amount=tier.rate_percent / 100) for tier in inputs.tiers(is_percentage=True))
    return Price(Model.VOLUME, tiers=tiers, free_quantity=inputs.number("free", "free_amount", default=ZERO))


def _multiplied(inputs: Inputs) -> Price:
    return Price(Model.PER_UNIT, inputs.number("multiplier", "unit", default=Fraction(1)))


def _one_quantity(price_of: Callable[[Inputs], Price]) -> Callable[[Inputs, Currency], Reckoned]:
    def reckon_one(inputs: Inputs, _currency: Currency) -> Reckoned:
        price, quantity = price_of(inputs), _converted(inputs.number("qty", "quantity"), inputs)
        return _bounded(rate_usage(quantity, price, is_first_flat_due=_is_first_flat_due(inputs)), inputs)

    return reckon_one


def _converted(quantity: Fraction, inputs: Inputs) -> Fraction:
    """The quantity in the units that are priced: divided or multiplied, then rounded to whole ones (or `precision` decimals)."""
    divisor, factor = inputs.number("divide_by", default=Fraction(1)), inputs.number("multiply_by", default=Fraction(1))
    rounding, places = inputs.text("round", default="none"), inputs.whole("precision", default=0)
    if divisor <= 0 or factor <= 0:
        raise InputInvalid("divide_by and multiply_by are above zero.")
    if rounding not in _ROUNDINGS or not 0 <= places <= MOST_PLACES:
        raise InputInvalid(f"round is one of {', '.join(_ROUNDINGS)}, precision 0 to {MOST_PLACES}.")
    scale = 10**places
    exact = quantity * factor / divisor
    return exact if rounding == "none" else Fraction(_ROUNDINGS[rounding](exact * scale), scale)


def _bounded(rated: RatedCharge, inputs: Inputs) -> Reckoned:
    """Discounts, then minimum and maximum."""
    reduced = discount(rated, percent=inputs.amount("discount_pct", default=ZERO), amount=inputs.amount("discount_amount", default=ZERO))
    least, most = _limits(inputs)
    bounded = limit(reduced, minimum=least, maximum=most)
    return Reckoned(
        bounded, others={"usage": rated.amount, "discount": rated.amount - reduced.amount, "bounds": bounded.amount - reduced.amount}
    )


def _limits(inputs: Inputs) -> tuple[Fraction | None, Fraction | None]:
    least, most = inputs.optional("min_spend", "minimum"), inputs.optional("max_spend", "maximum")
    Price(Model.PER_UNIT, minimum=least, maximum=most)  # raises where they contradict
    return least, most


def _increment(price_of: Callable[[Inputs], Price], inputs: Inputs) -> Reckoned:
    made = price_of(inputs)
    least, most = _limits(inputs)
    price = Price(**{**vars(made), "minimum": least, "maximum": most})
    before, now = inputs.amount("qty_before", default=ZERO), inputs.number("qty_now", "qty")
    converted = _converted(before, inputs)
    more = rate_increment(
        converted,
        _converted(before + now, inputs) - converted,
        price,
        already_billed=inputs.optional("already_billed"),
        discount_percent=inputs.amount("discount_pct", default=ZERO),
        is_last=inputs.flag("is_last", default=True),
        is_first_flat_due=_is_first_flat_due(inputs),
    )
    return Reckoned(more)


def _is_first_flat_due(inputs: Inputs) -> bool:
    return inputs.flag("bill_first_flat_at_zero", default=True)


def _percentages(inputs: Inputs, currency: Currency) -> Reckoned:
    """Of single transactions where those are given, else of an amount, with a fixed fee for each of `count`."""
    fixed = inputs.amount("fixed_per_event", "fixed_amount", default=ZERO)
    if not inputs.has("events"):
        whole = _one_quantity(_percentage)(inputs, currency)
        count = inputs.amount("count", "event_count", "events_count", default=ZERO)
        if inputs.has("free_events"):
            raise InputMissing("events is missing: which transactions are free depends on each of them.")
        fees = charge([Step(f"{plain(count)} × {plain(fixed)} fixed", count * fixed, count, fixed)] if fixed and count else [])
        return Reckoned(whole.net + fees, others=whole.others)
    events = inputs.numbers("events")
    if inputs.has("qty", "quantity") and inputs.number("qty", "quantity") != sum(events, ZERO):
        raise InputInvalid("qty is not what the events add up to.")
    if inputs.has("count", "event_count", "events_count") and inputs.whole("count", "event_count", "events_count") != len(events):
        raise InputInvalid("count is not how many events there are.")
    price = TransactionPrice(
        inputs.number("rate_pct", "rate"),
        fixed,
        free_count=inputs.whole("free_events", "free_units_per_events") if inputs.has("free_events", "free_units_per_events") else None,
        free_amount=inputs.optional("free_amount", "free", "free_units_per_total_aggregation"),
        minimum=inputs.optional("per_transaction_min", "per_transaction_min_amount"),
        maximum=inputs.optional("per_transaction_max", "per_transaction_max_amount"),
    )
    return _bounded(rate_transactions(events, price), inputs)


def _dynamic(inputs: Inputs, currency: Currency) -> Reckoned:
    if not inputs.has("amounts"):
        return _one_quantity(_multiplied)(inputs, currency)
    return _bounded(charge([Step(f"Event {place}", amount) for place, amount in enumerate(inputs.numbers("amounts"), 1)]), inputs)


def _flat(inputs: Inputs, _currency: Currency) -> Reckoned:
    amount, quantity = inputs.number("amount", "price", "unit"), inputs.number("qty", "quantity", default=Fraction(1))
    full = rate_usage(quantity, Price(Model.FLAT, amount, free_quantity=inputs.number("free", default=ZERO)))
    days, of_days = inputs.days()
    return _bounded(full if (days, of_days) == (1, 1) else prorated(full.amount, days, of_days), inputs)


def _prorate(inputs: Inputs, _currency: Currency) -> Reckoned:
    amount = inputs.number("amount", "price") * inputs.number("qty", "quantity", default=Fraction(1))
    return _bounded(prorated(amount, *inputs.days()), inputs)


def _plan_change(inputs: Inputs, currency: Currency) -> Reckoned:
    """From one fee to another in the middle of a period: the rest of the old one back, the rest of the new one due."""
    days, of_days = inputs.days(left=True)
    credit = rounded(prorated(-inputs.number("old", "from_amount"), days, of_days), currency)
    due = rounded(prorated(inputs.number("new", "to_amount"), days, of_days), currency)
    return Reckoned(credit + due, others={"credit": credit.amount, "charge": due.amount})


def _true_up(inputs: Inputs, _currency: Currency) -> Reckoned:
    days, of_days = inputs.days()
    return Reckoned(true_up(inputs.amount("minimum", "min_spend"), days, of_days, sum(inputs.numbers("usage", "billed"), ZERO)))


def _shortfall(inputs: Inputs, currency: Currency) -> Reckoned:
    days, of_days = inputs.days()
    fee, usage = inputs.amount("plan_fee", "fee", default=ZERO), inputs.numbers("usage", "charges", "billed")
    return Reckoned(commitment_shortfall(inputs.amount("commit", "commitment"), fee, days, of_days, currency=currency, usage=usage))


def _time_weighted(inputs: Inputs, _currency: Currency) -> Reckoned:
    """The mean of a gauge, priced per unit, or by tiers (`mode`), or in packages."""
    changes, level = inputs.dated("events"), inputs.number("carry", default=ZERO)
    carried = level
    for when, reached in sorted(inputs.dated("levels"), key=lambda one: one[0]):
        changes.append((when, reached - level))
        level = reached
    mean = mean_level(inputs.period(), carried, changes)
    price = _gauge_price(inputs)
    rated = _bounded(rate_usage(mean.amount, price, is_first_flat_due=_is_first_flat_due(inputs)), inputs)
    levels = [Step(step.text, ZERO) for step in mean.steps]
    return Reckoned(charge([*levels, *rated.net.steps]), others={**rated.others, "quantity": mean.amount})


def _gauge_price(inputs: Inputs) -> Price:
    if inputs.has("tiers"):
        mode = inputs.text("mode", default="graduated")
        if mode not in ("graduated", "volume"):
            raise InputInvalid("mode is graduated or volume.")
        return _PRICES[mode](inputs)
    if inputs.has("size"):
        return _package(inputs)
    return _usage(Model.PER_UNIT, inputs, unit_amount=inputs.number("unit", "price", default=Fraction(1)))


def _credit_note(inputs: Inputs, _currency: Currency) -> Reckoned:
    """The share of a net for the days that are left; tax on the share before it is rounded."""
    days, of_days = inputs.days(left=True)
    share = prorated(inputs.number("net", "amount"), days, of_days)
    return Reckoned(share, tax_basis=share.amount)


def _blocks(*, is_top_tier: bool) -> Callable[[Inputs, Currency], Reckoned]:
    def reckon_blocks(inputs: Inputs, _currency: Currency) -> Reckoned:
        quantity, free = inputs.number("qty", "quantity"), inputs.number("free", default=ZERO)
        left = min(quantity, max(ZERO, quantity - free))
        return _bounded(rate_blocks(left, inputs.block_tiers(), is_top_tier=is_top_tier), inputs)

    return reckon_blocks


def _fly_machine(inputs: Inputs, _currency: Currency) -> Reckoned:
    if inputs.has("vcpus", "cpus"):
        size = preset(inputs.text("kind", "cpu_kind"), inputs.whole("vcpus", "cpus"))
    else:
        size = preset_named(inputs.text("size", "kind"))
    memory = inputs.whole("memory_mb", default=size.memory_mib)
    count = inputs.amount("count", default=Fraction(1))
    return _bounded(machine_cost(size, memory, inputs.text("region"), count=count, seconds=_running_seconds(inputs)), inputs)


def _running_seconds(inputs: Inputs) -> Fraction:
    """From seconds, hours, days or a fraction of 30 days, whichever one is given; 30 days without any."""
    if len(given := [name for name in ("seconds", "hours", "days", "fraction_of_30d") if inputs.has(name)]) > 1:
        raise InputInvalid(f"{' and '.join(given)} both say how long it runs; give one.")
    for name, seconds in (("seconds", 1), ("hours", 3600), ("days", 86_400)):
        if inputs.has(name):
            return inputs.amount(name) * seconds
    return inputs.amount("fraction_of_30d", default=Fraction(1)) * MONTH_SECONDS


def _reservation(inputs: Inputs, _currency: Currency) -> Reckoned:
    """What a reservation takes off, in percent; with `usage`, a month each, what is left to pay."""
    credit, months = inputs.amount("monthly_credit", "credit"), inputs.amount("months", default=Fraction(12))
    upfront = inputs.optional("upfront")
    used = inputs.numbers("usage")
    others = {} if upfront is None else {"discount_pct": reservation_discount(upfront, credit, months)}
    if used:
        return Reckoned(after_reservation(used, credit), others=others)
    if upfront is None:
        raise InputMissing("upfront is missing.")
    saved = [
        Step(f"Credit of {plain(credit)} in each of {plain(months)} months", credit * months),
        Step("Less what is paid up front", -upfront),
    ]
    return Reckoned(charge(saved), others=others, main="discount_pct")


def _allocate(inputs: Inputs, currency: Currency) -> Reckoned:
    """A rounded amount over parts, by largest remainder; what is left over goes to the earlier of equals."""
    amount = rounded(charge([Step("Amount", inputs.number("amount", "total"))]), currency)
    count = inputs.whole("parts", default=0)
    if not 0 <= count <= MOST_PARTS:
        raise InputInvalid(f"parts is 1 to {MOST_PARTS:,}.")
    weights = inputs.numbers("weights") or [Fraction(1)] * count
    if not weights or min(weights) < 0 or not any(weights):
        raise InputMissing("weights is missing: numbers not below zero, one of them above it; or parts, how many equal ones.")
    shares = [Fraction(one, 10**currency.exponent) for one in split_fractions(to_minor(amount.amount, currency), weights)]
    return Reckoned(charge([Step(f"Part {place}", one) for place, one in enumerate(shares, 1)]), parts=tuple(shares))


_ROUNDINGS: dict[str, Callable[[Fraction], int]] = {
    "none": int,
    "up": ceil,
    "down": floor,
    "half_up": lambda value: floor(value + Fraction(1, 2)),
}
_PRICES: dict[str, Callable[[Inputs], Price]] = {
    "unit": _unit,
    "per_unit": _unit,
    "graduated": _tiered(Model.GRADUATED),
    "volume": _tiered(Model.VOLUME),
    "package": _package,
    "percentage": _percentage,
    "graduated_percentage": _graduated_percentage,
    "volume_percentage": _volume_percentage,
    "dynamic": _multiplied,
}
_OTHER_NAMES = {
    "standard": "unit", "per_seat": "unit", "tiered_graduated": "graduated", "slab": "graduated",
    "bulk": "volume", "tiered_volume": "volume", "stairstep": "volume", "stair_step": "volume", "percent": "percentage",
    "flat_fee": "flat", "fixed": "flat", "gauge": "time_weighted", "weighted_sum": "time_weighted", "proration": "prorate", "tax": "vat",
}  # fmt: skip
_KINDS: dict[str, Callable[[Inputs, Currency], Reckoned]] = {
    **{name: _one_quantity(price_of) for name, price_of in _PRICES.items()},
    "package": _packages,
    "percentage": _percentages,
    "dynamic": _dynamic,
    "flat": _flat,
    "one_off": _flat,
    "prorate": _prorate,
    "prorate_tax": _prorate,
    "plan_change": _plan_change,
    "trueup": _true_up,
    "commit_shortfall": _shortfall,
    "time_weighted": _time_weighted,
    "credit_note": _credit_note,
    "block_all_tiers": _blocks(is_top_tier=False),
    "block_top_tier": _blocks(is_top_tier=True),
    "fly_machine": _fly_machine,
    "reservation": _reservation,
    "vat": reckon_vat,
    "allocate": _allocate,
}
