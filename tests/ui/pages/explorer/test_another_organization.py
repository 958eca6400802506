"""A tab that goes from one organization's explorer to another's: it keeps what it showed last, and the answer takes a while."""

from collections.abc import AsyncIterator
from dataclasses import fields
from types import SimpleNamespace

import pytest
from background import run_async

from flyusage.ui import live
from flyusage.ui.pages.explorer import question
from flyusage.ui.pages.explorer.question import Answered, Asked
from flyusage.ui.pages.explorer.rows import Tile
from flyusage.ui.pages.explorer.state import NOTHING, Explorer


class Tab:
    """What `load` asks of the state of a page that shows `prism`, by region."""

    def __init__(self, slug: str, by: str) -> None:
        for part in NOTHING:
            for field in fields(part):
                setattr(self, field.name, getattr(part, field.name))
        self.tiles, self.chart_title = [Tile("List cost", "$12.34", "")], "List cost per day by region"
        self.page_number, self.find, self.is_filtering, self._shown = 1, "", False, "prism by=region"
        self._at = SimpleNamespace(slug=slug, query=f"by={by}")

    _take, _show = Explorer._take, Explorer._show

    def _slug(self) -> str:
        return self._at.slug

    def _query(self) -> str:
        return self._at.query

    def _asked(self) -> Asked:
        return Asked(self._at.slug, {})


@pytest.mark.parametrize(
    ("slug", "by", "shown"),
    [("rival", "region", ("", [])), ("prism-2", "region", ("", [])), ("prism", "app", ("List cost per day by region", ["$12.34"]))],
)
def test_the_numbers_of_one_never_stand_under_the_others_name(slug: str, by: str, shown: object, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    tab = Tab(slug, by)

    async def answers(_asked: Asked) -> AsyncIterator[Answered]:
        seen.append((tab.chart_title, [tile.value for tile in tab.tiles]))  # until the first answer
        yield Answered()

    async def load() -> None:
        async for _ in Explorer.load.fn(tab):
            pass

    monkeypatch.setattr(question, "answers", answers)
    monkeypatch.setattr(live, "is_watched", lambda _: True)
    run_async(load())
    assert seen == [shown]
