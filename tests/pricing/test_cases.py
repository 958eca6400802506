"""Cases from files: the published ones by name, every optional input, and what is wrong with bad ones."""

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pricing.test_rating import decimals

from flyusage.pricing.cases import Answered, answer_all, printable, read_cases
from flyusage.pricing.errors import CasesUnreadable

FACTS = Path(__file__).parent / "facts"
FILES = ("billing_cases.json", "published_cases.json", "hand_worked_cases.json", "walked_cases.json", "other_cases.json")
PUBLISHED = [case for name in FILES for case in read_cases((FACTS / name).read_text())]
TIERS = [{"up_to": 5, "unit": "7", "flat": "1"}, {"up_to": 10, "unit": "6.5"}, {"up_to": None, "unit": "6"}]


def rate(kind: str, expected: Any = None, /, **inputs: Any) -> Answered:
    (found,) = answer_all([{"id": "x", "kind": kind, "input": inputs, "expected": expected}])
    return found


def answer(kind: str, /, **inputs: Any) -> Any:
    found = rate(kind, **inputs)
    assert found.error is None, found.error
    return found.answer


def refusal(kind: str, /, **inputs: Any) -> tuple[str, str]:
    found = rate(kind, **inputs)
    assert found.error is not None
    return found.error.code, found.error.sentence


@pytest.mark.parametrize("case", PUBLISHED, ids=[case["id"] for case in PUBLISHED])
def test_published(case: dict[str, Any]) -> None:
    """Numbers of the published tests and documentation of those whom `source` names (OpenMeter, Lago, Stripe, Amazon, …), and of our own
    pencil for what lies on the borders between the rules; see `source`.
    """
    (found,) = answer_all([case])
    assert (found.error, found.matches) == (None, True), found
    paid = sum((step.amount for step in found.working), Fraction(0))
    if case["kind"] != "reservation" and not isinstance(found.answer, list):
        owed = found.answer if isinstance(found.answer, str) else found.answer.get("due", found.answer.get("gross"))  # type: ignore[union-attr]
        assert owed is None or paid == Fraction(owed)
    assert sum(Fraction(step["amount"]) for step in printable(found)["working"]) == paid


def test_every_source_is_named() -> None:
    assert [case["id"] for case in PUBLISHED if not case["source"]] == []
    assert len(PUBLISHED) == len({case["id"] for case in PUBLISHED})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"free": "2"}, "80.00"),  # 8 × 10
        ({"discount_pct": "25"}, "75.00"),
        ({"discount_amount": "30"}, "70.00"),
        ({"discount_pct": "50", "discount_amount": "60"}, "0.00"),
        ({"min_spend": "150"}, "150.00"),
        ({"max_spend": "90"}, "90.00"),
        ({"discount_pct": "50", "min_spend": "70"}, "70.00"),  # the discount comes first
        ({"currency": "JPY"}, "100"),
        ({"currency": "KWD"}, "100.000"),
        ({"tax_pct": "19"}, {"net": "100.00", "tax": "19.00", "gross": "119.00"}),
        ({"free": "2", "max_spend": "50", "tax_pct": "10"}, {"net": "50.00", "tax": "5.00", "gross": "55.00"}),
    ],
)
def test_optional_inputs_work_on_every_model(given: dict[str, str], expected: Any) -> None:
    """10 units at 10 each, said in every model that can."""
    assert answer("unit", unit="10", qty="10", **given) == expected
    assert answer("graduated", tiers=[{"up_to": None, "unit": "10"}], qty="10", **given) == expected
    assert answer("volume", tiers=[{"up_to": "1000", "unit": "10"}], qty="10", **given) == expected
    assert answer("package", size="1", price="10", qty="10", **given) == expected
    assert answer("percentage", rate_pct="1000", qty="10", **given) == expected
    assert answer("graduated_percentage", tiers=[{"up_to": None, "rate_pct": "1000"}], qty="10", **given) == expected
    assert answer("block_all_tiers", tiers=[{"block": 1, "max_blocks": -1, "price": "10"}], qty="10", **given) == expected
    assert answer("block_top_tier", tiers=[{"block": 1, "max_blocks": 5, "price": "10"}], qty="10", **given) == expected
    assert answer("flat", amount="10", qty="10", **given) == expected
    gauge = {"period": ["2024-02-01", "2024-03-01"], "carry": "10", "unit": "10"}
    assert answer("time_weighted", **gauge, **given) == expected
    bounded = {"discount_amount": given["discount_amount"]} if "discount_amount" in given else {}
    if not bounded:  # an amount off is for a whole period
        assert answer("unit_capped_delta", unit="10", qty_now="10", **given) == expected


