"""The page of metrics: its parts, what is left out while an engine is down, and OpenMetrics for those who accept it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from api.metrics.backups import BackupAge
from api.metrics.budget_gauges import BudgetShares
from api.metrics.certificates import ends_at_s, paths_of
from api.metrics.exposition import Exposition
from api.metrics.role_counters import RoleCounters, Stored
from connectors.redis.last_backup import LastBackup
from connectors.redis.readers.spend import Amounts
from schemas.budgets import Budget
from schemas.errors import Unavailable
from schemas.metrics import PROVIDER_REQUESTS_TOTAL, WORKFLOW_DURATION_SECONDS
from schemas.metrics.fields import counter_field, exemplar_text, histogram_field, histogram_fields

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
LABELS = (("workflow", "w"),)
ASKED = counter_field(PROVIDER_REQUESTS_TOTAL, (("provider", "p"), ("model", "m"), ("outcome", "ok")))
FOUND = Stored(
    {ASKED: 3.0, **histogram_fields(WORKFLOW_DURATION_SECONDS, LABELS, 0.3)},
    {histogram_field(WORKFLOW_DURATION_SECONDS, LABELS, 0.3): exemplar_text("ab" * 16, 0.3, 1_000)},
)


class Counters(RoleCounters):
    """Counters that stand still, or a Redis that is down."""

    def __init__(self, found: Stored | None) -> None:
        self._found = found

    async def read(self) -> Stored:
        if self._found is None:
            raise Unavailable("redis", "is down")
        return self._found


class Tripped:
    """Circuits of which some are open."""

    def __init__(self, *routes: str) -> None:
        self._routes = routes
        self.asked: list[str] = []

    async def unhealthy(self, routes: Sequence[str]) -> dict[str, str]:
        self.asked += routes
        return {route: "open" for route in routes if route in self._routes}


class Money:
    """Budgets with what is spent of them; ``None`` stands for a database that is down."""

    def __init__(self, spent: dict[str, int] | None, limit: int = 100) -> None:
        self.reads = 0
        self._spent = spent
        self._limit = limit

    async def active(self, most: int) -> list[Budget]:
        self.reads += 1
        if self._spent is None:
            raise Unavailable("postgres", "is down")
        names = list(self._spent)[:most]
        return [Budget(id=name, org_id="o", name=name, period="day", limit_nano=self._limit) for name in names]

    async def amounts_of(self, budgets: Mapping[str, Sequence[Budget]], at_ms: int) -> list[list[Amounts]]:
        assert (list(budgets), at_ms > 0) == (["o"], True)
        return [[Amounts((self._spent or {})[budget.name], 7) for budget in some] for some in budgets.values()]


async def _no_backup() -> LastBackup | None:
    return None


async def _a_backup() -> LastBackup | None:
    return LastBackup(1_800_000_000_500, 12.0, 7)


async def _no_answer() -> LastBackup | None:
    raise Unavailable("redis", "no answer")


def page(
    found: Stored | None = FOUND,
    money: Money | None = None,
    circuits: Tripped | None = None,
    accept: str = "",
    certificates: Sequence[str] = (),
    backups: BackupAge | None = None,
) -> tuple[str, str]:
    money = money or Money({})
    backups = backups or BackupAge(_no_backup, 0)
    made = Exposition(Counters(found), circuits or Tripped(), BudgetShares(money, money), certificates, backups)
    text, kind = asyncio.run(made.text(CollectorRegistry(), accept))
    return text.decode(), kind


def values(text: str, name: str) -> dict[tuple[str, ...], float]:
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {tuple(sample.labels.values()): sample.value for sample in samples if sample.name == name}


def test_plain_text_is_the_default_and_has_no_exemplars() -> None:
    text, kind = page()
    assert kind.startswith("text/plain")
    assert values(text, "provider_requests_total")["m", "ok", "p"] == 3
    assert values(text, "agentflow_api_role_counters_up") == {(): 1}
    assert "trace_id" not in text


def test_openmetrics_has_the_trace_of_a_bucket_and_one_end() -> None:
    text, kind = page(accept=OPENMETRICS)
    assert kind.startswith("application/openmetrics-text")
    assert text.count("# EOF") == 1
    samples = [sample for family in openmetrics(text) for sample in family.samples]
    (bucket,) = [sample for sample in samples if sample.exemplar]
    assert bucket.labels["le"] == "0.5"
    assert bucket.exemplar.labels == {"trace_id": "ab" * 16}


@pytest.mark.parametrize(("tripped", "shown"), [(("p/m",), 1.0), ((), 0.0), (("p/other",), 0.0)])
def test_the_circuits_of_routes_that_were_asked_are_shown(tripped: tuple[str, ...], shown: float) -> None:
    circuits = Tripped(*tripped)
    text, _ = page(circuits=circuits)
    assert circuits.asked == ["p/m"]
    assert list(values(text, "agentflow_api_open_circuits").values()) == [shown]


def test_what_a_budget_has_spent_is_shown_without_what_is_held() -> None:
    text, _ = page(money=Money({"b": 90}))
    assert values(text, "agentflow_api_budget_used_ratio") == {("b", "org"): 0.9}
    assert values(text, "agentflow_api_budget_window_seconds") == {("b", "org"): 86_400}
    assert values(text, "agentflow_api_budgets_up") == {(): 1}


def test_a_limit_of_nothing_is_all_used() -> None:
    text, _ = page(money=Money({"b": 0}, limit=0))
    assert list(values(text, "agentflow_api_budget_used_ratio").values()) == [1]


def test_budgets_are_read_once_in_a_few_seconds() -> None:
    money = Money({"b": 1})

    async def three_scrapes() -> None:
        shares = BudgetShares(money, money)
        await asyncio.gather(*(shares.read() for _ in range(3)))

    asyncio.run(three_scrapes())
    assert money.reads == 1


def test_no_more_budgets_are_shown_than_the_bound() -> None:
    money = Money({f"b{n}": n for n in range(9)})
    assert len(asyncio.run(BudgetShares(money, money, most=4).read())) == 4


def test_the_page_is_there_while_redis_and_the_database_are_not() -> None:
    text, _ = page(None, Money(None))
    assert values(text, "agentflow_api_role_counters_up") == {(): 0}
    assert values(text, "agentflow_api_budgets_up") == {(): 0}
    assert "agentflow_api_budget_used_ratio{" not in text


def certificate(path: Path, *days: int) -> datetime:
    """Write certificates that end in so many days; return the first end."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=1)
    made = [
        builder.not_valid_before(start).not_valid_after(start + timedelta(days=n)).sign(key, hashes.SHA256())
        for n in days
    ]
    path.write_bytes(b"".join(one.public_bytes(serialization.Encoding.PEM) for one in made))
    return start + timedelta(days=min(days))


