"""What the settings of every engine share: files of certificates, and an address that carries them in its query."""

from collections.abc import Mapping, Sequence

from pydantic import SecretStr, ValidationInfo, field_validator

from schemas.configuration.group import Group
from schemas.configuration.tls_files import TlsFiles, authority_fault, certificate_fault, key_fault, with_query
from schemas.configuration.variables import Var

_CA = ("cafile", "ssl_cafile", "ssl_root_cert")
_CERT = ("certfile", "ssl_certfile", "ssl_cert")
_KEY = ("keyfile", "ssl_keyfile", "ssl_key")


class Encrypted(Group):
    """What every engine has: files of authorities and of a certificate of this client, all PEM."""

    @field_validator(*_CA, check_fields=False)
    @classmethod
    def _authority(cls, raw: str) -> str:
        return sound(raw, raw and authority_fault(raw))

    @field_validator(*_CERT, check_fields=False)
    @classmethod
    def _certificate(cls, raw: str) -> str:
        return sound(raw, raw and certificate_fault(raw))

    @field_validator(*_KEY, check_fields=False)
    @classmethod
    def _key(cls, raw: str, info: ValidationInfo) -> str:
        name = _field(cls, _CERT)
        # A certificate that is wrong is missing in ``data``, and is a line of its own.
        if name not in info.data:
            return raw
        return sound(raw, key_fault(raw, info.data[name], _variable(cls, name)))


def sound(raw: str, fault: str) -> str:
    """Return a value without a fault. Raises ``ValueError`` that says the fault."""
    if fault:
        raise ValueError(fault)
    return raw


def files_of(info: ValidationInfo) -> TlsFiles:
    """Return the files of a group whose fields of files are read."""
    return TlsFiles(
        *(next((info.data[name] for name in names if name in info.data), "") for names in (_CA, _CERT, _KEY))
    )


def _field(group: type[Group], names: Sequence[str]) -> str:
    return next(name for name in names if name in group.model_fields)


def _variable(group: type[Group], field: str) -> str:
    return next(one.name for one in group.model_fields[field].metadata if isinstance(one, Var))


def first_file(group: type[Group], info: ValidationInfo) -> str:
    """Return the variable of the first file that is set."""
    return next(_variable(group, name) for name in (*_CA, *_CERT, *_KEY) if info.data.get(name))


def carrying(
    group: type[Group], raw: SecretStr, info: ValidationInfo, words: Mapping[str, str], scheme: str, fix: str
) -> SecretStr:
    """Return an address with the files in its query. Raises ``ValueError`` where it is not an encrypted one."""
    url, files = raw.get_secret_value(), files_of(info)
    if files == TlsFiles():
        return raw
    # A scheme may say more, such as rediss+cluster.
    if url.partition("://")[0].partition("+")[0] != scheme:
        raise ValueError(f"is not encrypted, beside {first_file(group, info)}; {fix}")
    return SecretStr(with_query(url, files.as_query(words)))
