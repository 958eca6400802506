from datetime import UTC, datetime

from flyusage.ui.charts.rows import Canvas, TimeGrid


def test_a_grid_of_months_follows_the_calendar():
    grid = TimeGrid(datetime(2027, 12, 1, tzinfo=UTC), "month", 3)
    assert [grid.moment(index).date().isoformat() for index in range(4)] == [
        "2027-12-01", "2028-01-01", "2028-02-01", "2028-03-01",
    ]  # fmt: skip
    assert grid.step_ms is None


def test_a_grid_of_hours_has_equal_steps():
    grid = TimeGrid(datetime(2026, 10, 1, tzinfo=UTC), "hour", 744)
    assert grid.end == datetime(2026, 11, 1, tzinfo=UTC)
    assert grid.step_ms == 3_600_000


def test_a_phone_is_narrow():
    assert Canvas(width_px=358).is_narrow
    assert not Canvas(width_px=1040).is_narrow
