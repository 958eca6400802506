"""Where somebody arrives who has not chosen an organization."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from factories import ingest, started

from flyusage import clock, db
from flyusage.ui.session import first_organization


@pytest.fixture(autouse=True)
def november():
    with clock.freeze(datetime(2026, 11, 15, tzinfo=UTC)):
        yield


def made(slug: str, *, is_synthetic: bool = False) -> None:
    with db.platform_transaction() as session:
        session.execute(
            sa.text("INSERT INTO organization (slug, name, is_synthetic, created_at) VALUES (:slug, :slug, :is_synthetic, now())"),
            {"slug": slug, "is_synthetic": is_synthetic},
        )


def arrival() -> str | None:
    first = first_organization()
    return first and first.slug


def test_the_real_organization_with_the_newest_event_comes_first(database):
    assert arrival() is None
    made("silent")
    assert arrival() == "silent"  # the only one
    made("also-silent")
    assert arrival() is None  # a choice to make
    made("demo", is_synthetic=True)
    made("demo-two", is_synthetic=True)
    ingest([started("m", "2026-11-14T00:00:00Z", org="demo")])
    assert arrival() == "demo"
    ingest([started("m", "2026-10-02T00:00:00Z", org="once-busy"), started("m", "2026-10-03T00:00:00Z", org="busy")])
    assert arrival() == "busy"
    ingest([started("n", "2026-10-04T00:00:00Z", org="once-busy")])
    assert arrival() == "once-busy"
