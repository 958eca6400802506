"""What the prices page says, from a few made-up prices."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from flyusage.pricing.books import PRICE_MONTH, PriceBook
from flyusage.pricing.price_list import PriceEntry, PriceSpan
from flyusage.pricing.rating import Model
from flyusage.pricing.reference import RegionFact
from flyusage.pricing.terms import PriceOverride
from flyusage.pricing.versions import Version
from flyusage.ui.pages.prices.address import Choice, choice_in, prices_href
from flyusage.ui.pages.prices.rows import PriceRow, Screen
from flyusage.ui.pages.prices.screen import Told, group_of, screen

TODAY = date(2026, 11, 15)
BOOK = PriceBook(1, "list", "List prices", "USD", False)
JULY, NOVEMBER = date(2024, 7, 1), date(2024, 11, 1)
VERSIONS = tuple(Version(number, BOOK, day, datetime(2024, 6, 1, tzinfo=UTC), "", 3) for number, day in enumerate((JULY, NOVEMBER), 1))
REGIONS = (RegionFact(1, "fra", "Frankfurt", "Europe"), RegionFact(2, "gru", "São Paulo", "South America"))


def machine(size: str, scope: str, amount: str) -> PriceEntry:
    per_second = Decimal(amount)
    month = Fraction(per_second) * PRICE_MONTH
    return PriceEntry(f"machine.{size}", f"Machine {size}", scope, per_second, "machine-second", month, Model.PER_UNIT, "", "usd_per_30d=x")


def volume(**changes: object) -> PriceEntry:
    return replace(
        PriceEntry("volume", "Volumes", "global", Decimal("0.15"), "GB-month(30d)", None, Model.PER_UNIT, "", "provisioned"), **changes
    )


def told(*entries: PriceEntry, choice: Choice | None = None, **changes: object) -> Told:
    return replace(Told("prism", choice or Choice(), TODAY, BOOK, VERSIONS, REGIONS, entries), **changes)


def row(shown: Screen, sku: str) -> PriceRow:
    return next(one for group in shown.groups for one in group.rows if one.sku == sku)


def test_a_price_by_the_second_reads_by_the_hour_and_by_thirty_days() -> None:
    # 0.000001 × 3,600 = 0.0036; × 2,592,000 = 2.592
    one = row(screen(told(machine("shared-cpu-1x", "fra", "0.000001"))), "machine.shared-cpu-1x")
    assert (one.title, one.price, one.month, one.exact) == ("shared-cpu-1x", "$0.0036 per hour", "$2.59", "$0.000001 per machine-second")


def test_without_a_region_the_least_and_the_most_are_told() -> None:
    entries = machine("shared-cpu-1x", "gru", "0.000002"), machine("shared-cpu-1x", "fra", "0.000001")
    one = row(screen(told(*entries)), "machine.shared-cpu-1x")
    assert (one.price, one.month) == ("$0.0036 – $0.0072 per hour", "$2.59 – $5.18")
    assert one.exact == "2 prices, by region"


def test_other_prices_keep_every_digit_and_say_what_is_beyond_an_amount() -> None:
    one = row(screen(told(volume(terms="10 free"))), "volume")
    assert (one.price, one.month, one.more) == ("$0.15 per GB for 30 days", "", "10 free")


def test_sizes_stand_by_number_not_by_letter() -> None:
    entries = [machine(f"performance-{number}x", "fra", f"0.0000{number:02d}") for number in (16, 2, 10, 1)]
    entries += [machine("shared-cpu-1x", "fra", "0.000001"), machine("extra_ram", "fra", "0.000002")]
    (group,) = screen(told(*entries)).groups
    assert [one.title for one in group.rows] == [
        "performance-1x", "performance-2x", "performance-10x", "performance-16x", "shared-cpu-1x", "extra_ram",
    ]  # fmt: skip


def test_search_takes_names_codes_and_kinds() -> None:
    entries = machine("shared-cpu-1x", "fra", "0.000001"), volume()
    assert [one.name for one in screen(told(*entries, choice=Choice(find="STORAGE"))).groups] == ["Storage"]
    assert [one.name for one in screen(told(*entries, choice=Choice(find="machine 1x"))).groups] == ["Machines"]
    nothing = screen(told(*entries, choice=Choice(find="nothing-like-it")))
    assert (nothing.empty_title, nothing.count) == ("No price matches", "0 prices")


def test_versions_are_dated_newest_first_and_kept_in_the_address() -> None:
    shown = screen(told(volume(), choice=Choice(on=date(2024, 8, 15), region="fra")))
    assert [(one.label, one.is_current) for one in shown.versions] == [("Nov 1, 2024", False), ("Jul 1, 2024", True)]
    assert [one.href for one in shown.versions] == ["/orgs/prism/prices?region=fra", "/orgs/prism/prices?region=fra&on=2024-07-01"]
    assert shown.version_note == "Price version list@2024-07-01, in force from Jul 1, 2024 00:00 UTC."
    assert shown.command == "flyusage prices list --org prism --on 2024-08-15 --region fra"


def test_before_the_first_version_there_are_no_prices_and_it_says_since_when() -> None:
    shown = screen(told(choice=Choice(on=date(2024, 1, 1))))
    assert (shown.empty_title, shown.empty_next) == ("List prices had no prices then", "Its first version is of Jul 1, 2024.")


def test_history_is_newest_first_with_what_changed() -> None:
    spans = [
        PriceSpan(JULY, NOVEMBER, ("fra", "gru"), Decimal("0.000001"), "machine-second", ""),
        PriceSpan(NOVEMBER, None, ("fra",), Decimal("0.00000125"), "machine-second", ""),
        PriceSpan(NOVEMBER, None, ("gru",), Decimal("0.0000009"), "machine-second", ""),
    ]
    shown = screen(told(machine("a", "fra", "0.000001"), choice=Choice(sku="machine.a"), history=spans)).history
    assert [(one.since, one.until, one.regions, one.change, one.tone, one.is_now) for one in shown.rows] == [
        ("Nov 1, 2024", "still", "gru", "−10.0 %", "down", True),
        ("Nov 1, 2024", "still", "fra", "+25.0 %", "up", True),
        ("Jul 1, 2024", "Nov 1, 2024", "every region", "", "same", False),
    ]
    assert shown.close_href == "/orgs/prism/prices"


def test_prices_of_ones_own_are_told() -> None:
    mine = PriceOverride("machine.a", "fra", Decimal("0.000001"), 1, "machine-second", NOVEMBER)
    shown = screen(told(volume(), overrides=[mine, replace(mine, scope="global", model={"model": "flat"})]))
    assert shown.agreed == [
        "You agreed $0.0036 per hour for machine.a in fra; it goes before the price below.",
        "You agreed a price of your own for machine.a everywhere, with terms beyond an amount per unit.",
    ]


def test_hostile_text_stands_there_literally() -> None:
    one = row(screen(told(volume(title="<b>x</b>\u202e", note="=1+1"))), "volume")
    assert (one.title, one.more) == ("<b>x</b>‹RLO›", "=1+1")


def test_an_address_says_the_choice_and_gives_it_back() -> None:
    choice = Choice("fra", NOVEMBER, "a & b", "volume")
    assert prices_href("prism", choice) == "/orgs/prism/prices?region=fra&on=2024-11-01&find=a+%26+b&sku=volume"
    assert choice_in({"region": "fra", "on": "2024-11-01", "find": "a & b", "sku": "volume"}) == choice


@pytest.mark.parametrize(
    "query", [{"region": 7, "on": "2024-13-01", "find": ["x"], "sku": None}, {"on": "20241101--"}, {"on": "٢٠٢٤-11-01"}, {}]
)
def test_nonsense_in_the_address_chooses_nothing(query: dict[str, object]) -> None:
    assert choice_in(query) == Choice()


@pytest.mark.parametrize(
    ("sku", "group"),
    [("machine.rootfs_stopped", "Storage"), ("machine.a", "Machines"), ("egress.public", "Network"), ("support.premium", "Plans and fees")],
)
def test_each_thing_has_its_group(sku: str, group: str) -> None:
    assert group_of(sku) == group