def test_amounts_round_once_and_away_from_zero() -> None:
    assert answer("unit", unit="0.005", qty="1") == "0.01"
    assert answer("unit", unit="0.5", qty="1", currency="JPY") == "1"
    assert answer("unit", unit="0.0049", qty="1") == "0.00"
    assert answer("unit", unit="0.000000779247", qty=2_592_000) == "2.02"
    assert answer("prorate", amount="-19.95", days="8", of_days="30") == "-5.32"


def test_prices_for_several_units() -> None:
    assert answer("unit", unit="15", per=1_000_000, qty="2500000") == "37.50"


def test_quantities_are_converted_before_they_are_priced() -> None:
    assert answer("unit", unit="1", qty="2.345", round="half_up", precision=2) == "2.35"
    assert answer("unit_capped_delta", unit="10", qty_before="1500000", qty_now="1", divide_by="1000000", round="up") == "0.00"
    assert answer("unit_capped_delta", unit="10", qty_before="2000000", qty_now="1", divide_by="1000000", round="up") == "10.00"
    assert refusal("unit", unit="1", qty="1", divide_by="0")[1] == "divide_by and multiply_by are above zero."
    assert refusal("unit", unit="1", qty="1", round="sideways")[1].startswith("round is one of none, up, down, half_up")


def test_the_first_flat_is_due_at_zero_unless_told() -> None:
    assert answer("graduated", tiers=TIERS, qty=0) == "1.00"
    assert answer("volume", tiers=TIERS, qty=0) == "1.00"
    assert answer("graduated", tiers=TIERS, qty=0, bill_first_flat_at_zero=False) == "0.00"
    assert answer("volume", tiers=TIERS, qty="0", bill_first_flat_at_zero=False, min_spend="3") == "3.00"


def test_answers_take_the_shape_of_what_is_expected() -> None:
    taxed = {"unit": "10", "qty": "10", "tax_pct": "19"}
    assert rate("unit", "119", **taxed).answer == "119.00"
    assert rate("unit", {"tax": "19"}, **taxed).answer == {"tax": "19.00"}
    assert rate("unit", {"net": "100", "gross": 119}, **taxed).matches
    assert rate("unit", "7", unit="7", qty=1).matches
    assert rate("unit", "7.01", unit="7", qty=1).matches is False
    assert rate("unit", {"bounds": "-10", "usage": "100"}, unit="10", qty="10", max_spend="90").matches
    found = rate("unit", {}, **taxed)
    assert found.error is not None and found.error.sentence == "expected names no amount."
    found = rate("unit", {"grand": "1"}, **taxed)
    assert found.error is not None and found.error.code == "answer_unknown" and "grand is not answered" in found.error.sentence


def test_days_may_be_dates_that_both_count() -> None:
    year = {"amount": "366", "period": ["2024-01-01", "2025-01-01"]}
    assert answer("prorate", **year, **{"from": "2024-02-01"}, to="2024-02-29") == "29.00"
    assert answer("prorate", **year, **{"from": "2024-12-31"}) == "1.00"
    assert answer("prorate", amount="365", period=["2023-01-01", "2024-01-01"], to="2023-03-01") == "60.00"
    assert answer("flat", amount="29", days="14.5", of_days="29") == "14.50"
    assert answer("flat", amount="29", qty="3") == "87.00"


def test_changing_a_plan_credits_and_charges_the_rest() -> None:
    # 10 of 30 days left: 10 back of 30, 20 due of 60.
    assert rate("plan_change", {"credit": "-10", "charge": "20", "net": "10"}, old="30", new="60", days_left=10, of_days=30).matches


def test_gauges_by_levels_by_tiers_and_in_seconds() -> None:
    hour = {"period": ["2024-02-29T10:00", "2024-02-29T11:00"]}
    assert answer("time_weighted", **hour, levels=[["2024-02-29T10:15:00Z", "4"]], unit="2") == "6.00"
    assert answer("time_weighted", **hour, carry="3", levels=[["2024-02-29T10:30", "1"], ["2024-02-29T10:15", "5"]]) == "2.50"
    assert answer("time_weighted", **hour, carry="12", tiers=TIERS, mode="volume") == "72.00"
    assert answer("time_weighted", **hour, carry="12", size="5", price="10") == "30.00"
    assert refusal("time_weighted", **hour, carry="1", tiers=TIERS, mode="stairs")[1] == "mode is graduated or volume."