def test_the_end_of_a_file_is_that_of_its_first_certificate_to_end(tmp_path: Path) -> None:
    path = tmp_path / "chain.pem"
    end = certificate(path, 90, 30, 365)
    text, _ = page(certificates=[str(path)])
    assert values(text, "agentflow_api_certificate_expiry_timestamp_seconds") == {(str(path),): end.timestamp()}


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_file_that_cannot_be_read_has_ended(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "bad.pem"
    if content is not None:
        path.write_bytes(content)
    assert ends_at_s(str(path)) == 0


def test_paths_are_separated_by_commas() -> None:
    assert paths_of(" a.pem, ,b.pem,") == ("a.pem", "b.pem")
    assert paths_of("") == ()


@pytest.mark.parametrize(
    ("read", "max_age_s", "last", "allowed"),
    [
        (_a_backup, 3600, {(): 1_800_000_000.5}, {(): 3600.0}),
        # One that nobody knows of is as old as can be; without an answer nothing is said.
        (_no_backup, 3600, {(): 0.0}, {(): 3600.0}),
        (_no_answer, 3600, {}, {(): 3600.0}),
        (_a_backup, 0, {}, {}),
    ],
)
def test_the_last_backup_is_shown_where_backups_are_expected(read, max_age_s, last, allowed) -> None:
    text, _ = page(backups=BackupAge(read, max_age_s))
    assert values(text, "agentflow_api_last_backup_timestamp_seconds") == last
    assert values(text, "agentflow_api_backup_max_age_seconds") == allowed
