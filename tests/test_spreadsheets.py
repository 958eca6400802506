from hypothesis import example, given
from hypothesis import strategies as st

from flyusage.spreadsheets import guarded, unguarded


@given(st.text())
@example("=1+1")
@example("'=1+1")
@example("''x")
@example("'tis")
def test_a_guarded_name_is_no_formula_and_comes_back_as_it_was(name: str) -> None:
    cell = guarded(name)
    assert unguarded(cell) == name
    assert not cell or (cell[0] not in "=+-@" and cell[0].isprintable())


def test_harmless_names_are_left_alone() -> None:
    assert [guarded(name) for name in ("", "web", "'tis", "a=b", "😀")] == ["", "web", "'tis", "a=b", "😀"]


def test_a_quote_that_a_spreadsheet_put_before_a_sign_is_taken_away() -> None:
    assert [unguarded(cell) for cell in ("'=SUM(A1)", "'-web", "=SUM(A1)", "'tis")] == ["=SUM(A1)", "-web", "=SUM(A1)", "'tis"]