def test_vat_is_on_each_rates_sum() -> None:
    # 19 % of 0.10 is 0.019; three lines alone would each be 0.02, together 0.057 → 0.06. 7 % of 1.00 is 0.07.
    lines = [{"net": "0.10", "tax_pct": "19"}] * 3 + [{"net": "1.00", "tax_pct": "7"}]
    assert answer("vat", lines=lines) == {"net": "1.30", "tax": "0.13", "gross": "1.43"}


def test_reservations_leave_what_they_do_not_cover() -> None:
    assert answer("reservation", monthly_credit="5", usage=["3", "8"]) == "3.00"
    assert answer("reservation", upfront="42", monthly_credit="5") == {"discount_pct": "30.00"}


def test_machines_by_name_hours_and_seconds() -> None:
    assert answer("fly_machine", size="shared-cpu-1x", region="sjc", hours=720) == "2.32"
    assert answer("fly_machine", size="shared-cpu-1x", region="sjc", days=30) == "2.32"
    assert answer("fly_machine", kind="shared", vcpus=1, region="sjc", seconds=0) == "0.00"
    assert (
        answer("fly_machine", kind="performance", vcpus=2, memory_mb=8192, region="iad", fraction_of_30d="1/2") == "41.00"
    )  # (62 + 4 × 5) / 2


