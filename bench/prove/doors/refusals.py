"""Lines of connections that are refused: a wrong authority, an expired certificate, a wrong password, by engine.

Tests measure them: how long until the clear line, how many connections were tried, and whether a secret stands in it.
"""

from collections.abc import Mapping, Sequence

from bench.lines import BenchError, Line
from bench.prove.area import Aim, at_most, line_of
from bench.tested import Outcomes, run_tests
from deploy.local.engines.progress import Progress

_CONNECTIONS = "tests/integration/connections"
TESTS = (
    f"{_CONNECTIONS}/test_refusals.py",
    f"{_CONNECTIONS}/test_kafka_logins.py::test_wrong_login_is_said_soon_by_few_connections",
    f"{_CONNECTIONS}/test_nats_credentials.py::test_wrong_credentials_are_said_soon_by_few_connections",
    "tests/integration/system/test_encrypted.py::test_a_wrong_password_is_said_soon_by_every_engine[one broker]",
)
#: Names of lines by the case that a test records.
CASES = {"wrong authority": "wrong_ca", "expired": "expired", "wrong password": "wrong_password"}
#: The most seconds until the line, and the most connections in that time.
SOON_S, MOST = 5, 12
ENGINES = frozenset({"kafka", "redis", "postgres", "clickhouse", "nats"})

AIMS = (
    *(Aim(f"{name}_said_s", "s", at_most(SOON_S), at_most(SOON_S)) for name in CASES.values()),
    *(Aim(f"{name}_connections", "connections", at_most(MOST), at_most(MOST)) for name in CASES.values()),
    Aim("refusal_secrets_shown", "secrets", at_most(0), at_most(0)),
    Aim("refusals_failed", "tests", at_most(0), at_most(0)),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Run the tests. A quick run leaves them out: they start a system. Raises ``BenchError``."""
    if quick:
        progress("refusals: not measured in a quick run; `make test` runs their tests")
        return []
    progress("doors: wrong authorities, expired certificates and wrong passwords, by engine")
    return lines_of(run_tests(*TESTS))


def lines_of(found: Outcomes) -> list[Line]:
    """Return the worst of each case over the engines. Raises ``BenchError`` when an engine was not measured."""
    lines = []
    for case, name in CASES.items():
        lines += [_worst(found, case, "s", f"{name}_said_s"), _worst(found, case, "connections", f"{name}_connections")]
    shown = {key: value for key, value in found.figures.items() if key.endswith(":secrets")}
    first = "; ".join(f"{name}: {why[:200]}" for name, why in found.failed.items())
    return [
        *lines,
        line_of(AIMS, "refusal_secrets_shown", sum(shown.values()), f"in {len(shown)} lines and their logs"),
        line_of(AIMS, "refusals_failed", len(found.failed), first or f"{found.passed} passed"),
    ]


def _worst(found: Outcomes, case: str, what: str, name: str) -> Line:
    figures = _by_engine(found.figures, case, what)
    missing = ENGINES - {engine.partition(" ")[0] for engine in figures}
    if missing:
        raise BenchError(f"{case}: not measured for {', '.join(sorted(missing))}: {found.failed}")
    said = "" if what != "s" else "the client of NATS is asked when it has tried for 2 s; "
    note = said + ", ".join(f"{engine} {figure:.3g}" for engine, figure in sorted(figures.items()))
    return line_of(AIMS, name, max(figures.values()), note)


def _by_engine(figures: Mapping[str, float], case: str, what: str) -> dict[str, float]:
    """Return the figures of a case: tests record them as ``case:engine:what``, an engine's way to ask after a space."""
    split = {tuple(key.split(":")): value for key, value in figures.items()}
    return {key[1]: value for key, value in split.items() if key[0] == case and key[-1] == what}
