"""Two things asked of the database at once: a second connection answers the one while the first is busy with the other."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import cache
from typing import Generic, TypeVar

from sqlmodel import Session

from flyusage import db

# So few that those who wait for them can never hold all connections of the pool between them.
HANDS = 2

T = TypeVar("T")


class Aside(Generic[T]):
    """What is asked beside something else. `answer()` gives it, asked here and now where no hand was free for it."""

    def __init__(self, session: Session, ask: Callable[[Session], T], asked: "Future[T] | None") -> None:
        self._session, self._ask, self._asked = session, ask, asked

    def answer(self) -> T:
        """Waits for it. Raises what asking raised."""
        if self._asked is None or self._asked.cancel():
            return self._ask(self._session)
        return self._asked.result()


class Beside:
    """Asks beside a session, in a transaction of its own of the same organization and apps, which sees what is committed.

    For readers alone: of what `session` itself has written nothing is seen there. Like any two statements of a transaction, what
    is asked here and there may fall on two sides of a commit.
    """

    def __init__(self, org_id: int, apps: frozenset[int] | None) -> None:
        self._org_id, self._apps = org_id, apps

    def ask(self, session: Session, ask: Callable[[Session], T]) -> Aside[T]:
        """Have `ask` begin on another connection; `session` is asked in its stead where all hands are full until then."""

        def elsewhere() -> T:
            with db.transaction(self._org_id, apps=self._apps) as other:
                return ask(other)

        return Aside(session, ask, _hands().submit(copy_context().run, elsewhere))


class Nobody(Beside):
    """Nobody asks beside: everything is asked of the session itself, when its answer is needed."""

    def __init__(self) -> None:
        super().__init__(0, None)

    def ask(self, session: Session, ask: Callable[[Session], T]) -> Aside[T]:
        """Keep it for later."""
        return Aside(session, ask, None)


@cache
def _hands() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(HANDS, thread_name_prefix="beside")