@pytest.mark.parametrize(
    ("kind", "given", "code", "words"),
    [
        ("unit", {"qty": "1"}, "input_missing", "unit is missing"),
        ("unit", {"unit": "1"}, "input_missing", "qty is missing"),
        ("unit", {"unit": "1", "qty": "many"}, "input_invalid", "qty is not a number: 'many'"),
        ("unit", {"unit": "1", "qty": "NaN"}, "input_invalid", "qty is not a number"),
        ("unit", {"unit": "1", "qty": True}, "input_invalid", "qty is not a number"),
        ("unit", {"unit": "1", "qty": "1/0"}, "input_invalid", "qty is not a number"),
        ("unit", {"unit": "1", "qty": "1e99"}, "input_invalid", "too large"),
        ("unit", {"unit": "1", "qty": "-1"}, "quantity_negative", "cannot be rated"),
        ("unit", {"unit": "-1", "qty": "1"}, "price_invalid", "no negative amount"),
        ("unit", {"unit": "1", "qty": "1", "currency": "DOGE"}, "input_invalid", "no currency known here"),
        ("unit", {"unit": "1", "qty": "1", "min_spend": "2", "max_spend": "1"}, "price_invalid", "above the maximum"),
        ("unit", {"unit": "1", "qty": "1", "tax_pct": "-1"}, "input_invalid", "tax_pct is below zero"),
        ("unit", {"unit": "1", "qty": "1", "min_spned": "2"}, "input_invalid", "min_spned is no input of this kind; min_spend is"),
        ("graduated", {"qty": "1"}, "input_missing", "tiers is missing"),
        ("graduated", {"qty": "1", "tiers": "none"}, "input_invalid", "tiers is a list of objects"),
        ("graduated", {"qty": "1", "tiers": [{"up_to": 5, "flta": 1}]}, "input_invalid", "flta is no input of this kind; flat is"),
        (
            "graduated",
            {"qty": "7", "tiers": TIERS[1::-1]},
            "price_invalid",
            "Tier 2 ends at 5, not above 10. Give tiers in ascending order.",
        ),
        ("volume", {"qty": "11", "tiers": TIERS[:2]}, "tier_missing", "The last tier ends at 10, so 11 has no price."),
        ("graduated", {"qty": "11", "tiers": TIERS[:2]}, "tier_missing", "The last tier ends at 10, so 11 has no price."),
        ("graduated", {"qty": "1", "tiers": TIERS, "bill_first_flat_at_zero": "no"}, "input_invalid", "is true or false"),
        ("package", {"qty": "1", "size": "0", "price": "1"}, "price_invalid", "package size"),
        ("package", {"qty": "1", "size": "10"}, "input_missing", "price is missing"),
        ("percentage", {"rate_pct": "1", "qty": "1", "free_events": 2}, "input_missing", "events is missing"),
        ("percentage", {"rate_pct": "1", "events": ["1"], "free_events": "1.5"}, "input_invalid", "not a whole number"),
        ("prorate", {"amount": "1", "days": 1, "of_days": 0}, "period_invalid", "no part of a period"),
        ("package", {"qty": "1", "size": "10", "price": "1", "round": "off"}, "input_invalid", "round is up or down"),
        ("trueup", {"minimum": "-1", "usage": "1"}, "input_invalid", "minimum is below zero"),
        ("commit_shortfall", {"commit": "-1"}, "input_invalid", "commit is below zero"),
        ("prorate", {"amount": "1", "days": 1}, "input_missing", "of_days is missing"),
        ("time_weighted", {"period": ["2023-04-01", "2023-03-01"]}, "input_invalid", "period ends after it starts"),
        ("time_weighted", {"period": ["2023-02-30", "2023-03-01"]}, "input_invalid", "no date or moment"),
        ("time_weighted", {"period": ["2023-02-01", "2023-03-01"], "carry": "-1"}, "quantity_negative", "cannot be rated"),
        ("time_weighted", {"period": ["2023-02-01", "2023-03-01"], "events": [["2023-02-02"]]}, "input_invalid", "is a pair"),
        ("fly_machine", {"kind": "shared", "vcpus": 3, "region": "sjc"}, "preset_unknown", "no listed machine size"),
        ("block_all_tiers", {"qty": "1", "tiers": [{"block": 0, "price": "1"}]}, "price_invalid", "a block above zero"),
        (
            "unit",
            {"unit": "1", "qty": "1", "quantity": "2"},
            "input_invalid",
            "qty and quantity are two names of one input, and they differ",
        ),
        ("unit", {"unit": "1", "qty": "1", "coupon_pct": "20"}, "input_invalid", "coupon_pct is no input of this kind, and an amount"),
        ("vat", {"net": "1", "tax_pct": "19", "min_spend": "9"}, "input_invalid", "min_spend is no input of this kind"),
        ("vat", {"net": "1", "gross": "2", "tax_pct": "19"}, "input_invalid", "gross is an amount with the tax inside"),
        ("vat", {"net": "1", "lines": ["1"]}, "input_invalid", "net and lines both say what is taxed"),
        ("vat", {"net": "1", "tax_pct": "19", "tax_inclusive": True}, "input_invalid", "a vat case gives gross instead of net"),
        ("plan_change", {"old": "1", "new": "2", "days": 1, "of_days": 2, "qty": 3}, "input_invalid", "qty is no input of this kind"),
        ("graduated", {"qty": "1", "tiers": [{"up_to": 5}]}, "input_missing", "A tier has no unit and no flat amount"),
        ("graduated_percentage", {"qty": "1", "tiers": [{"up_to": 5}]}, "input_missing", "A tier has no rate_pct and no flat amount"),
        ("graduated", {"qty": "1", "tiers": [{"up_to": 5, "rate_pct": "5"}]}, "input_invalid", "rate_pct is no input of this kind"),
        ("graduated_percentage", {"qty": "1", "tiers": [{"up_to": 5, "unit": "5"}]}, "input_invalid", "unit is no input of this kind"),
        (
            "graduated",
            {"qty": "1", "tiers": [{"from": 0, "up_to": 5, "unit": "1"}, {"from": 9, "unit": "2"}]},
            "input_invalid",
            "A tier from 9 does not follow what ends at 5",
        ),
        ("percentage", {"rate_pct": "1", "events": ["1", "2"], "qty": "4"}, "input_invalid", "qty is not what the events add up to"),
        ("percentage", {"rate_pct": "1", "events": ["1", "2"], "count": 3}, "input_invalid", "count is not how many events"),
        ("fly_machine", {"size": "shared-cpu-1x", "region": "sjc", "hours": 1, "days": 1}, "input_invalid", "give one"),
        (
            "prorate",
            {"amount": "1", "from": "2026-09-30", "period": ["2026-10-01", "2026-11-01"]},
            "input_invalid",
            "2026-09-30 to 2026-10-31 is not inside the period, 2026-10-01 to 2026-10-31",
        ),
        (
            "prorate",
            {"amount": "1", "from": "2026-10-02T12:00", "period": ["2026-10-01", "2026-11-01"]},
            "input_invalid",
            "from is a day, which counts whole",
        ),
        ("tiered", {}, "kind_unknown", "'tiered' is no kind of case. Kinds are allocate, block_all_tiers"),
    ],
)
def test_what_is_wrong_is_said(kind: str, given: dict[str, Any], code: str, words: str) -> None:
    found = refusal(kind, **given)
    assert found[0] == code
    assert words in found[1]


