"""The JSON Schema of the chart's values (draft 7, which every Helm 3 and 4 reads), with names from settings and roles.

Every object is closed, so a misspelt key, setting, secret or role is refused before anything is rendered.
"""

from typing import Any

from deploy.local.roles import MALLOC
from deploy.manifests.known import secret_names, setting_names
from streams.roles.registry import ROLES
from streams.roles.worker.role import SPEC as WORKER

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
MAP: Schema = {"type": "object"}
PORT: Schema = {"type": "integer", "minimum": 1, "maximum": 65535}
COUNT: Schema = {"type": "integer", "minimum": 1}
QUANTITY: Schema = {
    "anyOf": [
        {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"},
        {"type": "number", "exclusiveMinimum": 0},
    ]
}
LABELS: Schema = {"type": "object", "additionalProperties": TEXT}
VALUE: Schema = {"type": ["string", "number", "boolean"]}
IMAGE: Schema = {"type": "string", "pattern": r"^[a-z0-9][a-z0-9._/-]*$"}
STORE_IMAGE: Schema = {"type": "string", "pattern": r"^[a-z0-9][a-zA-Z0-9._/:-]*[:@][A-Za-z0-9._:-]+$"}
NAME: Schema = {"type": "string", "pattern": r"^[a-z]([a-z0-9-]{0,50}[a-z0-9])?$"}
NAME_OR_NONE: Schema = {"type": "string", "pattern": r"^([a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?)?$"}
HOST: Schema = {"type": "string", "pattern": r"^[^\s/:]*$"}


def one_of(*choices: str) -> Schema:
    """Return the schema of a closed choice."""
    return {"enum": list(choices)}


def closed(**properties: Schema) -> Schema:
    """Return the schema of an object with these keys and no others."""
    return {"type": "object", "additionalProperties": False, "properties": properties}


def needs(schema: Schema, *keys: str) -> Schema:
    """Return the schema of an object that must have these keys."""
    return {**schema, "required": list(keys)}


def described(text: str, schema: Schema) -> Schema:
    """Return a schema with a sentence for its readers."""
    return {"description": text, **schema}


def many(items: Schema, least: int = 0) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": items, "uniqueItems": True, "minItems": least}


_AMOUNTS = closed(**dict.fromkeys(("memory", "cpu", "ephemeral-storage"), QUANTITY))
SETTINGS: Schema = {
    "description": "settings that are no secrets, by the names of the configuration reference",
    "type": "object",
    "propertyNames": {"$ref": "#/definitions/settingName"},
    "additionalProperties": VALUE,
}
ENVIRONMENT: Schema = {
    **SETTINGS,
    "description": "settings of these pods alone",
    "propertyNames": {"anyOf": [SETTINGS["propertyNames"], {"enum": list(MALLOC)}]},
}
#: Secrets that tools name by HTTP_SECRETS have names of the user.
SECRET_NAME: Schema = {"$ref": "#/definitions/secretName"}
SECRETS_MAP: Schema = {
    "type": "object",
    "propertyNames": SECRET_NAME,
    "additionalProperties": {"type": "string", "minLength": 1},
}
RESOURCES: Schema = {"$ref": "#/definitions/resources"}
MODE = one_of("none", "hpa", "keda", "auto")
PERCENT: Schema = {"type": "integer", "minimum": 1, "maximum": 100}


def schema() -> Schema:
    """Return the whole schema."""
    sections = {**_ours(), **_stores(), **_rest()}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "AgentFlow",
        **closed(**sections),
        "definitions": {
            "settingName": {"enum": setting_names()},
            "secretName": {"anyOf": [{"enum": secret_names()}, {"type": "string", "pattern": "^TOOL_[A-Z0-9_]+$"}]},
            "resources": described("Kubernetes' requests and limits", closed(requests=_AMOUNTS, limits=_AMOUNTS)),
        },
    }


def _ours() -> dict[str, Schema]:
    return {
        "production": FLAG,
        "image": closed(
            prefix={"type": "string", "pattern": "^(.*/)?$"},
            tag={"type": "string", "pattern": r"^[A-Za-z0-9_.-]{0,128}$"},
            pullPolicy=one_of("Always", "IfNotPresent", "Never"),
            pullSecrets=many(needs(closed(name=TEXT), "name")),
        ),
        "controlPlane": _control_plane(),
        "worker": _worker(),
        "processes": {
            "type": "object",
            "propertyNames": NAME,
            "additionalProperties": {"anyOf": [needs(_process(), "roles", "replicas"), {"type": "null"}]},
        },
    }


def _control_plane() -> Schema:
    return closed(
        image=IMAGE,
        replicas=COUNT,
        resources=RESOURCES,
        env=ENVIRONMENT,
        service=closed(type=one_of("ClusterIP", "NodePort", "LoadBalancer"), port=PORT, annotations=LABELS),
        ingress=closed(enabled=FLAG, className=TEXT, host=HOST, tlsSecret=NAME_OR_NONE, annotations=LABELS),
        autoscaling=closed(
            mode=MODE, min=COUNT, max=COUNT, cpuPercent=PERCENT, prometheus=TEXT, requestsPerReplica=COUNT
        ),
    )


