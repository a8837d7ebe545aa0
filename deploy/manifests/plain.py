"""The plain manifests of ``deploy/k8s``: the chart, as Helm renders it with the values there, one file a template.

The guide's names of files are those of the templates, so the chart is the one source. Helm's own marks are left out.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import yaml

from deploy.manifests.helm import NAMESPACE, by_template, template

FOLDER = Path(__file__).resolve().parents[1] / "k8s"
VALUES = FOLDER / "values.yaml"
#: Applied in this order. What is not here is optional.
ORDER = (
    "namespace.yaml",
    "network-policies.yaml",
    "postgres.yaml",
    "clickhouse.yaml",
    "redis.yaml",
    "nats.yaml",
    "kafka.yaml",
    "migrate.yaml",
    "control-plane.yaml",
    "workers.yaml",
    "processes.yaml",
    "monitoring.yaml",
)
_HEAD = (
    "# Made from the chart by `python -m deploy.manifests render`: change deploy/helm/agentflow or values.yaml here.\n"
)
_NAMESPACE = f"""apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels:
    name: {NAMESPACE}
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/warn: restricted
"""


def rendered() -> Mapping[str, str]:
    """Return every file of the folder by name, without its values. Raises ``HelmError``."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, body in by_template(template([VALUES])):
        if not name.startswith("tests/"):
            found[name].append(body)
    # What every pod needs comes with the namespace.
    found["namespace.yaml"] = [_NAMESPACE.strip(), *found.pop("config.yaml")]
    found["control-plane-ha.yaml"] = _only("Deployment", "control-plane", ["controlPlane.replicas=3"])
    found["workers-keda.yaml"] = _only("ScaledObject", "workers", ["worker.autoscaling.mode=keda"])
    files = {name: _HEAD + "\n---\n".join(bodies) + "\n" for name, bodies in sorted(found.items())}
    return {**files, "kustomization.yaml": _kustomization()}


def _only(kind: str, name: str, settings: list[str]) -> list[str]:
    objects = by_template(template([VALUES], settings))
    return [body for _, body in objects if re.search(rf"^kind: {kind}$", body, re.M) and f"\n  name: {name}\n" in body]


def _kustomization() -> str:
    head = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": NAMESPACE}
    return _HEAD + yaml.safe_dump({**head, "resources": list(ORDER)}, sort_keys=False)


def write() -> list[str]:
    """Write the folder; return the names of the files that changed. Raises ``HelmError``."""
    changed = []
    for name, text in rendered().items():
        path = FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(name)
    return changed
