"""Each docker-compose and kubectl line of the guide has what it names: files, services, objects and containers."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from deploy.manifests.objects import called, pods, read
from deploy.manifests.plain import FOLDER

ROOT = Path(__file__).parents[3]

COMPOSE = """
docker-compose -f docker-compose.prod.yml up -d
docker-compose ps
docker-compose up -d postgres redis clickhouse nats
docker-compose -f docker-compose.prod.yml pull
docker-compose logs control-plane
docker-compose logs worker
docker-compose exec postgres psql -U agentflow -d agentflow -c "SELECT 1;"
docker-compose exec redis redis-cli ping
""".strip().splitlines()
KUBECTL = """
kubectl get pods -n agentflow
kubectl get services -n agentflow
kubectl set image deployment/control-plane control-plane=REGISTRY/agentflow-control-plane:v1.0.0 -n agentflow
kubectl set image deployment/workers worker=REGISTRY/agentflow-worker:v1.0.0 -n agentflow
kubectl port-forward -n agentflow svc/control-plane 8080:8080
kubectl port-forward -n agentflow svc/grafana 3000:3000
kubectl create namespace agentflow
kubectl apply -f k8s/namespace.yaml
kubectl apply -f k8s/postgres.yaml
kubectl apply -f k8s/clickhouse.yaml
kubectl apply -f k8s/redis.yaml
kubectl apply -f k8s/nats.yaml
kubectl apply -f k8s/control-plane.yaml
kubectl apply -f k8s/workers.yaml
kubectl wait --for=condition=available --timeout=300s deployment/control-plane -n agentflow
kubectl wait --for=condition=available --timeout=300s deployment/workers -n agentflow
kubectl top pods -n agentflow
""".strip().splitlines()
MAKE = (
    "dev-up dev-down status logs build dev-deps migrate-up run-control-plane run-worker install-cli k8s-deploy backup"
)
IMAGES = ("agentflow-control-plane", "agentflow-worker")


def services(name: str) -> dict:
    return yaml.safe_load((ROOT / name).read_text())["services"]


def objects() -> dict:
    names = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    return {called(one): one for name in names for one in read((FOLDER / name).read_text())}


@pytest.mark.parametrize("line", COMPOSE)
def test_compose_line_finds_its_file_and_its_services(line: str) -> None:
    words = shlex.split(line)[1:]
    file = "docker-compose.yml"
    if words[0] == "-f":
        file, words = words[1], words[2:]
    there = services(file)
    verb, *rest = words
    named = [rest[0]] if verb == "exec" else [word for word in rest if not word.startswith("-")]
    assert verb in {"up", "ps", "pull", "logs", "exec"}
    assert set(named) <= there.keys()


def test_psql_line_finds_its_user_and_its_database() -> None:
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert (example["DB_USER"], example["DB_NAME"]) == ("agentflow", "agentflow")
    assert services("docker-compose.yml")["redis"]["environment"]["REDISCLI_AUTH"] == "${REDIS_PASSWORD}"


@pytest.mark.parametrize("line", KUBECTL)
def test_kubectl_line_finds_its_file_and_its_object(line: str) -> None:
    words, there = shlex.split(line), objects()
    assert "namespace/agentflow" in there
    if "-n" in words:
        assert words[words.index("-n") + 1] == "agentflow"
    for word in words:
        if word.startswith("k8s/"):
            assert (ROOT / "deploy" / word).is_file()
        if match := re.fullmatch(r"(deployment|svc)/([a-z-]+)", word):
            kind = {"svc": "service"}.get(match[1], match[1])
            assert f"{kind}/{match[2]}" in there
    if words[1:3] == ["set", "image"]:
        container, image = words[4].split("=")
        (pod,) = (pod for one, pod in pods([there[words[3]]]))
        (found,) = (one for one in pod["containers"] if one["name"] == container)
        assert found["image"].split(":")[0] == image.split("/")[-1].split(":")[0]
    if words[1] == "port-forward":
        (name,) = (word for word in words if word.startswith("svc/"))
        port = int(words[-1].split(":")[1])
        assert port in {one["port"] for one in there[name.replace("svc", "service")]["spec"]["ports"]}


@pytest.mark.parametrize("target", MAKE.split())
def test_make_target_of_the_guide_is_there(target: str) -> None:
    assert re.search(rf"^{target}:.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_images_have_the_names_of_the_guide() -> None:
    dockerfile = (ROOT / "deploy" / "images" / "Dockerfile").read_text()
    for image in IMAGES:
        assert re.search(rf"^FROM application AS {image.removeprefix('agentflow-')}$", dockerfile, re.MULTILINE)


def test_network_of_the_guide_is_that_of_the_project() -> None:
    for name in ("docker-compose.yml", "docker-compose.prod.yml"):
        assert yaml.safe_load((ROOT / name).read_text())["name"] == "agentflow"
