"""`python -m tests.bench [PART…]`: measures what the product promises, prints a table, writes JSON under bench-results/.

Parts: fresh (ingest and roll-up), explorer, machines, access (authorisation, sign-in, members), drafts, whatif, forecast
(against the run-rate), trace (the same of the public trace), anomalies (injected faults), pages (in Chromium),
large (re-roll and storage), invoice (the largest one issued), scaling, documents (PDF and XML), close (a month for 30,000
organizations), totals (over three million invoices).
The databases of 10,000 machines and 13 months, and of three million invoices, are made once (some minutes) and kept; delete
bench-results/ to begin anew.
"""

import argparse
from collections.abc import Callable, Sequence

from tests.bench import (
    access,
    anomalies,
    database,
    documents,
    drafts,
    explorer,
    forecasts,
    invoices,
    machines,
    pages,
    report,
    scaling,
    what_if,
    writing,
)

Part = Callable[[], tuple[list[report.Row], dict[str, object]]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the parts asked for, all by default."""
    parts = (
        "fresh",
        "explorer",
        "machines",
        "access",
        "drafts",
        "whatif",
        "forecast",
        "anomalies",
        "pages",
        "invoice",
        "large",
        "trace",
        "scaling",
        "documents",
        "close",
        "totals",
    )
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(parts))
    parser.add_argument("--vms", type=int, default=10_000, help="try the measuring itself on a smaller company")
    parser.add_argument("--months", type=int, default=13)
    parser.add_argument("--organizations", type=int, default=30_000, help="of the part close; a small number tries the measuring")
    parser.add_argument("--invoices", type=int, default=3_000_000, help="of the part totals")
    options = parser.parse_args(arguments)
    chosen = options.parts or parts
    rows: list[report.Row] = []
    details: dict[str, object] = {}

    def run(name: str, part: Part) -> None:
        if name in chosen:
            print(f"{name} …", flush=True)
            found, details[name] = part()
            rows.extend(found)
            print(report.show(found), flush=True)

    run("fresh", writing.measure_fresh)
    if {"explorer", "machines", "access", "drafts", "whatif", "forecast", "anomalies", "pages", "large", "invoice"} & set(chosen):
        with database.filled(options.vms, options.months) as measured:
            details["database"] = measured
            rows += _fill_rows(measured)
            run("explorer", lambda: explorer.measure(measured))
            run("machines", lambda: machines.measure(measured))
            run("access", lambda: access.measure(measured))
            run("drafts", lambda: drafts.measure(measured))
            run("whatif", lambda: what_if.measure(measured))
            run("forecast", lambda: forecasts.measure(measured))
            run("anomalies", lambda: anomalies.measure(measured))
            run("pages", lambda: pages.measure(measured))
            run("invoice", lambda: invoices.measure_large(measured))
            run("large", lambda: writing.measure_large(measured))
    run("trace", forecasts.measure_trace)
    run("scaling", scaling.measure)
    run("documents", documents.measure)
    run("close", lambda: invoices.measure_close(options.organizations))
    run("totals", lambda: invoices.measure_totals(options.invoices))
    print("\n" + report.show(rows))
    print(report.keep(rows, details, database.RESULTS))


def _fill_rows(measured: database.Measured) -> list[report.Row]:
    if measured.usable_seconds is None or measured.filled_seconds is None:
        return []
    return [
        report.Row("demo: the last 31 days can be used", measured.usable_seconds, 60, "s"),
        report.Row("demo: the whole history is there", measured.filled_seconds, 240, "s"),
    ]


if __name__ == "__main__":
    main()
