"""Migrations for a cluster of ClickHouse: as they were looked at, and parsed by it. Two servers, one of them lost.

The golden file is written anew by ``UPDATE_GOLDEN=1``. No real cluster is here: nothing replicates.
"""

import os
from pathlib import Path

import clickhouse_connect
import pytest

from connectors.clickhouse.client import ClickHouse, _read_migrations, _statements, urls_of
from connectors.clickhouse.cluster_ddl import on_cluster
from deploy.local.engines import EngineStack
from schemas.errors import Unavailable

GOLDEN = Path(__file__).with_name("cluster_ddl.sql")
MIGRATIONS = Path(__file__).parents[3] / "deploy" / "migrations" / "clickhouse"
COLUMNS = ["name", "sha256"]


def turned() -> list[str]:
    return [on_cluster(one, "main") for m in _read_migrations(MIGRATIONS) for one in _statements(m.text)]


def test_the_statements_are_those_that_were_looked_at() -> None:
    text = ";\n\n".join(turned()) + ";\n"
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")
    made = [one for one in turned() if "ENGINE" in one]
    assert made
    assert all("ON CLUSTER `main`" in one and "Replicated" in one for one in made)


def test_clickhouse_itself_parses_each_statement(clickhouse_url: str) -> None:
    client = clickhouse_connect.get_client(dsn=clickhouse_url)
    for statement in turned():
        parsed = str(client.command("SELECT formatQuery({sql:String})", parameters={"sql": statement}))
        if "ON CLUSTER" in statement:
            assert "ON CLUSTER main" in parsed.replace("`", ""), parsed
    client.close()


@pytest.mark.parametrize("statement", ["OPTIMIZE TABLE t FINAL", "SET x = 1", "CREATE FUNCTION f AS x -> x"])
def test_a_statement_of_another_kind_is_refused(statement: str) -> None:
    with pytest.raises(ValueError, match="a cluster cannot take this statement"):
        on_cluster(statement, "main")


def test_a_url_names_each_replica_with_the_login_of_all() -> None:
    assert urls_of("http://u:p@a:1,b:2/?x=1") == ["http://u:p@a:1/?x=1", "http://u:p@b:2/?x=1"]
    assert urls_of("https://a:1,b:2?ca_cert=/x") == ["https://a:1?ca_cert=/x", "https://b:2?ca_cert=/x"]
    assert urls_of("http://a:1") == ["http://a:1"]


async def test_a_server_that_is_lost_is_left_for_the_other(tmp_path: Path) -> None:
    stacks = [EngineStack(tmp_path / name, {"clickhouse"}, durable=False) for name in ("a", "b")]
    with stacks[0] as first, stacks[1] as second:
        _, _, there = first.clickhouse_url.rpartition("@")
        _, _, here = second.clickhouse_url.rpartition("@")
        for endpoints in (first, second):
            alone = ClickHouse(endpoints.clickhouse_url, "agentflow")
            await alone.migrate()
            await alone.close()
        # Two engines have two passwords: each URL is made whole by hand, as replicas would share one.
        both = ClickHouse(f"http://{there},{here}", "agentflow")
        both._urls = [first.clickhouse_url, second.clickhouse_url]
        await both.insert("schema_migrations", COLUMNS, [["one", "x"]])
        stacks[0].engine("clickhouse").kill()
        with pytest.raises(Unavailable):
            await both.insert("schema_migrations", COLUMNS, [["two", "x"]])
        await both.insert("schema_migrations", COLUMNS, [["two", "x"]])
        assert await both.query("SELECT count() FROM schema_migrations WHERE name = 'two'") == [(1,)]
        # One that starts while the first is away begins with the second.
        late = ClickHouse(f"http://{there},{here}", "agentflow")
        late._urls = [first.clickhouse_url, second.clickhouse_url]
        await late.ping()
        await late.close()
        await both.close()
