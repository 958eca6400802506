"""Monthly totals over the years, printed and drawn."""

from dataclasses import replace
from datetime import date

from flyusage.invoices.totals import MonthTotal
from flyusage.ui.month_totals import LEAST_MONTHS, currencies_of, month_figure, month_totals

OCTOBER = MonthTotal(date(2026, 10, 1), "USD", 2, 1, 15000, 2850, 17850, 119, 5000, 0)
JULY = replace(OCTOBER, month=date(2025, 7, 1), invoices=1, credit_notes=0, net_minor=100, tax_minor=19, gross_minor=119, open_minor=0)
YEN = replace(JULY, currency="JPY", net_minor=7)


def test_each_year_has_its_sum_above_its_months() -> None:
    shown = month_totals([JULY, OCTOBER], "USD")
    assert [(one.month, one.net, one.owed, one.is_sum) for one in shown.rows] == [
        ("2026", "$150.00", "$50.00", True), ("October", "$150.00", "$50.00", False),
        ("2025", "$1.00", "$0.00", True), ("July", "$1.00", "$0.00", False),
        ("Everything", "$151.00", "$50.00", True),
    ]  # fmt: skip
    assert shown.rows[1].documents == "2 invoices + 1 credit note"
    assert (shown.title, shown.note[:19]) == ("Billed by month, in USD", "Jul 2025 – Oct 2026")


def test_currencies_are_never_added_up() -> None:
    assert currencies_of([JULY, YEN, OCTOBER]) == ["JPY", "USD"]
    (year, month) = month_totals([JULY, YEN], "JPY").rows
    assert (year.net, month.net) == ("¥7", "¥7")
    assert month_totals([YEN], "USD").rows == []


def test_the_chart_has_a_bar_for_each_month_and_none_between() -> None:
    figure = month_figure([JULY, OCTOBER], "USD")
    (trace,) = [one for one in figure["data"] if one.get("type") == "bar"]
    assert trace["y"] is not None
    assert figure["layout"]["barmode"] == "stack"


def test_a_single_month_stands_at_the_end_of_a_year() -> None:
    figure = month_figure([OCTOBER], "USD")
    assert len(figure["layout"]["xaxis"]["tickvals"]) <= LEAST_MONTHS
