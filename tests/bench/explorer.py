"""Explorer queries, ours and the rivals' in turns on the same machine in the same run."""

from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter

from flyusage import db
from flyusage.pricing.explorer import explore
from flyusage.pricing.view import Measure
from tests.bench import rivals
from tests.bench.database import Measured
from tests.bench.questions import Question, questions, rival_sql
from tests.bench.report import Row, spread

QUESTIONS = 54
REPEATS = 3
AGREEMENT = 1e-6  # relative: rivals add floats


def measure(measured: Measured) -> tuple[list[Row], dict[str, object]]:
    """Rows of the explorer, and every question's times in milliseconds."""
    facts = rivals.export(measured.org_id, measured.folder / "facts")
    print(f"  {facts.rows:,} hourly facts in each engine")
    engines: list[rivals.Rival] = [rivals.DuckDb(facts), rivals.ChDb(facts)]
    names = rivals.names(measured.org_id)
    asked = [
        question
        for is_filtered in (False, True)
        for question in questions(measured.history, names, count=QUESTIONS, is_filtered=is_filtered)
    ]
    times = [_interleaved(measured.org_id, question, engines) for question in asked]
    return _rows(asked, times), {
        "facts": facts.rows,
        "disagreements": _disagreements(measured.org_id, asked[::6], engines[0]),
        "questions": [
            {"question": question.words, **{name: round(median(each), 2) for name, each in took.items()}}
            for question, took in zip(asked, times, strict=True)
        ],
    }


def _interleaved(org_id: int, question: Question, engines: Sequence[rivals.Rival]) -> dict[str, list[float]]:
    """Milliseconds of each engine, in turns; the first turn warms up."""

    def ours() -> None:
        with db.transaction(org_id) as session:
            explore(session, org_id, question.view)

    runs: dict[str, Callable[[], object]] = {"flyusage": ours}
    for engine in engines:
        sql = rival_sql(question, engine.trunc)
        runs[engine.name] = lambda engine=engine, sql=sql: engine.rows(sql)
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(REPEATS + 1):
        for name, run in runs.items():
            began = perf_counter()
            run()
            if turn:
                taken[name].append((perf_counter() - began) * 1000)
    return taken


def _rows(asked: Sequence[Question], times: Sequence[dict[str, list[float]]]) -> list[Row]:
    ours = [each for took in times for each in took["flyusage"]]
    rows = [Row("explorer queries, p95", spread(ours)["p95"], 150, "ms", note=f"p50 {median(ours):.0f} ms, slowest {max(ours):.0f} ms")]  # type: ignore[arg-type]
    for is_filtered, bound in ((False, 1.0), (True, 1.5)):
        some = [took for question, took in zip(asked, times, strict=True) if question.is_filtered == is_filtered]
        middles = {name: median(median(took[name]) for took in some) for name in some[0]}
        better = min(value for name, value in middles.items() if name != "flyusage")
        note = ", ".join(f"{name} {value:.0f} ms" for name, value in middles.items())
        kind = "filtered" if is_filtered else "unfiltered"
        rows.append(Row(f"explorer queries, median against the better engine, {kind}", middles["flyusage"] / better, bound, "×", note=note))
    return rows


def _disagreements(org_id: int, asked: Sequence[Question], engine: rivals.Rival) -> list[str]:
    """Questions to which the engines give another total than we do: the comparison would be worth nothing."""
    found = []
    for question in asked:
        if question.view.measure in (Measure.RUNNING_MEAN, Measure.RUNNING_PEAK, Measure.VOLUME_GB):
            continue  # means over the period, which is not what these queries add up
        with db.transaction(org_id) as session:
            ours = float(explore(session, org_id, question.view).total)
        theirs = engine.total(rival_sql(question, engine.trunc))
        if abs(ours - theirs) > AGREEMENT * max(abs(ours), 1e-9):
            found.append(f"{question.words}: {ours} here, {theirs} in {engine.name}")
    return found
