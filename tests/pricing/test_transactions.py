"""Percentages of transactions: fixed fees, free ones, bounds."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pricing.test_rating import amounts, decimals

from flyusage.pricing.errors import PriceInvalid, QuantityNegative
from flyusage.pricing.transactions import TransactionPrice, rate_transactions

F = Fraction


def cost(values: list, price: TransactionPrice) -> F:
    return rate_transactions([F(value) for value in values], price).amount


def test_free_transactions_pay_neither_share_nor_fee() -> None:
    # the fourth alone: 10 × 1 % + 5
    assert cost([10, 10, 10, 10], TransactionPrice(F(1), F(5), free_count=3)) == F("5.1")


def test_the_part_beyond_the_free_amount_is_charged() -> None:
    price = TransactionPrice(F(1), F(5), free_amount=F(15))
    assert [cost([4] * count, price) for count in (1, 2, 3)] == [0, 0, 0]
    assert cost([4, 4, 4, 4], price) == F("5.01")  # 16 − 15 = 1 × 1 % + 5
    assert cost([4, 4, 4, 4, 10], price) == F("10.11")  # 11 × 1 % + 2 × 5
    assert cost([15], price) == 0


def test_whichever_allowance_ends_first() -> None:
    price = TransactionPrice(F(1), F(5), free_count=3, free_amount=F(15))
    assert cost([1, 1, 1, 1], price) == F("5.01")  # three are used up
    assert cost([10, 10], price) == F("5.05")  # 15 are used up: 5 × 1 % + 5
    assert cost([10, 10, 10], price) == F("10.15")
    # 50, 100 free; of 250 the last 150, and 400: 550 × 1.3 % + 2 × 2
    assert cost([50, 100, 250, 400], TransactionPrice(F("1.3"), F(2), free_count=3, free_amount=F(250))) == F("11.15")
    # three free, 400 × 1.3 % + 2
    assert cost([50, 100, 250, 400], TransactionPrice(F("1.3"), F(2), free_count=3, free_amount=F(500))) == F("7.2")


def test_bounds_of_each_transaction() -> None:
    price = TransactionPrice(F(1), F(1), minimum=F("1.75"), maximum=F(12))
    assert [cost(values, price) for values in ([100], [100, 1000], [100, 1000, 10000])] == [2, 13, 25]
    # 10 × 2.99 % is 0.299 → 1.75; 80 × 2.99 % = 2.392; 10,000 × 2.99 % = 299 → 12
    assert cost([10, 80, 10_000], TransactionPrice(F("2.99"), minimum=F("1.75"), maximum=F(12))) == F("16.142")
    # two free; of 10,090 the part beyond 10,000: 90 × 2.99 %
    assert cost([10, 80, 10_000], TransactionPrice(F("2.99"), minimum=F("1.75"), maximum=F(12), free_count=2)) == 12
    price = TransactionPrice(F("2.99"), minimum=F("1.75"), maximum=F(12), free_count=3, free_amount=F(10_000))
    assert cost([10, 80, 10_000], price) == F("2.691")


def test_no_transactions_cost_nothing() -> None:
    assert cost([], TransactionPrice(F(1), F(5))) == 0


def test_nonsense_is_refused() -> None:
    with pytest.raises(PriceInvalid):
        cost([1], TransactionPrice(F(-1)))
    with pytest.raises(PriceInvalid):
        cost([1], TransactionPrice(F(1), minimum=F(2), maximum=F(1)))
    with pytest.raises(QuantityNegative):
        cost([-1], TransactionPrice(F(1)))


@given(
    st.lists(amounts, max_size=6),
    st.builds(TransactionPrice, decimals(0, 100, 2), amounts, st.none() | st.integers(0, 4), st.none() | amounts, st.none() | amounts),
)
def test_another_transaction_never_costs_less_and_steps_add_up(values: list[F], price: TransactionPrice) -> None:
    rated = rate_transactions(values, price)
    assert sum(step.amount for step in rated.steps) == rated.amount
    assert rate_transactions(values[:-1], price).amount <= rated.amount
