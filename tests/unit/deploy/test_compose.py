"""The compose files are checked without Docker: their structure, their roles and engines, and their variables."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from deploy.grafana.model import CLICKHOUSE, PROMETHEUS
from deploy.grafana.render import CLICKHOUSE_TYPE
from schemas.settings import Settings
from streams.app import STOP_GRACE_S
from streams.process.spec import Dependency
from streams.roles.registry import ROLES as SPECS

ROOT = Path(__file__).parents[3]
COMPOSE = ROOT / "docker-compose.yml"
EXAMPLE = ROOT / ".env.example"

#: The vault is in PostgreSQL, unless it has a database of its own elsewhere.
ENGINES = set(Dependency) - {Dependency.VAULT}
MONITORING = {"prometheus", "grafana"}
ROLES = set(SPECS)
STRINGS = {"type": "array", "items": {"type": "string"}}
DURATION = {"type": "string", "pattern": r"^(\d+(ms|s|m|h))+$"}
# A volume, or a directory of the repository that is only read.
MOUNT = r"^([a-z]+:/[a-z./]+|\./[a-z./]+:/[a-z./]+:ro)$"
# The part of the Compose Specification that the file uses, written down strictly: what is not here is a mistake.
SERVICE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["image", "restart"],
    "properties": {
        "image": {"type": "string", "pattern": r"^[a-z0-9./-]+:[a-z0-9.-]+$"},
        "build": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "context": {"type": "string"},
                "dockerfile": {"type": "string"},
                "target": {"enum": ["control-plane", "worker"]},
            },
        },
        "command": STRINGS,
        "restart": {"enum": ["no", "unless-stopped"]},
        "stop_grace_period": DURATION,
        "environment": {"type": "object", "additionalProperties": {"type": "string"}},
        "ports": STRINGS,
        "volumes": {"type": "array", "items": {"type": "string", "pattern": MOUNT}},
        "read_only": {"const": True},
        "tmpfs": {"const": ["/tmp"]},
        "cap_drop": {"const": ["ALL"]},
        "security_opt": {"const": ["no-new-privileges:true"]},
        "ulimits": {"type": "object", "additionalProperties": {"type": "integer"}},
        "depends_on": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["condition"],
                "properties": {"condition": {"enum": ["service_healthy", "service_completed_successfully"]}},
            },
        },
        "healthcheck": {
            "type": "object",
            "additionalProperties": False,
            "required": ["test", "interval", "timeout", "retries"],
            "properties": {
                "test": {**STRINGS, "minItems": 2},
                "interval": DURATION,
                "timeout": DURATION,
                "start_period": DURATION,
                "retries": {"type": "integer"},
            },
        },
    },
}
FILE = {
    "type": "object",
    "additionalProperties": False,
    "patternProperties": {"^x-": {}},
    "required": ["name", "services", "volumes"],
    "properties": {
        "name": {"type": "string"},
        "services": {"type": "object", "additionalProperties": SERVICE},
        "volumes": {"type": "object", "additionalProperties": {"type": "null"}},
    },
}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load(COMPOSE.read_text())


def example_variables() -> set[str]:
    return set(re.findall(r"^([A-Z_]+)=", EXAMPLE.read_text(), re.MULTILINE))


def test_the_file_has_the_structure_of_a_compose_file(compose: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(FILE).validate(compose)


def test_every_engine_is_there_with_a_health_check_and_a_volume(compose: dict[str, Any]) -> None:
    for name in ENGINES:
        service = compose["services"][name]
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["volumes"], name
        assert not service["image"].endswith(":latest")


def test_every_role_runs_from_the_image_of_workers(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert services.keys() == ENGINES | ROLES | MONITORING | {"control-plane", "setup"}
    for role in ROLES:
        assert services[role]["command"] == ["python", "-m", "streams", role]
    assert services["control-plane"]["command"] == ["python", "-m", "api"]
    assert {services[name]["image"] for name in ROLES | {"setup"}} == {"agentflow-worker:latest"}
    assert services["control-plane"]["image"] == "agentflow-control-plane:latest"


def test_each_image_is_built_from_its_target(compose: dict[str, Any]) -> None:
    for name in ROLES | {"setup", "control-plane"}:
        service = compose["services"][name]
        assert service["image"] == f"agentflow-{service['build']['target']}:latest"


def test_containers_of_ours_write_to_volumes_and_memory_alone(compose: dict[str, Any]) -> None:
    for name in ROLES | {"setup", "control-plane"}:
        service = compose["services"][name]
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


def test_every_role_is_asked_whether_it_lives_on_the_port_of_its_metrics(compose: dict[str, Any]) -> None:
    port = compose["x-role"]["environment"]["METRICS_PORT"]
    for role in ROLES:
        asked = ["CMD", "python3", "-m", "deploy.images.alive", port]
        assert compose["services"][role]["healthcheck"]["test"] == asked


def test_a_worker_has_time_to_drain_before_it_is_killed(compose: dict[str, Any]) -> None:
    grace_s = int(compose["x-role"]["stop_grace_period"].removesuffix("s"))
    assert grace_s >= Settings().worker.drain_s + STOP_GRACE_S


def test_roles_start_after_the_setup_and_the_setup_after_the_engines(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services["setup"]["depends_on"]) == ENGINES
    for role in ROLES | {"control-plane"}:
        assert services[role]["depends_on"] == {"setup": {"condition": "service_completed_successfully"}}


def test_named_volumes_are_declared(compose: dict[str, Any]) -> None:
    mounts = [mount.split(":") for service in compose["services"].values() for mount in service.get("volumes", ())]
    assert {mount[0] for mount in mounts if not mount[0].startswith(".")} == compose["volumes"].keys()
    assert all((ROOT / mount[0]).is_dir() for mount in mounts if mount[0].startswith("."))


def test_the_example_has_exactly_the_variables_that_are_used() -> None:
    used = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)\}", COMPOSE.read_text()))
    assert used == example_variables()


def test_the_api_monitoring_and_analytics_are_published_and_only_on_loopback(compose: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published == {
        "control-plane": ["127.0.0.1:${API_PORT}:8080"],
        "clickhouse": ["127.0.0.1:8123:8123"],
        "prometheus": ["127.0.0.1:9090:9090"],
        "grafana": ["127.0.0.1:3000:3000"],
    }


def test_prometheus_starts_with_the_rules_of_this_repository_and_keeps_exemplars(compose: dict[str, Any]) -> None:
    service = compose["services"]["prometheus"]
    assert "./deploy/prometheus:/etc/prometheus:ro" in service["volumes"]
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    assert all((ROOT / "deploy" / "prometheus" / name).is_file() for name in config["rule_files"])
    assert "--enable-feature=exemplar-storage" in service["command"]
    assert "--config.file=/etc/prometheus/prometheus.yml" in service["command"]


def test_grafana_starts_with_its_data_sources_and_dashboards(compose: dict[str, Any]) -> None:
    service, home = compose["services"]["grafana"], ROOT / "deploy" / "grafana" / "provisioning"
    mounts = dict(mount.split(":")[:2] for mount in service["volumes"])
    assert mounts["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    sources = (home / "datasources" / "agentflow.yaml").read_text()
    named = set(re.findall(r"(?<!\$)\$\{(\w+)\}", sources))
    assert named <= service["environment"].keys()
    kinds = {one["uid"]: one["type"] for one in yaml.safe_load(sources)["datasources"]}
    assert kinds == {PROMETHEUS: "prometheus", CLICKHOUSE: CLICKHOUSE_TYPE}
    assert service["environment"]["GF_PLUGINS_PREINSTALL"] == CLICKHOUSE_TYPE
    (provider,) = yaml.safe_load((home / "dashboards" / "agentflow.yaml").read_text())["providers"]
    assert mounts["./deploy/grafana/dashboards"] == provider["options"]["path"]


def test_live_cost_is_pushed_to_the_grafana_of_the_file(compose: dict[str, Any]) -> None:
    url = compose["services"]["live-cost"]["environment"]["GRAFANA_URL"]
    assert url == "http://admin:${GRAFANA_PASSWORD}@grafana:3000"
    assert compose["services"]["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD"] == "${GRAFANA_PASSWORD}"


def test_the_image_is_built_from_what_is_there(compose: dict[str, Any]) -> None:
    dockerfile = ROOT / compose["x-role"]["build"]["dockerfile"]
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", dockerfile.read_text(), re.MULTILINE)
    for source in " ".join(copied).split():
        assert (ROOT / source).exists(), f"{dockerfile.name} copies {source}, which is not in the repository"


def test_docker_itself_accepts_the_file() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("the docker client or its compose plugin is not installed")
    command = [docker, "compose", "--file", str(COMPOSE), "--env-file", str(EXAMPLE), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
