"""Rating: each model by hand, and what must hold for every quantity."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyusage.money import JPY, USD
from flyusage.pricing.errors import PriceInvalid, QuantityNegative, TierMissing
from flyusage.pricing.rating import Model, Price, RatedCharge, Tier, discount, limit, plain, rate, rate_usage, rounded

F = Fraction


def decimals(low: int, high: int, places: int) -> st.SearchStrategy[F]:
    """Numbers of that many decimals; drawn as integers, which is several times faster than fractions."""
    scale = 10**places
    return st.integers(low * scale, high * scale).map(lambda units: F(units, scale))


quantities = decimals(0, 10**6, 3) | st.integers(0, 10**12).map(F)
amounts = decimals(0, 10**4, 6)
STEPS = (Tier(F(5), flat_amount=F(100)), Tier(F(10), flat_amount=F(50)), Tier(F(15), F(5)), Tier(None, F(1)))


@st.composite
def tiers(draw: st.DrawFn, *, may_jump: bool = True) -> tuple[Tier, ...]:
    bounds = sorted(draw(st.sets(decimals(1, 10**6, 2), max_size=4)))
    sizes = st.none() | decimals(1, 100, 1) if may_jump else st.none()
    return tuple(
        Tier(bound, draw(amounts), draw(amounts) if may_jump else F(0), draw(decimals(0, 50, 2)), draw(sizes)) for bound in [*bounds, None]
    )


def limits() -> st.SearchStrategy[tuple[F | None, F | None]]:
    both = st.tuples(amounts, amounts).map(lambda pair: (min(pair), max(pair)))
    return st.tuples(st.none() | amounts, st.none()) | st.tuples(st.none(), st.none() | amounts) | both


@st.composite
def prices(draw: st.DrawFn, models: tuple[Model, ...] = tuple(Model)) -> Price:
    model = draw(st.sampled_from(models))
    minimum, maximum = draw(limits())
    has_tiers = model in (Model.GRADUATED, Model.VOLUME) or (model is Model.PERCENTAGE and draw(st.booleans()))
    return Price(
        model,
        unit_amount=draw(amounts),
        per_quantity=draw(st.sampled_from([1, 3, 1024, 10**9])),
        tiers=draw(tiers()) if has_tiers else (),
        package_size=draw(decimals(1, 1000, 1)) if model is Model.PACKAGE else None,
        rate_percent=draw(decimals(0, 100, 2)),
        free_quantity=draw(st.just(F(0)) | quantities),
        minimum=minimum,
        maximum=maximum,
    )


def cost(quantity: int | str, price: Price) -> F:
    return rate(F(quantity), price).amount


def texts(rated: RatedCharge) -> list[str]:
    return [step.text for step in rated.steps]


def test_per_unit_divides_last() -> None:
    # 0.15 per GB for 30 days; 1 GB = 1024 MiB, 30 days = 2,592,000 s: 2,654,208,000 MiB-seconds cost 0.15, a third of them 0.05.
    price = Price(Model.PER_UNIT, F("0.15"), 1024 * 2_592_000)
    assert cost(2_654_208_000, price) == F("0.15")
    assert cost(884_736_000, price) == F("0.05")


def test_graduated_bills_each_tier_at_its_own_price_and_flats_once_reached() -> None:
    price = Price(Model.GRADUATED, tiers=STEPS)
    # 5 × 0 + 100, 5 × 0 + 50, 5 × 5, 7 × 1: 182.
    rated = rate(F(22), price)
    assert rated.amount == 182
    assert texts(rated) == ["Tier 1: flat 100", "Tier 2: flat 50", "Tier 3: 5 × 5", "Tier 4: 7 × 1"]
    assert [cost(quantity, price) for quantity in (0, 3, 5, "5.001", 10, 11)] == [100, 100, 100, 150, 150, 155]


def test_the_first_flat_can_wait_for_usage() -> None:
    for model in (Model.GRADUATED, Model.VOLUME):
        price = Price(model, tiers=STEPS)
        assert rate(F(0), price, is_first_flat_due=False).amount == 0
        assert rate(F(1), price, is_first_flat_due=False).amount == 100


def test_volume_bills_everything_in_the_last_units_tier() -> None:
    price = Price(Model.VOLUME, tiers=(Tier(F(10), F(5), F(100)), Tier(None, F(2), F(50))))
    # 10 × 5 + 100; 10.5 × 2 + 50; 15 × 2 + 50.
    assert [cost(quantity, price) for quantity in (0, 10, "10.5", 15)] == [100, 150, 71, 80]


def test_packages_round_up_after_free_units() -> None:
    price = Price(Model.PACKAGE, F(100), package_size=F(10), free_quantity=F(5))
    assert [cost(quantity, price) for quantity in (0, 5, "5.1", 15, "15.1")] == [0, 0, 100, 100, 200]
    assert texts(rate(F(12), price)) == ["5 of 12 free", "7 in packages of 10: 1 × 100"]


def test_percentages_of_an_amount() -> None:
    assert cost(150, Price(Model.PERCENTAGE, rate_percent=F("2.9"))) == F("4.35")
    graduated = Price(Model.PERCENTAGE, tiers=(Tier(F(100), rate_percent=F(5)), Tier(None, rate_percent=F(2), flat_amount=F(10))))
    assert cost(150, graduated) == 16  # 100 × 5 % + 10 + 50 × 2 %


def test_flat_and_one_off_are_for_each_piece() -> None:
    assert cost(3, Price(Model.FLAT, F(29))) == 87
    assert cost(1, Price(Model.ONE_OFF, F("500.5"))) == F("500.5")


def test_free_quantity_counts_units_of_the_price() -> None:
    # 10 GB-months free, then 0.08 each: 12 GB for 30 days is 2 × 0.08.
    price = Price(Model.PER_UNIT, F("0.08"), 1024 * 2_592_000, free_quantity=F(10))
    assert cost(12 * 1024 * 2_592_000, price) == F("0.16")


def test_minimum_and_maximum_are_steps_of_their_own() -> None:
    price = Price(Model.PER_UNIT, F(10), minimum=F(100), maximum=F(150))
    assert texts(rate(F(7), price)) == ["7 × 10", "Up to the minimum of 100"]
    assert texts(rate(F(17), price)) == ["17 × 10", "Above the maximum of 150"]
    assert [cost(quantity, price) for quantity in (0, 10, 12, 17)] == [100, 100, 120, 150]


def test_a_discount_never_goes_below_zero() -> None:
    rated = rate_usage(F(10), Price(Model.PER_UNIT, F(10)))
    assert discount(rated, percent=F(25), amount=F(5)).amount == 70
    assert discount(rated, percent=F(150)).amount == 0
    assert discount(rated, amount=F(1000)).amount == 0


def test_rounding_is_the_last_step() -> None:
    rated = rounded(rate(F(10), Price(Model.PER_UNIT, F("1.33333"))), USD)
    assert rated.amount == F("13.33")
    assert texts(rated) == ["10 × 1.33333", "13.3333 rounded to 13.33 USD"]
    assert rounded(rate(F(1), Price(Model.PER_UNIT, F("0.5"))), JPY).amount == 1


def test_more_than_the_last_tier_holds_has_no_price() -> None:
    for model in (Model.GRADUATED, Model.VOLUME):
        price = Price(model, tiers=(Tier(F(5), F(7)), Tier(F(10), F(6))))
        assert cost(10, price) > 0
        with pytest.raises(TierMissing, match="The last tier ends at 10, so 10.5 has no price"):
            cost("10.5", price)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"model": Model.VOLUME, "tiers": (Tier(F(10)), Tier(F(5)))}, "ascending order"),
        ({"model": Model.VOLUME, "tiers": (Tier(F(5)), Tier(F(5)))}, "ascending order"),
        ({"model": Model.GRADUATED, "tiers": (Tier(None), Tier(F(5)))}, "Tier 1 of 2 is open"),
        ({"model": Model.GRADUATED, "tiers": (Tier(F(0)), Tier(None))}, "ascending order"),
        ({"model": Model.GRADUATED}, "have tiers"),
        ({"model": Model.PER_UNIT, "tiers": (Tier(None),)}, "other models have none"),
        ({"model": Model.PACKAGE, "unit_amount": F(1)}, "package size"),
        ({"model": Model.PACKAGE, "package_size": F(0)}, "package size"),
        ({"model": Model.PER_UNIT, "package_size": F(10)}, "package size"),
        ({"model": Model.PER_UNIT, "unit_amount": F(-1)}, "negative"),
        ({"model": Model.VOLUME, "tiers": (Tier(None, F(1), F(-1)),)}, "negative"),
        ({"model": Model.PER_UNIT, "per_quantity": 0}, "one base unit"),
        ({"model": Model.PER_UNIT, "minimum": F(2), "maximum": F(1)}, "above the maximum"),
    ],
)
def test_a_price_that_could_not_rate_is_refused(given: dict, sentence: str) -> None:
    with pytest.raises(PriceInvalid, match=sentence):
        Price(**given)


def test_a_negative_quantity_is_refused() -> None:
    with pytest.raises(QuantityNegative):
        cost(-1, Price(Model.PER_UNIT, F(1)))


@pytest.mark.parametrize(
    ("value", "shown"),
    [(F(1234567), "1,234,567"), (F("0.000000779247"), "0.000000779247"), (F(1, 3), "0.333333333333…"), (F("-1.50"), "−1.5"), (F(0), "0")],
)
def test_plain_numbers(value: F, shown: str) -> None:
    assert plain(value) == shown


@given(quantities, prices())
def test_steps_sum_to_the_amount_rounded_or_not(quantity: F, price: Price) -> None:
    for rated in (rate(quantity, price), rounded(rate(quantity, price), USD), rounded(rate(quantity, price), JPY)):
        assert sum(step.amount for step in rated.steps) == rated.amount
        for step in rated.steps:
            assert step.quantity is None or step.amount == step.quantity * (step.unit_amount or 0) / step.per_quantity


@given(quantities, quantities, prices(tuple(model for model in Model if model is not Model.VOLUME)))
def test_more_usage_never_costs_less_but_by_volume(one: F, other: F, price: Price) -> None:
    low, high = sorted((one, other))
    assert rate(low, price).amount <= rate(high, price).amount


@given(decimals(1, 10**4, 2), st.tuples(*[decimals(0, 1, 3)] * 2), amounts, amounts)
def test_a_volume_price_is_monotone_within_a_tier(bound: F, shares: tuple[F, F], amount: F, flat: F) -> None:
    price = Price(Model.VOLUME, tiers=(Tier(bound, amount, flat), Tier(None)))
    low, high = sorted(share * bound for share in shares)
    assert rate(low, price).amount <= rate(high, price).amount


@given(quantities, quantities, amounts, st.sampled_from([1, 7, 1024]))
def test_splitting_a_per_unit_quantity_adds_up(one: F, other: F, amount: F, per: int) -> None:
    price = Price(Model.PER_UNIT, amount, per)
    assert rate(one, price).amount + rate(other, price).amount == rate(one + other, price).amount


@given(tiers(may_jump=False))
def test_graduated_without_flats_is_continuous(given: tuple[Tier, ...]) -> None:
    """At each bound the next hair of usage costs a hair at the next tier's price."""
    price, hair = Price(Model.GRADUATED, tiers=given), F(1, 10**9)
    for tier, following in pairwise(given):
        assert tier.up_to is not None
        if following.up_to is None or tier.up_to + hair <= following.up_to:
            assert rate(tier.up_to + hair, price).amount - rate(tier.up_to, price).amount == hair * following.unit_amount


@given(quantities, amounts, decimals(1, 10**6, 2))
def test_equal_tiers_are_one_per_unit_price_in_either_mode(quantity: F, amount: F, bound: F) -> None:
    given = (Tier(bound, amount), Tier(None, amount))
    expected = rate(quantity, Price(Model.PER_UNIT, amount)).amount
    assert [rate(quantity, Price(model, tiers=given)).amount for model in (Model.GRADUATED, Model.VOLUME)] == [expected] * 2


@given(quantities, amounts, decimals(1, 1000, 1))
def test_packages_cost_at_least_their_share_and_at_most_one_more(quantity: F, amount: F, size: F) -> None:
    share = quantity / size * amount
    assert share <= rate(quantity, Price(Model.PACKAGE, amount, package_size=size)).amount < share + amount or amount == 0


@given(quantities, prices())
def test_limits_hold(quantity: F, price: Price) -> None:
    amount = rate(quantity, price).amount
    assert price.minimum is None or amount >= price.minimum
    assert price.maximum is None or amount <= price.maximum
    free = rate_usage(quantity, price)
    assert amount == limit(free, minimum=price.minimum, maximum=price.maximum).amount
