"""The explorer's state: choices and frozen display rows. The address holds the view; handlers lead to another address."""

import asyncio
from collections import Counter
from dataclasses import fields, replace
from typing import Any
from urllib.parse import parse_qsl

import reflex as rx
from reflex.event import EventSpec

from flyusage.errors import FlyusageError
from flyusage.ui import browser, live
from flyusage.ui.addresses import text_in
from flyusage.ui.components.plotly_chart import ChartPoint, ChartRange
from flyusage.ui.pages.explorer import chooser, question, steps
from flyusage.ui.pages.explorer.paths import usage_href
from flyusage.ui.pages.explorer.rows import Aside, Changed, ChangeRow, Chip, Choice, Crumb, Listed, Row, Screen, Table, Tile, Word
from flyusage.ui.session import slug_in

CHART_ID = "usage"
PAGE_LENGTH = 25
LONGEST_QUERY = 8000
MOST_PREPARING = 2

NOTHING = (Screen(), Table("", "", "", False, False, [], Row(), "", 1, 1), Changed([], ""))  # until the first answer

_preparing: Counter[str] = Counter()  # by connection


class Explorer(rx.State):
    """What the explorer shows, and the choices that are not part of the view (table's sort, search and page)."""

    show: Word = Word()
    by: Word = Word()
    drawn_as: Word = Word()
    span: Word = Word()
    per: Word = Word()
    versus: Word = Word()
    first_day: str = ""
    last_day: str = ""
    crumbs: list[Crumb] = []
    chips: list[Chip] = []
    notices: list[str] = []
    tiles: list[Tile] = []
    status: str = ""
    chart_title: str = ""
    chart_unit: str = ""
    chart_hint: str = ""
    chart_label: str = ""
    asides: list[Aside] = []
    zone_minutes: int = 0
    zone_at: str = ""
    zone_href: str = ""
    page_note: str = "all times UTC"
    table_title: str = ""
    group_title: str = ""
    value_title: str = ""
    rows: list[Row] = []
    total_row: Row = Row()
    rows_note: str = ""
    page_number: int = 1
    page_count: int = 1
    is_compared: bool = False
    has_per_hour: bool = False
    changed: list[ChangeRow] = []
    changed_summary: str = ""
    pinned_link: str = ""
    command: str = ""
    curl: str = ""
    csv_href: str = ""
    is_empty: bool = False
    empty_title: str = ""
    empty_next: str = ""
    empty_action: str = ""
    empty_href: str = ""
    problem_title: str = ""
    problem_next: str = ""

    sort_key: str = "value"
    is_ascending: bool = False
    find: str = ""

    is_filtering: bool = False
    filter_dimension: str = ""
    filter_dimensions: list[Choice] = []
    filter_excludes: bool = False
    filter_values: list[Choice] = []
    filter_placeholder: str = ""
    filter_note: str = ""

    _before_brush: str = ""
    _shown: str = ""
    _prepared: tuple[str, int] = ("", 0)  # the connection, and the number of the figure that was last sent ahead by it

    @rx.event
    async def load(self):
        """Answer the address's question, the chart first; starts the live watch on the first load."""
        if (asked := f"{self._slug()} {self._query()}") != self._shown:
            is_another = not self._shown.startswith(f"{self._slug()} ")
            self._shown = asked
            if is_another:  # the numbers of one organization never stand under another's name
                self._take(*NOTHING)
                yield
            if (self.page_number, self.find) != (1, ""):  # what is assigned is sent, changed or not
                self.page_number, self.find = 1, ""
        if self.is_filtering and not live.is_watched(self):  # the menu was open on a page that was left by its address
            self.is_filtering = False
        try:
            async for answered in question.answers(self._asked()):
                yield self._show(answered)
        except FlyusageError as error:
            yield self._show(_failed(error))
        if not live.is_watched(self):
            yield browser.start(Explorer.watch)

    @rx.event(background=True)
    async def prepare(self, query: str):
        """Send the figure of the view at `query` ahead: a pointer rests on the way there, so that it is likely to be clicked.

        Nothing is shown, nor does it hold up what is asked meanwhile. A connection has no more than a few of these at a time.
        """
        query, connection = str(query)[:LONGEST_QUERY], self.router.session.session_id
        if _preparing[connection] >= MOST_PREPARING:
            return
        asked = replace(self._asked(), query=dict(sorted(parse_qsl(query.removeprefix("?")))))
        _preparing[connection] += 1
        try:
            answered = await question.prepared(asked)
        except FlyusageError:
            return  # told to whoever goes there
        finally:
            _preparing[connection] -= 1
            if not _preparing[connection]:
                del _preparing[connection]
        if answered is None or answered.figure is None:
            return
        async with self:
            if asked.key("") != self._asked().key(""):  # else whoever went there meanwhile has been answered
                self._prepared = (connection, answered.number)
                yield browser.prepare(CHART_ID, query, answered.number, answered.figure)

    @rx.event(background=True)
    async def watch(self):
        """Refresh while the page is open and the view includes the present, within seconds of new events."""
        async for _ in live.changes(self):
            asked = self._asked()
            if not question.is_live(asked.query):
                continue
            async for answered in question.answers(asked):
                async with self:
                    if asked == self._asked():  # what was asked is still what is shown
                        yield self._show(answered)

    def _slug(self) -> str:
        return slug_in(self.router.url.path)

    def _query(self) -> dict[str, str]:
        return dict(self.router.url.query_parameters)

    def _asked(self) -> question.Asked:
        return question.Asked(
            slug=self._slug(), query=self._query(), sort_key=self.sort_key, is_ascending=self.is_ascending, find=self.find,
            page=self.page_number, page_length=PAGE_LENGTH,
        )  # fmt: skip

    def _show(self, answered: question.Answered) -> EventSpec | None:
        """Take a part of an answer over; a figure goes to the browser at once and is not kept."""
        self._take(*answered.shown)
        if answered.figure is None:
            return None
        sent_ahead, self._prepared = self._prepared, ("", 0)
        if sent_ahead == (self.router.session.session_id, answered.number):
            return browser.draw_prepared(CHART_ID, answered.number)
        return browser.draw(CHART_ID, answered.figure)

    async def _print_table(self) -> None:
        if (printed := await question.table(self._asked())) is not None:
            self._take(printed)

    def _take(self, *shown: Screen | Table | Changed | Listed) -> None:
        for part in shown:
            for field in fields(part):
                value = getattr(part, field.name)
                if getattr(self, field.name) != value:  # what is assigned is sent, changed or not
                    setattr(self, field.name, value)

    @rx.event
    async def follow_point(self, point: ChartPoint):
        """Follow a clicked area, bar, bubble or tile down."""
        if href := await self._lead(steps.Follow(series=text_in(point, "series") or text_in(point, "label"))):
            yield browser.go(href)

    @rx.event
    async def brush(self, chosen: ChartRange):
        """Zoom the whole view to the brushed stretch, at whole hours."""
        if href := await self._lead(steps.Brush(text_in(chosen, "start", longest=40), text_in(chosen, "end", longest=40))):
            self._before_brush = usage_href(self._slug(), self._query())
            yield browser.go(href)

    @rx.event
    def zoom_out(self):
        """Back to the view before the brush."""
        before, self._before_brush = self._before_brush, ""
        return browser.go(before) if before else None

    @rx.event
    async def choose_days(self, form: dict[str, Any]):
        """Show the days a person typed, the last one included."""
        if href := await self._lead(steps.Days(text_in(form, "first_day", longest=20), text_in(form, "last_day", longest=20))):
            yield browser.go(href)

    async def _lead(self, step: steps.Step) -> str:
        return await asyncio.to_thread(steps.lead, self._slug(), self._query(), step)

    @rx.event
    async def sort_by(self, key: str):
        """Sort the table; the same column again turns it round."""
        known = key if key in question.SORTS else "value"
        self.is_ascending = not self.is_ascending if known == self.sort_key else known == "name"
        self.sort_key, self.page_number = known, 1
        await self._print_table()

    @rx.event
    async def search_table(self, text: str):
        """Keep the rows whose name contains `text`."""
        self.find, self.page_number = str(text)[:200], 1
        await self._print_table()

    @rx.event
    async def turn_page(self, step: int):
        """The next or previous page of rows."""
        self.page_number = min(max(1, self.page_number + (1 if isinstance(step, int) and step > 0 else -1)), self.page_count)
        await self._print_table()

    @rx.event
    async def open_filters(self, is_open: bool):
        """Open or close the chooser."""
        self.is_filtering = bool(is_open)
        if self.is_filtering:
            await self._list_values(self.filter_dimension or chooser.first_filter(self._query()), "")

    @rx.event
    async def edit_filter(self, dimension: str):
        """Open the chooser at one dimension."""
        self.is_filtering = True
        await self._list_values(str(dimension)[:40], "")

    @rx.event
    async def search_values(self, text: str):
        """Search the chooser's values."""
        await self._list_values(self.filter_dimension, str(text)[:200])

    async def _list_values(self, dimension: str, text: str) -> None:
        listed = await asyncio.to_thread(chooser.filter_values, self._slug(), self._query(), dimension, text)
        self._take(listed)

    @rx.event
    async def toggle_value(self, value: str):
        """Add a value to the chooser's filter, or take it out."""
        if href := await self._lead(steps.Toggle(self.filter_dimension, str(value)[:1000], self.filter_excludes)):
            yield browser.go(href)
            self._mark(value)

    def _mark(self, value: str) -> None:
        self.filter_values = [
            Choice(c.label, c.href, c.hint, not c.is_current if c.href == value else c.is_current) for c in self.filter_values
        ]

    @rx.event
    async def set_exclusion(self, excludes: bool):
        """Turn the chooser's filter into all but its values, and back."""
        self.filter_excludes = bool(excludes)
        if href := await self._lead(steps.Exclude(self.filter_dimension, self.filter_excludes)):
            yield browser.go(href)

    @rx.event
    def save_picture(self, kind: str):
        """Save the chart as it is drawn."""
        return browser.save_picture(CHART_ID, "svg" if kind == "svg" else "png", f"{self._slug()}-usage")


def _failed(error: FlyusageError) -> question.Answered:
    return question.Answered(shown=(Screen(problem_title="The question could not be answered", problem_next=error.sentence),))
