"""PostgreSQL, ClickHouse and the API say what the topics say, of every run."""

from collections.abc import Iterator, Mapping

from tests.chaos.evidence import Evidence
from tests.chaos.judges.violation import Violation, short
from tests.chaos.records import RunRow, RunSeen

SAME = "{} has what the topics have"


def judge(evidence: Evidence) -> list[Violation]:
    """Judge all rows."""
    return [
        *_rows("PostgreSQL", evidence.runs, evidence.run_rows),
        *_rows("the API", {run: evidence.runs[run] for run in evidence.api if run in evidence.runs}, evidence.api),
        *_steps(evidence),
        *_analytics(evidence),
    ]


def _rows(where: str, runs: Mapping[str, RunSeen], rows: Mapping[str, RunRow]) -> Iterator[Violation]:
    for run, seen in runs.items():
        row = rows.get(run)
        right = RunRow(
            org=seen.org,
            status=seen.status,
            cost=seen.cost,
            children_nano=seen.children_nano,
            output=seen.output,
            code=seen.code,
        )
        if row is None:
            yield Violation(SAME.format(where), run, f"it has no row; the run is {seen.status}")
        elif row != right:
            wrong = [name for name in row.__struct_fields__ if getattr(row, name) != getattr(right, name)]
            text = "; ".join(f"{n} is {short(getattr(row, n))}, not {short(getattr(right, n))}" for n in wrong)
            yield Violation(SAME.format(where), run, text)
    for run in rows.keys() - runs.keys():
        yield Violation(SAME.format(where), run, "the topics do not know this run")


def _steps(evidence: Evidence) -> Iterator[Violation]:
    for run, seen in evidence.runs.items():
        rows = {step: (row.status, row.cost) for step, row in evidence.step_rows.get(run, {}).items()}
        right = {step: (one.state, one.cost) for step, one in seen.steps.items()}
        if rows != right:
            wrong = sorted(step for step in rows.keys() | right.keys() if rows.get(step) != right.get(step))
            text = f"step {wrong[0]} is {short(rows.get(wrong[0]))}, not {short(right.get(wrong[0]))}"
            yield Violation(SAME.format("PostgreSQL"), run, text)


def _analytics(evidence: Evidence) -> Iterator[Violation]:
    for table, right in evidence.topic_rows.items():
        rows = evidence.stored_rows.get(table, {})
        for run in sorted(rows.keys() | right.keys()):
            if rows.get(run, 0) != right.get(run, 0):
                text = f"{table} has {rows.get(run, 0)} rows of it, the topic {right.get(run, 0)}"
                yield Violation(SAME.format("ClickHouse"), run, text)
    nano: dict[str, int] = {}
    for money in evidence.settled.values():
        nano[money.run] = nano.get(money.run, 0) + money.amount
    for run in sorted(nano.keys() | evidence.stored_nano.keys()):
        if nano.get(run, 0) != evidence.stored_nano.get(run, 0):
            text = f"settled is {nano.get(run, 0)}, ClickHouse says {evidence.stored_nano.get(run, 0)}"
            yield Violation("ClickHouse has what was settled", run, text)
