"""Tax, reservations, presets of the published list."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pricing.test_rating import amounts, decimals

from flyusage.money import JPY, USD
from flyusage.pricing.errors import PeriodInvalid, PresetUnknown
from flyusage.pricing.preset import machine_cost, preset, preset_named
from flyusage.pricing.rating import Step, charge, rounded
from flyusage.pricing.settling import after_reservation, reservation_discount, tax_on, with_tax

F = Fraction

MONTH = F(30 * 86_400)


def test_tax_is_rounded_once() -> None:
    net = charge([Step("net", F("1.93"))])
    gross = with_tax(net, F(19), USD)
    assert gross.amount == F("2.30")  # 0.3667 → 0.37
    assert gross.steps[-1].text == "19 % tax on 1.93: 0.3667, rounded"
    assert tax_on(F(105), F(10), JPY) == 11  # 10.5, away from zero
    assert with_tax(net, F(0), USD).amount == net.amount


def test_a_credited_share_is_taxed_unrounded() -> None:
    # 160 × 29/30 = 154.666… → 154.67; 25 % of 154.666… = 38.666… → 38.67.
    share = F(160) * 29 / 30
    assert with_tax(rounded(charge([Step("share", share)]), USD), F(25), USD, basis=share).amount == F("193.34")


def test_reservations() -> None:
    assert reservation_discount(F(36), F(5), F(12)) == 40
    assert reservation_discount(F(1680), F(200), F(12)) == 30
    with pytest.raises(PeriodInvalid):
        reservation_discount(F(36), F(0), F(12))
    assert after_reservation([F(3), F(8)], F(5)).amount == 3  # what January left does not help February


@pytest.mark.parametrize(
    ("memory", "count", "share", "dollars"),
    [(256, 1, "1", "2.32"), (1024, 3, "1", "20.37"), (512, 5, "0.5", "9.52")],
)
def test_documented_machines(memory: int, count: int, share: str, dollars: str) -> None:
    made = machine_cost(preset("shared", 1), memory, "sjc", count=F(count), seconds=MONTH * F(share))
    assert rounded(made, USD).amount == F(dollars)


def test_what_is_not_listed_is_named() -> None:
    with pytest.raises(PresetUnknown, match="no listed machine size 'performance-3x'"):
        preset("performance", 3)
    with pytest.raises(PresetUnknown, match="no list price in 'mars'"):
        machine_cost(preset_named("performance-1x"), 2048, "mars", count=F(1), seconds=F(1))
    with pytest.raises(PresetUnknown, match="256 to 2048 MB of memory, not 4096"):
        machine_cost(preset("shared", 1), 4096, "sjc", count=F(1), seconds=F(1))


@given(amounts, decimals(0, 30, 2), st.sampled_from([USD, JPY]))
def test_gross_is_net_and_tax_in_whole_minor_units(amount: F, percent: F, currency) -> None:
    net = rounded(charge([Step("net", amount)]), currency)
    gross = with_tax(net, percent, currency)
    assert sum(step.amount for step in gross.steps) == gross.amount
    assert (gross.amount * 10**currency.exponent).denominator == 1
    assert abs(gross.amount - net.amount * (1 + percent / 100)) * 2 * 10**currency.exponent <= 1
