"""Says in words why TLS with a server failed, and what to do; one line, without anything secret."""

import ssl
from collections.abc import Iterator

#: OpenSSL's numbers of what is wrong with a certificate (``x509_vfy.h``).
_EXPIRED, _NOT_YET, _WRONG_NAME, _WRONG_ADDRESS = 10, 9, 62, 64
_UNTRUSTED = frozenset({2, 18, 19, 20, 21, 24})
#: What servers send when they refuse this client's certificate, or want one.
_REFUSALS = {
    "CERTIFICATE_REQUIRED": "it wants a certificate of this client; set {cert} and {key}",
    "BAD_CERTIFICATE": "it refuses this client's certificate; correct {cert}",
    "CERTIFICATE_EXPIRED": "it says that this client's certificate has expired; renew {cert}",
    "CERTIFICATE_UNKNOWN": "it refuses this client's certificate; correct {cert}",
    "UNKNOWN_CA": "it does not trust the authority of this client's certificate; correct {cert}",
    "HANDSHAKE_FAILURE": "it refuses the handshake; it may want a certificate of this client: {cert} and {key}",
    "ACCESS_DENIED": "it refuses this client's certificate; correct {cert}",
}
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG")


def tls_fault(error: BaseException | None, ca: str, cert: str, key: str) -> str:
    """Return why a connection by TLS failed; empty when the error says nothing of TLS.

    ``ca``, ``cert`` and ``key`` are the settings that a reader may correct, by name.
    """
    found = next((one for one in chain(error) if isinstance(one, ssl.SSLError) and not _is_wrapped(one)), None)
    if found is None:
        return ""
    if isinstance(found, ssl.SSLCertVerificationError):
        return _certificate(found, ca)
    reason = (found.reason or "").upper()
    for word, text in _REFUSALS.items():
        if word in reason:
            return text.format(cert=cert, key=key)
    if any(word in reason for word in _NO_TLS):
        return "it does not speak TLS at this port; correct the address, or encrypt there"
    return f"TLS failed ({reason.lower().replace('_', ' ') or type(found).__name__})"


def _is_wrapped(error: BaseException) -> bool:
    # aiohttp's error is one of OpenSSL's by its class, without its numbers.
    return hasattr(error, "certificate_error")


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what caused it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        # aiohttp keeps the cause of a connection's failure in an attribute of its own.
        inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
        error = inner if isinstance(inner, BaseException) else error.__cause__ or error.__context__


def _certificate(error: ssl.SSLCertVerificationError, ca: str) -> str:
    code = error.verify_code
    if code == _EXPIRED:
        return "its certificate has expired; renew it on the server"
    if code == _NOT_YET:
        return "its certificate is not valid yet; compare the clocks of both machines"
    if code in (_WRONG_NAME, _WRONG_ADDRESS) or "mismatch" in str(error).lower():
        return "its certificate is for another host; connect by a name that it has, or renew it with this one"
    if code in _UNTRUSTED:
        return f"its certificate is of an authority that is not trusted here; name that authority's file in {ca}"
    return f"its certificate is refused ({error.verify_message})"
