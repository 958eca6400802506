"""What the what-if page says, from made-up answers, and what its address chooses."""

from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction

import pytest

from flyusage.periods import Period, midnight
from flyusage.pricing.books import PriceBook
from flyusage.pricing.reference import RegionFact
from flyusage.pricing.simulate import Reserved, SimulatedLine, Simulation
from flyusage.pricing.versions import Version
from flyusage.pricing.winners import Outcome, Winners
from flyusage.ui.pages.what_if.address import Choice, choice_in, what_if_href
from flyusage.ui.pages.what_if.screen import Told, screen

NOW = datetime(2026, 11, 15, tzinfo=UTC)
OCTOBER = Period(midnight(date(2026, 10, 1)), midnight(date(2026, 11, 1)))
BOOK = PriceBook(1, "list", "List prices", "USD", False)
DRAFT = Version(2, BOOK, date(2027, 1, 1), None, "up", 3)
REGIONS = (RegionFact(1, "fra", "Frankfurt", "Europe"), RegionFact(2, "gru", "São Paulo", "South America"))
ASKED = Choice(
    version="list@2027-01-01", moves=(("gru", "fra"),), reservations=(Reserved("fra", "performance", Fraction(144), Fraction(20)),)
)


def line(sku: str, before: int | None, after: int | None) -> SimulatedLine:
    amounts = (None if one is None else Fraction(one) for one in (before, after))
    return SimulatedLine(1, sku, f"Machine {sku}", 2, "gru", 10, *amounts)


def simulation(*lines: SimulatedLine, reserved: int = 0) -> Simulation:
    before, after = sum(one.before or 0 for one in lines), sum(one.after or 0 for one in lines)
    return Simulation(1, "USD", OCTOBER, NOW, Fraction(before), Fraction(after + reserved), lines, Fraction(reserved))


def told(choice: Choice = ASKED, **changes: object) -> Told:
    made = Told("prism", choice, NOW, OCTOBER, (), (DRAFT,), REGIONS, ("shared-cpu-1x",), "USD")
    return replace(made, **changes)


def test_the_answer_says_by_how_much_and_before_what() -> None:
    shown = screen(told(simulation=simulation(line("a", 100, 80), line("b", 10, 10), reserved=-8)))
    # 80 + 10 − 8 = 82 after 110: 28 less, 25.5 %
    assert (shown.lead, shown.figure, shown.tone) == ("Oct 1 – 31, 2026 would have cost", "$82.00", "down")
    assert shown.sentence == "$28.00 less than the $110.00 that it was (−25.5 %); before discounts, credits and tax."
    assert [(one.sku, one.before, one.after, one.difference, one.tone) for one in shown.lines] == [
        ("a", "$100.00", "$80.00", "−$20.00", "down")
    ]
    assert shown.lines_note == "1 line would change, 1 would not; reservations come to −$8.00"
    assert shown.total.difference == "−$28.00"


def test_what_has_no_price_is_never_nothing() -> None:
    (one,) = screen(told(simulation=simulation(line("a", 5, None)))).lines
    assert (one.before, one.after, one.difference) == ("$5.00", "unpriced", "−$5.00")


def test_an_open_range_says_how_far_it_is_complete() -> None:
    found = replace(simulation(line("a", 1, 1)), as_of=datetime(2026, 10, 20, 12, tzinfo=UTC))
    assert "complete to Oct 20, 12:00 UTC" in screen(told(simulation=found)).sentence


def test_each_change_can_be_left_out() -> None:
    changes = screen(told(simulation=simulation(line("a", 1, 2)))).changes
    assert [one.label for one in changes] == [
        "gru moves to fra",
        "reserve performance in fra: $144.00 for 12 months, $20.00 credit a month",
    ]
    assert changes[0].href == "/orgs/prism/what-if?version=list@2027-01-01&reserve=fra:performance:144:20"


def test_nothing_asked_and_nothing_used_say_so() -> None:
    assert screen(told(Choice(), simulation=simulation(line("a", 1, 1)))).nothing == "Nothing is asked yet."
    assert screen(told(simulation=simulation())).nothing == "Nothing was used then. Choose another range."


def test_the_command_says_the_same() -> None:
    assert screen(told(simulation=simulation())).command == (
        "flyusage prices simulate --org prism --from 2026-10-01 --to 2026-11-01 --version list@2027-01-01 --move gru=fra "
        "--reserve fra:performance:144:20"
    )


def test_members_are_not_told_of_others_and_staff_asks_first() -> None:
    found = Winners(BOOK, DRAFT, OCTOBER, (outcome("a", 10, 12), outcome("b", 10, 10), outcome("c", 10, 5)))
    assert screen(told(winners=found)).everyone.rows == []
    assert screen(told(is_staff=True)).everyone.href.endswith("&everyone=1")
    everyone = screen(told(is_staff=True, winners=found)).everyone
    # 12 + 10 + 5 = 27 after 30
    assert everyone.sentence == "1 organization would pay more, 1 less, 1 the same. In all $30.00 becomes $27.00 (−$3.00)."
    assert [(one.org, one.difference, one.percent) for one in everyone.rows] == [("a", "+$2.00", "+20.0 %"), ("c", "−$5.00", "−50.0 %")]


def outcome(org: str, before: int, after: int) -> Outcome:
    return Outcome(1, org, org, Fraction(before), Fraction(after), False)


def test_an_address_says_the_choice_and_gives_it_back() -> None:
    choice = Choice(
        (("from", "2026-10-01"), ("to", "2026-10-15")), "list", (("gru", "iad"), ("fra", "iad")), (("a", "b"),), ASKED.reservations, True
    )
    href = what_if_href("prism", choice)
    query = dict(part.split("=", 1) for part in href.partition("?")[2].split("&"))
    assert choice_in(query) == choice


@pytest.mark.parametrize(
    "query",
    [
        {}, {"move": "gru", "resize": 7}, {"move": "gru:gru,:x,<b>:y", "reserve": "fra:gpu:1:2,fra:shared:-1:2,x"},
        {"reserve": "fra:shared:1e9:2"}, {"range": "last-month"},
    ],
)  # fmt: skip
def test_nonsense_in_the_address_chooses_nothing(query: dict[str, object]) -> None:
    assert choice_in(query) == Choice()