def _worker() -> Schema:
    scaling = closed(
        mode=MODE,
        min=COUNT,
        max=COUNT,
        cpuPercent=PERCENT,
        lagPerReplica=COUNT,
        cooldownSeconds={"type": "integer", "minimum": 300},
        fallbackReplicas=COUNT,
        authentication=NAME_OR_NONE,
        security=closed(tls=one_of("enable", "disable"), sasl=TEXT),
    )
    return closed(
        image=IMAGE,
        replicas={"type": "integer", "minimum": 0},
        concurrency={"type": "integer", "minimum": 1, "maximum": 1000},
        queues=many({"type": "string", "pattern": "^[a-z0-9][a-z0-9-]*$"}, 1),
        drainSeconds={"type": "integer", "minimum": 1, "maximum": 3600},
        resources=RESOURCES,
        env=ENVIRONMENT,
        autoscaling=scaling,
    )


def _process() -> Schema:
    """Return the schema of a process that holds several roles; workers have their own."""
    role: Schema = {"enum": [name for name in ROLES if name != WORKER.name]}
    return closed(roles=many(role, 1), replicas=COUNT, image=IMAGE, resources=RESOURCES, env=ENVIRONMENT)


def _stores() -> dict[str, Schema]:
    made = {"image": STORE_IMAGE, "storage": QUANTITY, "resources": RESOURCES}
    servers: Schema = {"type": "string", "pattern": r"^([^\s:,/]+:[0-9]{1,5}(,[^\s:,/]+:[0-9]{1,5})*)?$"}
    url: Schema = {"type": "string", "pattern": r"^((nats|tls)://[^\s@]+:[0-9]{1,5})?$"}
    return {
        "kafka": closed(
            bootstrap=servers, partitions=COUNT, replication={"type": "integer", "minimum": 1, "maximum": 9}, **made
        ),
        "database": closed(host=HOST, port=PORT, user=TEXT, name=TEXT, password=TEXT, sslMode=_ssl_modes(), **made),
        "redis": closed(host=HOST, port=PORT, password=TEXT, **made),
        "clickhouse": closed(host=HOST, port=PORT, user=TEXT, database=TEXT, password=TEXT, **made),
        "nats": described("a URL with a password belongs into secrets", closed(enabled=FLAG, url=url, **made)),
        "objects": closed(
            url={"type": "string", "pattern": r"^((s3|file)://\S+)?$"},
            accessMode=one_of("ReadWriteMany", "ReadWriteOnce"),
            storageClass=NAME_OR_NONE,
            size=QUANTITY,
        ),
    }


def _ssl_modes() -> Schema:
    return one_of("", "disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def _rest() -> dict[str, Schema]:
    where = needs(closed(key=TEXT, property=TEXT, version=TEXT), "key")
    constraint = one_of("ScheduleAnyway", "DoNotSchedule")
    duration: Schema = {"type": "string", "pattern": r"^[0-9]+(ms|s|m|h|d)$"}
    return {
        "organisation": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"},
        "settings": SETTINGS,
        "secrets": closed(existing=NAME_OR_NONE, keys=many(SECRET_NAME), values=SECRETS_MAP, generate=FLAG),
        "externalSecrets": closed(
            enabled=FLAG,
            store=closed(kind=one_of("ClusterSecretStore", "SecretStore"), name=NAME_OR_NONE),
            refreshInterval=duration,
            data={"type": "object", "propertyNames": SECRET_NAME, "additionalProperties": where},
        ),
        "certificates": closed(secret=NAME_OR_NONE),
        "migrate": closed(enabled=FLAG, backoffLimit={"type": "integer", "minimum": 0}, resources=RESOURCES),
        "networkPolicy": closed(
            enabled=FLAG, clients=many(MAP), scrapers=many(MAP), storePorts=many(PORT), publicPorts=many(PORT)
        ),
        "serviceMonitor": closed(enabled=FLAG, interval=duration, labels=LABELS),
        "monitoring": closed(
            enabled=FLAG,
            prometheusImage=STORE_IMAGE,
            grafanaImage=STORE_IMAGE,
            grafanaPassword={"type": "string", "pattern": "^[A-Za-z0-9_-]*$"},
            storage=QUANTITY,
            retention=duration,
            resources=RESOURCES,
        ),
        "serviceAccount": closed(annotations=LABELS),
        "spread": closed(zone=constraint, node=constraint),
        "nodeSelector": LABELS,
        "tolerations": many(MAP),
        "priorityClassName": NAME_OR_NONE,
        "podAnnotations": LABELS,
        "global": MAP,
    }
