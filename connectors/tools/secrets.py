"""Secrets of organisations inside one call of a tool: who may use which, and no value in what the call leaves.

A reference is ``${SECRET:NAME}`` in a header of ``http.request`` or of an MCP server, or a name that a tool of one's
own declares (``@tool(..., secrets=["NAME"])``) and then asks its context for. It is resolved in the worker when the
call is made; what the call returns or raises is cleaned of the values that it was given.
"""

import base64
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Final
from urllib.parse import SplitResult, quote

import orjson

from connectors.tools.sites import Site
from schemas.errors import StepError, Unavailable

REFERENCE: Final = re.compile(r"\$\{SECRET:([A-Za-z_][A-Za-z0-9_]*)\}")
#: In a secret that is shorter every text could be found.
LEAST_CHARS: Final = 8

_PLAIN = (int, float, type(None))

Opened = Callable[[str], Awaitable[Mapping[str, "ToolSecret"]]]
"""Returns an organisation's secrets by name. Raises ``Unavailable``."""
Used = Callable[[str, str], Awaitable[None]]
"""Notes that an organisation's secret is used."""


@dataclass(frozen=True)
class ToolSecret:
    """A secret as tools get it. ``sites`` are where headers may carry it, ``tools`` patterns of those that may use it.

    Without ``tools`` each tool that sends headers may. ``unreadable`` says why it cannot be opened.
    """

    value: str = field(repr=False)
    sites: tuple[Site, ...] = ()
    tools: tuple[str, ...] = ()
    unreadable: str = ""


@dataclass(frozen=True)
class CallSecrets:
    """The secrets of one call of ``tool``. ``handed`` are the values that it was given so far, by name."""

    org_id: str = ""
    tool: str = ""
    opened: Opened | None = field(default=None, repr=False)
    used: Used | None = field(default=None, repr=False)
    handed: dict[str, str] = field(default_factory=dict, repr=False)

    async def for_site(self, names: Iterable[str], url: SplitResult) -> dict[str, str]:
        """Return the values that headers to ``url`` name. Raises ``StepError``: ``unknown_secret`` is final."""
        return {name: await self._handed(name, url) for name in dict.fromkeys(names)}

    async def loaded(self, names: Iterable[str]) -> "CallSecrets":
        """Return these with the values of ``names`` in them, for a tool of one's own. Raises as ``for_site``."""
        for name in names:
            await self._handed(name, None)
        return self

    def value(self, name: str) -> str:
        """Return a value that was loaded. Raises a final ``StepError`` ``unknown_secret``."""
        if name not in self.handed:
            raise StepError(
                "unknown_secret", f"tool {self.tool!r} does not declare the secret {name}; add it to `secrets` of @tool"
            )
        return self.handed[name]

    def apart(self) -> "CallSecrets":
        """Return what another process needs of them: the values alone."""
        return replace(self, opened=None, used=None)

    def cleaned(self, value: Any) -> Any:
        """Return a value with every secret of the call in it replaced by its reference, keys included."""
        if not self.handed:
            return value
        forms = _forms(self.handed)
        return _cleaned(value, forms)

    def cleaned_error(self, exc: Exception) -> StepError | None:
        """Return the error to raise in place of one whose text or details have a secret; ``None`` if it has none."""
        if not self.handed:
            return None
        details = exc.details if isinstance(exc, StepError) else {}
        text = str(exc)
        if self.cleaned(text) == text and self.cleaned(details) == details:
            return None
        code, retryable, after_ms = "exception", True, None
        if isinstance(exc, StepError):
            code, retryable, after_ms = exc.code, exc.retryable, exc.retry_after_ms
        else:
            text = f"{type(exc).__name__}: {text}"
        return StepError(
            self.cleaned(code),
            self.cleaned(text),
            retryable=retryable,
            retry_after_ms=after_ms,
            details=self.cleaned(dict(details)),
        )

    async def _handed(self, name: str, url: SplitResult | None) -> str:
        if name in self.handed and url is None:
            return self.handed[name]
        secret = (await self._all(name)).get(name)
        if secret is None or not self._may(secret, url):
            # The same answer for both, so that nobody learns names by trying.
            where = f"tool {self.tool!r}" if url is None else f"tool {self.tool!r} at {url.scheme}://{url.netloc}"
            raise StepError(
                "unknown_secret",
                f"the organisation has no secret {name} for {where}; store it, or allow that, by: agentctl secret set",
            )
        if secret.unreadable:
            raise StepError("secret_unreadable", f"the secret {name} cannot be read: {secret.unreadable}")
        self.handed[name] = secret.value
        if self.used is not None:
            await self.used(self.org_id, name)
        return secret.value

    async def _all(self, name: str) -> Mapping[str, ToolSecret]:
        if self.opened is None:
            raise StepError(
                "unknown_secret",
                f"the secret {name} cannot be read here: set VAULT_KEY for the API and all workers, and restart",
            )
        try:
            return await self.opened(self.org_id)
        except Unavailable as exc:
            raise StepError("secrets_unavailable", f"secrets cannot be read: {exc}", retryable=True) from exc

    def _may(self, secret: ToolSecret, url: SplitResult | None) -> bool:
        if url is None:
            return self._is_named(secret)
        return (not secret.tools or self._is_named(secret)) and any(site.holds(url) for site in secret.sites)

    def _is_named(self, secret: ToolSecret) -> bool:
        return any(fnmatchcase(self.tool, pattern) for pattern in secret.tools)


NO_SECRETS: Final = CallSecrets()


def references(text: str) -> list[str]:
    """Return the names of the secrets that a text refers to."""
    return REFERENCE.findall(text)


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its references replaced; each must be among ``values``."""
    return REFERENCE.sub(lambda match: values[match[1]], text)


def _forms(handed: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the texts that a secret may appear as, with their replacements: as it is, in a URL, in base64."""
    found: dict[str, str] = {}
    for name, value in handed.items():
        reference = f"${{SECRET:{name}}}"
        for form in (value, quote(value, safe=""), *_in_base64(value)):
            found.setdefault(form, reference)
    # A longer one first: a secret may be part of another one.
    return sorted(found.items(), key=lambda pair: -len(pair[0]))


def _in_base64(value: str) -> Iterable[str]:
    """Yield the characters that stand for a value in base64, by where it begins in what is encoded."""
    data = value.encode()
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(b"\0" * before + data).decode().rstrip("=")
            first = (before * 8 + 5) // 6
            last = (before + len(data)) * 8 // 6
            yield text[first:last]


def _cleaned(value: Any, forms: list[tuple[str, str]]) -> Any:
    if isinstance(value, str):
        for form, reference in forms:
            value = value.replace(form, reference)
        return value
    if isinstance(value, dict):
        return {_cleaned(key, forms): _cleaned(item, forms) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cleaned(item, forms) for item in value]
    return value if isinstance(value, _PLAIN) else _cleaned_object(value, forms)


def _cleaned_object(value: Any, forms: list[tuple[str, str]]) -> Any:
    try:
        plain = orjson.loads(orjson.dumps(value))
    except TypeError:
        # No record can carry it either.
        return value
    return _cleaned(plain, forms)
