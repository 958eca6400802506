"""Cost centres as people's spreadsheets hold them."""

import io
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyusage.metering.cost_centres import Assignment
from flyusage.metering.cost_centres_csv import ColumnsMissing, RefusedRow, Row, read, write

OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)


def rows(text: str) -> list[Row | RefusedRow]:
    return list(read(io.StringIO(text, newline="")))


def refusals(text: str) -> list[tuple[int, str]]:
    return [(row.line, row.code) for row in rows("app,cost_centre,from_month\n" + text) if isinstance(row, RefusedRow)]


def test_rows_are_assignments_and_know_their_lines():
    found = rows('app,cost_centre,from_month\nweb,Shop,2026-10\n\n"a,b","Two\nlines",2026-11-01\nweb,,2026-11\napi,Unassigned,2026-10\n')
    assert found == [
        Row(2, Assignment("web", OCTOBER, "Shop")),
        Row(4, Assignment("a,b", NOVEMBER, "Two\nlines")),
        Row(6, Assignment("web", NOVEMBER, None)),
        Row(7, Assignment("api", OCTOBER, None)),
    ]


def test_what_spreadsheets_make_of_it_is_read_too():
    """A byte order mark, semicolons, another order, more columns, CRLF, capitals, and a quote before a sign."""
    assert rows("\ufeffFrom_Month;Cost_Centre;Note;App\r\n2026-10; Shop ;mine;'=web\r\n") == [Row(2, Assignment("=web", OCTOBER, "Shop"))]
    assert rows("app\tcost_centre\tfrom_month\na;b,c\tShop\t2026-10\n") == [Row(2, Assignment("a;b,c", OCTOBER, "Shop"))]


@pytest.mark.parametrize("text", ["", "\n", "web,Shop,2026-10\n", "app,cost_centre\n"])
def test_without_its_columns_nothing_is_understood(text: str):
    with pytest.raises(ColumnsMissing, match="The first line must name the columns app, cost_centre, from_month; it reads"):
        rows(text)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("web,Shop", "wrong_columns"),
        ("a,b,Shop,2026-10", "wrong_columns"),
        (" ,Shop,2026-10", "missing_app"),
        ("web,Shop,", "invalid_month"),
        ("web,Shop,2026-13", "invalid_month"),
        ("web,Shop,2026-10-02", "invalid_month"),
        ("web,Shop,Oct-26", "invalid_month"),
        ("web,Shop,0000-01", "invalid_month"),
        (f"web,{'x' * 201},2026-10", "invalid_name"),
        ("web,a\0b,2026-10", "invalid_name"),
        ('web,"Shop"s,2026-10', "not_csv"),
        ('web,"Shop,2026-10', "not_csv"),
        (f'"{"x" * 200_000}",Shop,2026-10', "not_csv"),
    ],
)
def test_a_bad_row_is_refused_by_line_and_code_and_the_rest_is_read(row: str, code: str):
    assert refusals(f"good,Shop,2026-10\n{row}\n") == [(3, code)]


def test_a_row_that_contradicts_an_earlier_one_is_refused_and_a_repeated_one_is_not():
    assert refusals("web,Shop,2026-10\nweb,Shop,2026-10\nweb,Data,2026-10\nweb,Data,2026-11\n") == [(4, "contradiction")]


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
months = st.dates(date(1970, 1, 1)).map(lambda day: day.replace(day=1))
centres = names.map(str.strip).filter(lambda name: name not in ("", "Unassigned"))


@given(
    st.lists(st.builds(Assignment, names.filter(str.strip), months, st.none() | centres), unique_by=lambda one: (one.app, one.from_month))
)
def test_what_is_written_is_read_as_it_was_whatever_the_names(made: list[Assignment]):
    text = "".join(write(made))
    assert [row.assignment for row in rows(text) if isinstance(row, Row)] == made
    assert len(rows(text)) == len(made)
