"""``make k8s-deploy``: the manifests of ``deploy/k8s`` into the cluster of the current context, by kubectl."""

import re
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from deploy.manifests.helm import NAMESPACE, find
from deploy.manifests.plain import FOLDER

SECRET, GRAFANA = "agentflow-secrets", "grafana"
_IMAGE = re.compile(r"(?m)^(\s*(?:- )?image: )(agentflow-(?:control-plane|worker)):\S+$")
_TIMEOUT_S = 600


class ApplyError(Exception):
    """kubectl is not there, or refused; the message is its own."""


def random_secrets(keys: Sequence[str]) -> Mapping[str, str]:
    """Return a new random text for each key."""
    return {key: secrets.token_hex(24) for key in keys}


def secret(name: str, values: Mapping[str, str]) -> str:
    """Return a Secret as YAML."""
    meta = {"name": name, "namespace": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "agentflow"}}
    return yaml.safe_dump(
        {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "Opaque", "stringData": dict(values)}
    )


def with_images(manifests: str, prefix: str, tag: str) -> str:
    """Return manifests with our images from a registry (``prefix`` ends with a slash, or is empty) and with a tag."""
    return _IMAGE.sub(lambda match: f"{match[1]}{prefix}{match[2]}:{tag}", manifests)


def apply(prefix: str, tag: str) -> None:
    """Apply everything; return when the API and the workers are available. Raises ``ApplyError``."""
    kubectl("apply", "-f", str(FOLDER / "namespace.yaml"))
    values = yaml.safe_load((FOLDER / "values.yaml").read_text(encoding="utf-8"))
    _create_unless_there(SECRET, random_secrets(values["secrets"]["keys"]))
    password = secrets.token_hex(16)
    _create_unless_there(GRAFANA, {"password": password, "url": f"http://admin:{password}@grafana:3000"})
    # The template of a job cannot change.
    kubectl("delete", "job", "migrate-1", "-n", NAMESPACE, "--ignore-not-found")
    kubectl("apply", "-f", "-", text=with_images(kubectl("kustomize", str(FOLDER)), prefix, tag))
    for name in ("control-plane", "workers"):
        kubectl("wait", "--for=condition=available", "--timeout=300s", f"deployment/{name}", "-n", NAMESPACE)


def _create_unless_there(name: str, values: Mapping[str, str]) -> None:
    if not kubectl("get", "secret", name, "-n", NAMESPACE, "--ignore-not-found", "-o", "name").strip():
        kubectl("create", "-f", "-", text=secret(name, values))


def kubectl(*arguments: str, text: str = "") -> str:
    """Run kubectl and return what it prints. Raises ``ApplyError``."""
    program: Path | None = find("kubectl")
    if program is None:
        raise ApplyError("kubectl is not installed: install it, or run `python -m deploy.manifests tools`")
    done = subprocess.run(
        [str(program), *arguments], input=text, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    if done.returncode:
        # Not what was given: it may hold secrets.
        raise ApplyError(f"kubectl {arguments[0]} failed: {done.stderr.strip()}")
    if arguments[0] in {"apply", "create", "delete", "wait"}:
        sys.stderr.write(done.stdout)
    return done.stdout