def test_one_bad_case_stops_no_other() -> None:
    good = {"id": "good", "kind": "unit", "input": {"unit": "7", "qty": "1"}, "expected": "7"}
    found = answer_all([7, {"id": "no input", "kind": "unit"}, {"kind": "unit", "input": []}, {"input": {}}, good])
    assert [one.id for one in found] == ["#1", "no input", "#3", "#4", "good"]
    assert [one.error.code if one.error else None for one in found] == ["input_invalid"] * 3 + ["kind_unknown", None]
    assert [one.is_good for one in found] == [False] * 4 + [True]


def test_inputs_that_no_kind_knows_are_told() -> None:
    found = rate("unit", unit="7", qty="1", colour="red")
    assert (found.answer, found.ignored) == ("7.00", ("colour",))
    assert printable(found)["ignored"] == ["colour"]


def test_words_are_told_and_only_those_that_name_a_way_to_reckon_refused() -> None:
    assert rate("unit", unit="7", qty="1", unit_of_quantity="GB", month="February").ignored == ("month", "unit_of_quantity")
    for name, value in {"rounding_rule": "half_even", "tax_mode": "inclusive", "monthly_allowance": "3", "free_hours": 2}.items():
        assert rate("unit", unit="7", qty="1", **{name: value}).error is not None


def test_numbers_are_read_exactly_from_json() -> None:
    cases = read_cases(
        '[{"kind": "unit", "input": {"unit": 0.1, "qty": 3}, "expected": 0.3}, {"kind": "unit", "input": {"unit": 1e2, "qty": NaN}}]'
    )
    first, second = answer_all(cases)
    assert (first.answer, first.matches) == ("0.30", True)
    assert second.error is not None and second.error.code == "input_invalid"


def test_numbers_beyond_every_amount_are_their_own_case_s_error() -> None:
    written = ("1e99999999999999999999", "1e400", "9" * 5000, "Infinity", '"١٢"', '"\\ud800"')
    cases = [f'{{"id": "\\ud800", "kind": "unit", "input": {{"unit": 1, "qty": {one}}}}}' for one in written]
    found = answer_all(read_cases(f'[{",".join(cases)}, {{"kind": "unit", "input": {{"unit": 7, "qty": 1}}}}]'))
    assert [one.error.code if one.error else one.answer for one in found] == ["input_invalid"] * len(written) + ["7.00"]
    for one in found:
        json.dumps(printable(one), ensure_ascii=False).encode()


def test_open_tiers_may_be_infinite() -> None:
    for end in ("inf", "Infinity", None):
        assert answer("graduated", tiers=[{"up_to": 5, "unit": "7"}, {"up_to": end, "unit": "6"}], qty="7") == "47.00"


def test_packages_may_round_down() -> None:
    assert answer("package", size="5", price="5", qty="6", round="up") == "10.00"
    assert answer("package", size="5", price="5", qty="6", round="down") == "5.00"
    assert answer("package", size="5", price="5", qty="14", free="5", round="down") == "5.00"
    assert answer("package", size="5", price="5", qty="3", free="5", round="down") == "0.00"


@pytest.mark.parametrize(
    "text", ["", "{", "7", '[{"kind": "unit", "input": {"qty": 1, "qty": 2}}]', '"cases"', "[" * 100_000, '{"a": ' * 10_000]
)
def test_what_is_no_list_of_cases_is_refused(text: str) -> None:
    with pytest.raises(CasesUnreadable):
        read_cases(text)


def test_a_single_case_is_a_list_of_one() -> None:
    assert len(read_cases('{"id": "x", "kind": "unit", "input": {}}')) == 1
    assert read_cases('{"cases": []}') == []


def test_the_printed_working_sums_to_the_answer() -> None:
    found = printable(rate("graduated", tiers=TIERS, qty="12", max_spend="70", tax_pct="19"))
    assert found["answer"] == {"net": "70.00", "tax": "13.30", "gross": "83.30"}
    assert [step["text"] for step in found["working"]] == [
        "Tier 1: 5 × 7", "Tier 1: flat 1", "Tier 2: 5 × 6.5", "Tier 3: 2 × 6", "Above the maximum of 70", "19 % tax on 70",
    ]  # fmt: skip
    assert found["working"][0] == {"text": "Tier 1: 5 × 7", "amount": "35", "quantity": "5", "unit_amount": "7"}
    assert sum(Decimal(step["amount"]) for step in found["working"]) == Decimal("83.30")


