"""Whether a report passes in CI: the least score, the verdicts that fail, and how many regressions there may be."""

from msgspec import Struct

from schemas.prompts.evaluations import Report, Verdict


class Gate(Struct, frozen=True, kw_only=True):
    """What fails a report. ``fail_under`` is the least mean score of the judged version, ``None`` for any.

    ``fail_on`` are verdicts; ``most_regressions`` and ``most_missing`` bound cases that got worse and answers without
    a score, ``None`` for any number.
    """

    fail_under: float | None = None
    fail_on: tuple[Verdict, ...] = ("worse",)
    most_regressions: int | None = None
    most_missing: int | None = None


def failures_of(report: Report, gate: Gate, version: str) -> list[str]:
    """Return why a version fails; nothing when it passes. A version without a score fails ``fail_under``."""
    judged = next((one for one in report.versions if one.version == version), None)
    if judged is None:
        return [f"version {version} is not in the report; evaluate it"]
    found = []
    if gate.fail_under is not None and (judged.mean is None or judged.mean < gate.fail_under):
        found.append(f"the score {_shown(judged.mean)} of version {version} is under {gate.fail_under:g}")
    compared = report.comparison
    if compared is not None and compared.verdict in gate.fail_on:
        found.append(f"version {compared.candidate} is {compared.verdict} against {compared.baseline}")
    if gate.most_regressions is not None and len(report.regressions) > gate.most_regressions:
        found.append(f"{len(report.regressions)} cases got worse, {gate.most_regressions} may")
    missing = judged.errors + judged.unscored
    if gate.most_missing is not None and missing > gate.most_missing:
        found.append(f"{missing} answers have no score, {gate.most_missing} may have none")
    return found


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
