"""What Kubernetes objects say: their pods, roles and variables, and what is wrong with them.

``faults`` are rules that a schema cannot hold; each returns sentences, none when all is well.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import yaml

from deploy.manifests.compose import API, STREAMS, roles_of
from deploy.manifests.known import unknown
from streams.app import STOP_GRACE_S
from streams.roles.registry import ROLES

Object = Mapping[str, Any]
#: Without these no process of ours works outside of one machine.
NEEDED = ("KAFKA_BOOTSTRAP", "TOPIC_PARTITIONS", "REDIS_HOST", "DB_HOST", "CLICKHOUSE_HOST", "DEFAULT_ORG_ID")
NEEDED_SECRETS = ("API_KEY", "KEY_PEPPER")
_OWNERS = {"Deployment", "StatefulSet", "Job", "DaemonSet"}
#: What a whole URL in a secret replaces.
_WHOLE = {"REDIS_HOST": "REDIS_URL", "DB_HOST": "DATABASE_URL", "CLICKHOUSE_HOST": "CLICKHOUSE_URL"}


def read(text: str) -> list[Object]:
    """Return the objects of YAML documents."""
    return [one for one in yaml.safe_load_all(text) if one]


def called(one: Object) -> str:
    """Return an object's kind and name, as kubectl names it."""
    return f"{one['kind'].lower()}/{one['metadata']['name']}"


def pods(objects: Iterable[Object]) -> Iterator[tuple[Object, Mapping[str, Any]]]:
    """Yield each object that makes pods, or is one, with the pod's spec."""
    for one in objects:
        if one["kind"] in _OWNERS:
            yield one, one["spec"]["template"]["spec"]
        elif one["kind"] == "Pod":
            yield one, one["spec"]


