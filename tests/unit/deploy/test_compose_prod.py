"""docker-compose.prod.yml and the file with three brokers, checked without Docker."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.prove.deploy.compose import FILES
from deploy.local.system import LAYOUT
from deploy.manifests.compose import ours, roles_of, roles_without_service, services_of
from deploy.manifests.known import unknown
from schemas.settings import Settings
from streams.app import STOP_GRACE_S

ROOT = Path(__file__).parents[3]
PROD = ROOT / "docker-compose.prod.yml"
BROKERS = ROOT / "docker-compose.brokers.yml"


@pytest.fixture(scope="module")
def prod() -> dict[str, Any]:
    return yaml.safe_load(PROD.read_text())


@pytest.fixture(scope="module")
def brokers() -> dict[str, Any]:
    return yaml.safe_load(BROKERS.read_text())


def test_every_compose_file_with_roles_is_measured() -> None:
    assert set(FILES) == {path.name for path in ROOT.glob("docker-compose*.yml") if "streams" in path.read_text()} - {
        BROKERS.name
    }


def test_every_role_runs_once_by_the_same_processes_as_on_one_machine(prod: dict[str, Any]) -> None:
    assert roles_without_service(services_of(PROD)) == []
    for name, roles in LAYOUT.items():
        assert roles_of(["python", *prod["services"][name]["command"][1:]]) == list(roles)


def test_every_variable_is_a_setting(prod: dict[str, Any], brokers: dict[str, Any]) -> None:
    assert ours(prod["services"]).keys() == {"setup", "control-plane", *LAYOUT}
    for service in ours(prod["services"]).values():
        assert unknown(service["environment"]) == []
    assert unknown(brokers["x-process"]) == []


def test_images_are_pinned_and_none_moves(prod: dict[str, Any]) -> None:
    for name, service in prod["services"].items():
        assert re.search(r":(v?\d|\$\{IMAGE_TAG:-v)", service["image"]), name


def test_limits_of_memory_are_those_of_the_guide(prod: dict[str, Any]) -> None:
    limits = {name: one["deploy"]["resources"]["limits"]["memory"] for name, one in prod["services"].items()}
    assert (limits["control-plane"], limits["worker"]) == ("1g", "512m")
    assert prod["services"]["worker"]["environment"]["WORKER_CONCURRENCY"] == "20"


def test_processes_have_time_to_end(prod: dict[str, Any]) -> None:
    grace_s = int(prod["x-process"]["stop_grace_period"].removesuffix("s"))
    assert grace_s >= Settings().worker.drain_s + STOP_GRACE_S


def test_containers_of_ours_are_read_only_and_have_no_capabilities(prod: dict[str, Any]) -> None:
    for service in ours(prod["services"]).values():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_secrets_are_files_which_their_containers_name(prod: dict[str, Any]) -> None:
    assert all(source == {"environment": name} for name, source in prod["secrets"].items())
    for name, service in prod["services"].items():
        files = re.findall(r"/run/secrets/(\w+)", yaml.safe_dump(service))
        assert set(files) <= set(service.get("secrets", ())), name
        assert set(service.get("secrets", ())) <= prod["secrets"].keys()
    plain = {name for one in ours(prod["services"]).values() for name in one["environment"]} & prod["secrets"].keys()
    assert plain == set()


def test_stores_are_published_nowhere_and_the_rest_on_loopback(prod: dict[str, Any]) -> None:
    published = {name: one["ports"] for name, one in prod["services"].items() if "ports" in one}
    assert published.keys() == {"control-plane", "prometheus", "grafana"}
    assert all(
        port.startswith(("127.0.0.1:", "${API_ADDRESS:-127.0.0.1}:")) for ports in published.values() for port in ports
    )


def test_prometheus_scrapes_the_processes_there_are(prod: dict[str, Any]) -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.prod.yml").read_text())
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert set(jobs["agentflow-roles"]["dns_sd_configs"][0]["names"]) == set(LAYOUT)
    assert jobs["agentflow-api"]["static_configs"] == [{"targets": ["control-plane:8080"]}]
    assert "--config.file=/etc/prometheus/prometheus.prod.yml" in prod["services"]["prometheus"]["command"]


def test_three_brokers_lose_nothing_with_one(brokers: dict[str, Any]) -> None:
    environment = brokers["x-broker-environment"]
    assert environment["KAFKA_MIN_INSYNC_REPLICAS"] == "2"
    assert brokers["x-process"]["TOPIC_REPLICATION"] == "3"
    voters = environment["KAFKA_CONTROLLER_QUORUM_VOTERS"].split(",")
    assert [voter.split("@")[1].split(":")[0] for voter in voters] == ["kafka", "kafka-2", "kafka-3"]
    ids = {
        name: one["environment"].get("KAFKA_NODE_ID", "1")
        for name, one in brokers["services"].items()
        if "kafka" in name
    }
    assert ids == {"kafka": "1", "kafka-2": "2", "kafka-3": "3"}


def test_three_brokers_change_only_services_that_are_there(prod: dict[str, Any], brokers: dict[str, Any]) -> None:
    new = brokers["services"].keys() - prod["services"].keys()
    assert new == {"kafka-2", "kafka-3"}
    assert ours(prod["services"]).keys() <= brokers["services"].keys()
