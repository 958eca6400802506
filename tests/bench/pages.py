"""The pages in a browser."""

from tests.bench.database import Measured
from tests.bench.report import Row


def measure(measured: Measured) -> tuple[list[Row], dict[str, object]]:
    raise NotImplementedError
