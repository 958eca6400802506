"""Documents set by processes of their own while many wait: after a close one processor would be at it for half an hour."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from types import TracebackType

import msgspec

from flyusage import processes
from flyusage.invoices.document import Document
from flyusage.invoices.rendering import Made, made_of

MANY, FEW = 200, 20  # waiting documents: from where on processes, which take a second to begin, are worth it, and where they end
MOST_PROCESSES = 4


class Typesetters:
    """Processes that begin when many documents wait and end when few do, since each takes the memory of a worker.

    To be used as a context, which ends them.
    """

    def __init__(self, *, count: int | None = None, many: int = MANY, few: int = FEW) -> None:
        self._count = count or processes.processors(MOST_PROCESSES)
        self._many, self._few = many, few
        self._pool: ProcessPoolExecutor | None = None

    def are_worth_it(self, waiting: int) -> bool:
        """Whether `waiting` documents are many enough; ends those that are no longer needed."""
        if waiting < self._few:
            self.end()
        return self._count > 1 and (self._pool is not None or waiting >= self._many)

    def set(self, texts: Sequence[str]) -> Iterator[Made | str]:
        """Each document (its JSON) as PDF and XML, in order, or why it cannot be. Raises BrokenProcessPool when a process was killed."""
        if self._pool is None:
            self._pool = processes.pool(self._count)
        return self._pool.map(typeset, texts)

    def give_up(self) -> None:
        """Use no processes any more: they were killed, likely for want of memory."""
        self.end()
        self._count = 1

    def end(self) -> None:
        """End the processes; those that are needed again begin anew."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def __enter__(self) -> "Typesetters":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end()


def typeset(text: str) -> Made | str:
    """The document's PDF and XML, or why there are none."""
    try:
        return made_of(Document.from_json(msgspec.json.decode(text)))
    except (ValueError, RuntimeError) as error:  # what the typesetter refuses
        return str(error)