def containers(pod: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return all containers of a pod, also those that run first."""
    return [*pod.get("initContainers", ()), *pod["containers"]]


def command_of(container: Mapping[str, Any]) -> list[str]:
    """Return what a container runs, with `python` for whichever Python it names."""
    command = list(container.get("command", ()))
    return ["python", *command[1:]] if command[:1] == ["python3"] else command


def is_ours(container: Mapping[str, Any]) -> bool:
    """Return whether a container runs a process of ours."""
    return command_of(container)[:2] == STREAMS[:2]


def serves(container: Mapping[str, Any]) -> bool:
    """Return whether a container is the API or roles, which serve until they are stopped."""
    command = command_of(container)
    return command[:3] == STREAMS or command[:3] == API


def environment(container: Mapping[str, Any], objects: Iterable[Object]) -> Mapping[str, Any]:
    """Return a container's variables, those of its ConfigMaps included; a value that is looked up is a mapping."""
    maps = {one["metadata"]["name"]: one["data"] for one in objects if one["kind"] == "ConfigMap"}
    found: dict[str, Any] = {}
    for source in container.get("envFrom", ()):
        found |= maps.get(source["configMapRef"]["name"], {})
    return found | {one["name"]: one.get("value", one.get("valueFrom")) for one in container.get("env") or ()}


def faults(objects: Sequence[Object]) -> list[str]:
    """Return everything that is wrong with these objects."""
    found = [*_roles(objects), *_twice(objects)]
    for one, pod in pods(objects):
        found += [f"{called(one)}: {fault}" for fault in (*_restricted(pod), *_volumes(pod))]
        for container in filter(is_ours, containers(pod)):
            said = [*_variables(container, objects), *_secret_files(container)]
            if serves(container):
                said += [*_needed(container, objects), *_probes(container), *_grace(container, pod, objects)]
            found += [f"{called(one)}: {container['name']}: {fault}" for fault in said]
    return found


def roles_run(objects: Iterable[Object]) -> list[str]:
    """Return every role that some container runs, as often as it is named."""
    return [role for _, pod in pods(objects) for each in pod["containers"] for role in roles_of(command_of(each))]


def _roles(objects: Iterable[Object]) -> list[str]:
    run = roles_run(objects)
    missing = [f"no object runs the role {role}" for role in ROLES if role not in run]
    return missing + [f"the role {role} is in two objects" for role in sorted(set(run)) if run.count(role) > 1]


def _twice(objects: Iterable[Object]) -> list[str]:
    names = [called(one) for one in objects]
    return [f"{name} is there twice" for name in sorted(set(names)) if names.count(name) > 1]


def _variables(container: Mapping[str, Any], objects: Sequence[Object]) -> list[str]:
    return [
        f"{name} is no setting" for name in unknown(environment(container, objects)) if not name.startswith("TOOL_")
    ]


def _needed(container: Mapping[str, Any], objects: Sequence[Object]) -> list[str]:
    there = environment(container, objects)
    lacking = [name for name in NEEDED if name not in there and f"{_WHOLE.get(name)}_FILE" not in there]
    lacking += [name for name in NEEDED_SECRETS if f"{name}_FILE" not in there]
    return [f"{name} is not set" for name in lacking]


def _secret_files(container: Mapping[str, Any]) -> list[str]:
    """Secrets are files of mounted volumes, never variables."""
    mounts = [mount["mountPath"] for mount in container.get("volumeMounts", ())]
    found = []
    for one in container.get("env") or ():
        if "secretKeyRef" in (one.get("valueFrom") or {}):
            found.append(f"{one['name']} has a secret in a variable")
        if one["name"].endswith("_FILE") and not any(one["value"].startswith(f"{path}/") for path in mounts):
            found.append(f"{one['name']} names {one['value']}, where nothing is mounted")
    return found


def _probes(container: Mapping[str, Any]) -> list[str]:
    pages = {"livenessProbe": "/health", "readinessProbe": "/ready", "startupProbe": "/health"}
    ports = {port["name"] for port in container.get("ports", ())}
    asked = {name: container.get(name, {}).get("httpGet", {}) for name in pages}
    wrong = [name for name, page in pages.items() if asked[name].get("path") != page]
    wrong += [name for name, get in asked.items() if get.get("port") not in ports]
    return [f"{name} does not ask {pages[name]} at a port of the container" for name in dict.fromkeys(wrong)]


def _grace(container: Mapping[str, Any], pod: Mapping[str, Any], objects: Sequence[Object]) -> list[str]:
    drain_s = float(environment(container, objects).get("WORKER_DRAIN_S", 0))
    needs = drain_s + STOP_GRACE_S if roles_of(command_of(container)) else STOP_GRACE_S
    grace = pod["terminationGracePeriodSeconds"]
    return [f"is killed after {grace} s, its end takes up to {needs:g} s"] if grace < needs else []


def _volumes(pod: Mapping[str, Any]) -> list[str]:
    there = {volume["name"] for volume in pod.get("volumes", ())}
    wanted = {mount["name"] for container in containers(pod) for mount in container.get("volumeMounts", ())}
    return [f"the volume {name} is mounted and not there" for name in sorted(wanted - there - {"data"})]


def _restricted(pod: Mapping[str, Any]) -> list[str]:
    """The profile `restricted` of Kubernetes' Pod Security Standards, and limits of memory."""
    found = []
    security = pod.get("securityContext", {})
    if not security.get("runAsNonRoot") or security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        found.append("the pod may run as root, or without a seccomp profile")
    if any(pod.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")):
        found.append("the pod is in a namespace of its node")
    for container in containers(pod):
        own = container.get("securityContext", {})
        if own.get("allowPrivilegeEscalation") is not False or own.get("capabilities", {}).get("drop") != ["ALL"]:
            found.append(f"{container['name']} may gain privileges")
        if is_ours(container) and not own.get("readOnlyRootFilesystem"):
            found.append(f"{container['name']} may write to its root")
        if "memory" not in container.get("resources", {}).get("limits", {}):
            found.append(f"{container['name']} has no limit of memory")
    return found
