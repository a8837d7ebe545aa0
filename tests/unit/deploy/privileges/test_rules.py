"""Least privileges as data: from the catalogue and the specs, for every role, and never more than a role's own."""

import re
from pathlib import Path

import pytest

from deploy.migrate import read_migrations
from deploy.privileges import clickhouse_rules, kafka_rules, postgres_rules, redis_rules
from deploy.privileges.kafka_rules import Foreign, Rule
from deploy.privileges.users import API, SUBJECTS, SUBMITTERS, User, each_role, read
from streams.process.spec import Dependency
from streams.roles import registry
from streams.roles.registry import ROLES
from topics.catalogue import CATALOGUE, declared


def user(role: str) -> User:
    return User(f"agentflow-{role}", (role,))


@pytest.mark.parametrize("role", ROLES)
def test_role_reads_and_writes_what_the_catalogue_says_and_no_more(role: str) -> None:
    rules = kafka_rules.rules_of(user(role))
    for operation, wanted in (("Read", "readers"), ("Write", "writers")):
        for rule in rules:
            if rule.resource == "topic" and rule.operation == operation and not rule.name.endswith(".dlq"):
                topics = [t for t in CATALOGUE if t.name == rule.name.removesuffix(".")]
                named = {name for topic in topics for name in getattr(topic, wanted)}
                assert role in named or "the queue's workers" in named or role == "leases", rule


def test_every_writer_and_reader_of_the_catalogue_has_its_rule() -> None:
    for topic in CATALOGUE:
        for names, operation in ((topic.writers, "Write"), (topic.readers, "Read")):
            for role in set(names) & set(ROLES):
                rules = kafka_rules.rules_of(user(role))
                mine = {r.name.removesuffix(".") for r in rules if (r.resource, r.operation) == ("topic", operation)}
                assert any(topic.name == name or topic.name.startswith(f"{name}.") for name in mine), (role, topic.name)


def test_nobody_may_administer_the_cluster_and_only_the_api_makes_topics() -> None:
    for role in SUBJECTS:
        rules = kafka_rules.rules_of(user(role))
        assert {rule.operation for rule in rules} <= {"Read", "Write", "Describe", "Create"}
        made = [rule for rule in rules if rule.operation == "Create"]
        assert (made != []) == (role == API)
        assert all(rule.prefixed for rule in made)


def test_topics_of_other_systems_are_named_by_an_operator() -> None:
    foreign = Foreign(read=["orders"], written=["payments.*"])
    assert Rule("topic", "orders", "Read") in kafka_rules.rules_of(user("triggers"), foreign)
    assert Rule("topic", "payments.", "Write", prefixed=True) in kafka_rules.rules_of(user("worker"), foreign)
    assert kafka_rules.rules_of(user("budgets"), foreign) == kafka_rules.rules_of(user("budgets"))


def test_process_of_several_roles_has_what_each_has() -> None:
    both = User("both", ("routes", "quality"))
    rules = {*kafka_rules.rules_of(user("routes")), *kafka_rules.rules_of(user("quality"))}
    assert set(kafka_rules.rules_of(both)) == rules
    assert redis_rules.keys_of(both) == ["{quality:*}:*", "{routes:*}:*"]


def test_every_role_has_a_user_where_its_spec_says_that_it_needs_the_engine() -> None:
    for role, spec in ROLES.items():
        for rules, engine in (
            (postgres_rules, Dependency.POSTGRES),
            (redis_rules, Dependency.REDIS),
            (clickhouse_rules, Dependency.CLICKHOUSE),
        ):
            assert rules.has_user(user(role)) or engine not in spec.needs, (role, engine)


def test_tables_that_are_named_exist() -> None:
    schema = "\n".join(migration.sql for migration in read_migrations())
    there = {*re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?([a-z_]+)", schema), "schema_migration"}
    for one in each_role():
        assert set(postgres_rules.tables_of(one)) <= there
    for topic in ("run-events", "workflow-submissions.acme"):
        assert declared(topic)


def test_roles_that_submit_runs_have_what_that_needs() -> None:
    folder = Path(registry.__file__).parent
    users = [path for path in folder.rglob("*.py") if "submission_path import" in path.read_text(encoding="utf-8")]
    assert {path.stem if path.parent == folder else path.parent.name for path in users} == set(SUBMITTERS)


def test_nobody_has_commands_that_administer_redis() -> None:
    for one in each_role():
        rules = redis_rules.rules(one)
        assert rules[:2] == ["reset", "on"]
        assert rules.index("-@all") < rules.index("+@read") < rules.index("-@dangerous")
        assert not {"+@all", "+@admin", "+@dangerous", "~*", "allkeys", "nopass"} & set(rules)


@pytest.mark.parametrize(
    ("text", "said"),
    [("streams", "write NAME=ROLE,ROLE"), ("a b=worker", "write NAME=ROLE,ROLE"), ("w=nobody", "there is no role")],
)
def test_user_that_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(text)
    assert read("one=worker,leases") == User("one", ("worker", "leases"))
