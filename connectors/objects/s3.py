"""S3 and compatible services. The one place that maps obstore's exceptions to AgentFlow's."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Any

from obstore import exceptions
from obstore.store import S3Store

from schemas.errors import NotFound, Rejected, Unavailable
from schemas.settings import Objects

#: A request for some megabytes takes seconds; a slower service is down.
REQUEST_S = 30
CONNECT_S = 5
#: obstore retries by itself for a moment; its callers handle longer outages.
RETRIES = 2
RETRY_S = 5


@dataclass(frozen=True)
class S3Access:
    """The address and credentials of S3. Empty fields are resolved as by other programs: ``AWS_*`` variables, or the
    machine's role.

    ``endpoint`` is the URL of a service that is not Amazon's.
    """

    endpoint: str = ""
    region: str = ""
    key_id: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)


def s3_access(objects: Objects) -> S3Access:
    """Return what the settings say of S3."""
    key_id, secret = objects.s3_key_id.get_secret_value(), objects.s3_secret.get_secret_value()
    return S3Access(objects.s3_endpoint, objects.s3_region, key_id, secret)


@lru_cache(maxsize=64)
def bucket_store(access: S3Access, bucket: str) -> S3Store:
    """Return a bucket. No request is made yet."""
    config: dict[str, Any] = {"bucket": bucket, "region": access.region or "us-east-1"}
    if access.endpoint:
        config["endpoint"] = access.endpoint
    if access.key_id:
        config |= {"access_key_id": access.key_id, "secret_access_key": access.secret}
    return S3Store(
        config=config,  # type: ignore[arg-type]
        client_options={
            "allow_http": access.endpoint.startswith("http://"),
            "timeout": timedelta(seconds=REQUEST_S),
            "connect_timeout": timedelta(seconds=CONNECT_S),
        },
        retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRY_S)},
    )


@contextmanager
def s3_errors(dependency: str, what: str) -> Iterator[None]:
    """Map obstore's errors: ``NotFound``, ``Rejected`` for a bad name, else ``Unavailable`` of ``dependency``.

    Refused credentials are a fault of the installation, which an operator fixes, so they are waited for as well.
    """
    try:
        yield
    except (exceptions.NotFoundError, FileNotFoundError) as exc:
        raise NotFound(f"{what}: there is no such object") from exc
    except exceptions.InvalidPathError as exc:
        raise Rejected(f"{what}: {_short(exc)}") from exc
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as exc:
        refused = f"{what}: access is refused, see credentials and policies: {_short(exc)}"
        raise Unavailable(dependency, refused) from exc
    except (exceptions.BaseError, OSError) as exc:
        raise Unavailable(dependency, f"{what}: {_short(exc)}") from exc


def _short(exc: Exception) -> str:
    """Return the first line: the others dump the library's own state."""
    return str(exc).strip().partition("\n")[0][:300]
