"""Rows on their way into tables keep every digit."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyusage.invoices.rows import encode, exact_text


def test_a_fraction_is_a_decimal_where_it_ends():
    assert [exact_text(Fraction(text)) for text in ("9.5", "-0.025", "3", "1/3", "-22/7", "0")] == [
        "9.5",
        "-0.025",
        "3",
        "1/3",
        "-22/7",
        "0",
    ]
    assert encode({"a": Fraction(1, 8), "b": None}) == '{"a":"0.125","b":null}'
    with pytest.raises(TypeError, match="no JSON form"):
        encode(object())


@given(st.fractions())
def test_a_fraction_is_read_back_as_it_was(value):
    assert Fraction(exact_text(value)) == value
