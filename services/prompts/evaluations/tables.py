"""A report as tables of texts: what HTML, Markdown and terminals show of it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from schemas.money import usd
from schemas.prompts.evaluations import Comparison, Interval, JudgeResult, Report, VersionResult

NONE = "–"
#: Names and notes of a dataset or a provider may hold escapes of terminals and marks that reorder text.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+")
_VERSIONS = (
    "version",
    "score",
    "95% interval",
    "cases x repeats",
    "clusters",
    "pass rate",
    "without score",
    "cost USD",
    "p50 ms",
    "p95 ms",
)


@dataclass(frozen=True)
class Table:
    """A title, the names of columns, and rows of as many cells."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def tables_of(report: Report) -> Iterator[Table]:
    """Yield the tables of a report, without those that are empty."""
    yield Table("Versions", _VERSIONS, [_version(one) for one in report.versions])
    if report.comparison is not None:
        title = f"Version {report.comparison.candidate} against {report.comparison.baseline}"
        yield Table(title, ("figure", "value"), _comparison(report.comparison))
    if report.regressions:
        yield _regressions(report)
    yield from _scorers(report)
    for judge in report.judges:
        yield Table(f"Judge {judge.scorer}", ("figure", "value"), _judge(judge))
    flips = [
        (one.version, flip.case_id, f"{flip.passed} of {flip.repeats}") for one in report.versions for flip in one.flips
    ]
    if flips:
        yield Table("Cases whose repeats disagree", ("version", "case", "passed"), flips)
    notes = [(one.version, note) for one in report.versions for note in one.notes]
    if notes:
        yield Table("Notes", ("version", "note"), notes)


def plain(text: str) -> str:
    """Return a text as one line without control characters."""
    return _CONTROL.sub(" ", text)


def number(value: float | None, digits: int = 3) -> str:
    """Return a figure with a fixed number of digits; a dash for none."""
    return NONE if value is None else f"{value:.{digits}f}"


def signed(value: float | None) -> str:
    """Return a difference with its sign."""
    return NONE if value is None else f"{value:+.3f}"


def between(low: float | None, high: float | None) -> str:
    """Return an interval."""
    return NONE if low is None or high is None else f"{low:.3f} to {high:.3f}"


def percent(value: float | None) -> str:
    """Return a share in percent."""
    return NONE if value is None else f"{value:.1%}"


def with_interval(value: Interval | None) -> str:
    """Return a share in percent with its interval."""
    if value is None:
        return NONE
    bounds = "" if value.low is None else f" ({percent(value.low)} to {percent(value.high)})"
    return percent(value.mean) + bounds


def headline(report: Report) -> str:
    """Return the report in one sentence."""
    found = report.comparison
    if found is None:
        names = ", ".join(one.version for one in report.versions)
        return f"{report.prompt}: version {names} on {report.dataset}"
    against = f"{report.prompt}: version {found.candidate} against {found.baseline} on {report.dataset}"
    return f"{against}: {found.verdict}" + (f" ({found.why})" if found.why else "")


def _version(one: VersionResult) -> Sequence[str]:
    return (
        one.version,
        number(one.mean),
        between(one.low, one.high),
        f"{one.n} x {one.repeats}",
        str(one.clusters),
        with_interval(one.pass_rate),
        str(one.errors + one.unscored),
        usd(one.cost.total),
        str(one.latency.p50),
        str(one.latency.p95),
    )


def _comparison(found: Comparison) -> Sequence[Sequence[str]]:
    test = found.mcnemar
    return (
        ("verdict", found.verdict + (f": {found.why}" if found.why else "")),
        ("difference", f"{signed(found.difference)}, 95% interval {between(found.low, found.high)}"),
        ("minimum detectable effect", number(found.minimum_effect)),
        ("cases", f"{found.n} in {found.clusters} clusters, {found.missing} without a score of both"),
        ("won, lost, tied", f"{found.wins}, {found.losses}, {found.ties}"),
        ("win rate", with_interval(found.win_rate)),
        ("pass and fail", f"{test.gained} gained, {test.lost} lost, McNemar p = {test.p:.3f}"),
    )


def _regressions(report: Report) -> Table:
    names = list(report.regressions[0].scorers)
    rows = [
        (
            one.case_id,
            ", ".join(one.tags),
            number(one.before),
            number(one.after),
            *(" to ".join(number(score, 2) for score in one.scorers[name]) for name in names),
        )
        for one in report.regressions
    ]
    return Table(f"Regressions: {len(rows)}", ("case", "tags", "before", "after", *names), rows)


def _scorers(report: Report) -> Iterator[Table]:
    rows = [
        (
            one.version,
            each.scorer,
            f"{each.weight:g}",
            number(each.mean),
            between(each.low, each.high),
            str(each.failed),
        )
        for one in report.versions
        for each in one.scorers
    ]
    yield Table("Scorers", ("version", "scorer", "weight", "mean", "95% interval", "failed"), rows)
    at_k = [
        (one.version, str(each.k), percent(each.any), percent(each.all))
        for one in report.versions
        if one.repeats > 1
        for each in one.at_k
    ]
    if at_k:
        yield Table("Repeats", ("version", "k", "pass@k (any)", "pass^k (all)"), at_k)


def _judge(found: JudgeResult) -> Sequence[Sequence[str]]:
    agreed = f"{percent(found.agreement)} of {found.labels} labels, kappa {number(found.kappa, 2)}"
    rows = [
        ("state", ("calibrated" if found.calibrated else "uncalibrated") + (", biased" if found.biased else "")),
        ("agreement with people", agreed if found.labels else NONE),
        ("position bias", percent(found.position_bias)),
    ]
    rows += [
        (f"pass rate of {one.version}, corrected", with_interval(Interval(mean=one.rate, low=one.low, high=one.high)))
        for one in found.corrected
    ]
    return [*rows, *(("warning", warning) for warning in found.warnings)]
