"""Asked on two connections at once: the same answers, and never somebody who waits for a hand that waits for them."""

from datetime import UTC, datetime
from threading import Event

import pytest
import sqlalchemy as sa
from sqlmodel import Session
from usage_world import World

from flyusage import db
from flyusage.periods import Period
from flyusage.pricing.beside import HANDS, Beside
from flyusage.pricing.explorer import explore
from flyusage.pricing.view import Comparison, Dimension, Measure, View

OCTOBER = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))


@pytest.mark.parametrize("measure", [Measure.LIST_COST, Measure.RUNNING_PEAK])
@pytest.mark.parametrize("group_by", [None, Dimension.APP, Dimension.COST_CENTRE, Dimension.MACHINE])
def test_two_connections_give_the_answer_of_one(world: World, measure: Measure, group_by: Dimension | None) -> None:
    view = View(measure, OCTOBER, group_by, comparison=Comparison.PREVIOUS)
    with db.transaction(world.org_id) as session:
        alone = explore(session, world.org_id, view)
        assert explore(session, world.org_id, view, beside=Beside(world.org_id, None)) == alone


def test_what_is_asked_beside_sees_the_same_apps_and_organization(world: World) -> None:
    def scope(session: Session) -> tuple[str, str]:
        one = session.execute(sa.text("SELECT current_setting('flyusage.org_id'), current_setting('flyusage.apps')")).one()
        return one[0], one[1]

    with db.transaction(world.org_id, apps=frozenset({7})) as session:
        assert Beside(world.org_id, frozenset({7})).ask(session, scope).answer() == scope(session) == (str(world.org_id), "7")


def test_where_all_hands_are_full_it_is_asked_here(world: World) -> None:
    is_over = Event()
    with db.transaction(world.org_id) as session:
        beside = Beside(world.org_id, None)
        busy = [beside.ask(session, lambda _: is_over.wait(30)) for _ in range(HANDS)]
        try:
            assert beside.ask(session, lambda asked: asked is session).answer()
        finally:
            is_over.set()
        assert all(each.answer() for each in busy)


def test_what_fails_there_fails_here(world: World) -> None:
    def fail(_session: Session) -> None:
        raise ValueError("no such thing")

    with db.transaction(world.org_id) as session:
        asked = Beside(world.org_id, None).ask(session, fail)
        with pytest.raises(ValueError, match="no such thing"):
            asked.answer()
