"""Kafka's requests about users and access rules, which aiokafka does not send.

Formats are those of Apache Kafka's ``CreateAclsRequest.json``, ``DescribeAclsRequest.json``, ``DeleteAclsRequest.json``
(version 1) and ``AlterUserScramCredentialsRequest.json`` (version 0); the numbers are those of ``ResourceType``,
``PatternType``, ``AclOperation``, ``AclPermissionType`` and ``ScramMechanism``.
"""

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any, ClassVar

from aiokafka.protocol.admin import (
    CreateAclsRequest_v1,
    DeleteAclsRequest_v1,
    DescribeAclsRequest_v1,
)
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import CompactArray, CompactBytes, CompactString, Int8, Int16, Int32, Schema, TaggedFields

#: Resource type, name, kind of pattern, principal, host, operation, permission.
Acl = tuple[int, str, int, str, str, int, int]

RESOURCES = {"topic": 2, "group": 3, "cluster": 4, "transactional-id": 5}
OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Delete": 6, "Describe": 8, "DescribeConfigs": 10}
ANY, MATCH_ANY, LITERAL, PREFIXED, ALLOW = 1, 1, 3, 4, 3
EVERY_HOST = "*"
SCRAM_SHA_512 = 2
#: Kafka's own least number; a password of ours is random, so that more rounds would add nothing.
ITERATIONS = 4096


class CreateRules(Request[CreateAclsRequest_v1]):
    """Creates access rules."""

    API_KEY = 30

    def __init__(self, rules: Sequence[Acl]) -> None:
        self._rules = rules

    def build(self, request_struct_class: type[CreateAclsRequest_v1]) -> CreateAclsRequest_v1:
        return request_struct_class(list(self._rules))


class DeleteRules(Request[DeleteAclsRequest_v1]):
    """Deletes the access rules that are equal to these."""

    API_KEY = 31

    def __init__(self, rules: Sequence[Acl]) -> None:
        self._rules = rules

    def build(self, request_struct_class: type[DeleteAclsRequest_v1]) -> DeleteAclsRequest_v1:
        return request_struct_class(list(self._rules))


class ListRules(Request[DescribeAclsRequest_v1]):
    """Asks for all access rules of a principal."""

    API_KEY = 29

    def __init__(self, principal: str) -> None:
        self._principal = principal

    def build(self, request_struct_class: type[DescribeAclsRequest_v1]) -> DescribeAclsRequest_v1:
        return request_struct_class(ANY, None, MATCH_ANY, self._principal, None, ANY, ANY)


class AlterScramResponse(Response):
    """Whether each user was changed."""

    API_KEY: ClassVar[int] = 51
    API_VERSION: ClassVar[int] = 0
    SCHEMA: ClassVar[Schema] = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class AlterScramRequest(RequestStruct):
    """Sets users' passwords."""

    FLEXIBLE_VERSION: ClassVar[bool] = True
    API_KEY: ClassVar[int] = 51
    API_VERSION: ClassVar[int] = 0
    RESPONSE_TYPE: ClassVar[type[Response]] = AlterScramResponse
    SCHEMA: ClassVar[Schema] = Schema(
        ("deletions", CompactArray(("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields))),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class SetPasswords(Request[AlterScramRequest]):
    """Sets passwords of SCRAM-SHA-512, by user; the broker gets them salted."""

    API_KEY = 51

    def __init__(self, passwords: Sequence[tuple[str, str]]) -> None:
        self._passwords = passwords

    def build(self, request_struct_class: type[AlterScramRequest]) -> AlterScramRequest:
        return request_struct_class([], [_salted(user, password) for user, password in self._passwords], {})


def _salted(user: str, password: str) -> tuple[Any, ...]:
    salt = secrets.token_bytes(24)
    hashed = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    return user, SCRAM_SHA_512, ITERATIONS, salt, hashed, {}