plain_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | decimals(-10, 10, 2).map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["up_to", "unit", "qty", "tiers", "x"]), inner, max_size=3),
    max_leaves=8,
)
KINDS = sorted({case["kind"] for case in PUBLISHED})


@given(
    st.sampled_from(KINDS),
    st.dictionaries(st.sampled_from(["qty", "unit", "tiers", "size", "price", "days", "events", "period"]), plain_json),
)
def test_whatever_a_case_holds_is_answered_or_refused(kind: str, inputs: dict[str, Any]) -> None:
    (found,) = answer_all([{"id": "x", "kind": kind, "input": inputs, "expected": inputs.get("qty")}])
    assert json.dumps(printable(found))


def test_tax_by_line_by_case_and_none_where_the_customer_accounts_for_it() -> None:
    assert answer("vat", lines=["0.10", "0.20"], tax_pct="19") == {"net": "0.30", "tax": "0.06", "gross": "0.36"}
    lines = [{"net": "10"}, {"net": "10", "tax_pct": "7"}, {"net": "10", "exempt": True}, {"net": "10", "category": "AE"}]
    assert answer("vat", lines=lines, tax_pct="19") == {"net": "40.00", "tax": "2.60", "gross": "42.60"}
    assert answer("vat", net="100", tax_pct="19", reverse_charge=True) == {"net": "100.00", "tax": "0.00", "gross": "100.00"}
    assert refusal("vat", net="1", category="X")[1].startswith("category is one of S, AE, E")


def test_promotional_credits_lower_the_net_and_prepaid_ones_pay_the_gross() -> None:
    taxed = {"unit": "10", "qty": "2", "min_spend": "50", "tax_pct": "19"}
    assert answer("unit", **taxed, promotional_credit="20") == {"net": "30.00", "tax": "5.70", "gross": "35.70"}
    assert answer("unit", **taxed, promotional_credit="60") == {"net": "0.00", "tax": "0.00", "gross": "0.00"}
    paid = rate("unit", **taxed, promotional_credit="20", prepaid_credit="30.704")
    assert paid.answer == {"net": "30.00", "tax": "5.70", "gross": "35.70", "due": "5.00"}
    assert sum(step.amount for step in paid.working) == 5
    assert rate("unit", "5", unit="10", qty="1", prepaid_credit="5").matches
    assert answer("vat", net="10", tax_pct="19", promotional_credit="1") == {"net": "9.00", "tax": "1.71", "gross": "10.71"}
    lines = [{"net": "10", "tax_pct": "19"}, {"net": "10", "tax_pct": "7"}]
    assert "several rates" in refusal("vat", lines=lines, promotional_credit="1")[1]
    days = {"net": "10", "days_left": 1, "of_days": 2, "tax_pct": "19"}
    assert "has its tax from what is given" in refusal("credit_note", **days, promotional_credit="1")[1]


def test_an_amount_is_split_by_largest_remainder_and_always_sums() -> None:
    assert answer("allocate", amount="100", weights=["1", "1", "1"]) == ["33.34", "33.33", "33.33"]
    assert answer("allocate", amount="-0.05", weights=["1", "3"]) == ["-0.01", "-0.04"]
    assert answer("allocate", amount="10", parts=3, currency="JPY") == ["4", "3", "3"]
    cent = answer("allocate", amount="0.01", parts=10_000)
    assert (cent[0], set(cent[1:]), len(cent)) == ("0.01", {"0.00"}, 10_000)
    assert rate("allocate", ["0.50", "0.50"], amount="1", parts=2).matches
    assert refusal("allocate", amount="1", weights=["0", "0"])[0] == "input_missing"


@given(decimals(0, 10**6, 3), st.lists(st.integers(0, 1000), min_size=1, max_size=30).filter(any))
def test_parts_sum_to_what_was_split(amount: Fraction, weights: list[int]) -> None:
    parts = answer("allocate", amount=str(amount), weights=list(map(str, weights)))
    assert f"{sum(map(Decimal, parts)):.2f}" == answer("unit", unit="1", qty=str(amount))
