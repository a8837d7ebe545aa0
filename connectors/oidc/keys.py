"""Public keys of an issuer, from a JSON Web Key Set (RFC 7517): asymmetric ones for signatures, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas.records.base import Json

if TYPE_CHECKING:
    # At run time it is imported where it is needed: it takes a tenth of a second, and most deployments have no issuer.
    import jwt

_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA"}
ALGORITHMS = _RSA | frozenset(_CURVES.values())
MAX_KEYS = 100
MIN_RSA_BITS = 2048


@dataclass(frozen=True)
class VerificationKey:
    """One public key, and the algorithms that it may verify."""

    data: dict[str, Any]
    algorithms: frozenset[str]

    def verifier(self, algorithm: str) -> "jwt.PyJWK":
        """Return the key for one of its algorithms."""
        import jwt

        return jwt.PyJWK(self.data, algorithm)


def read_keys(document: Json) -> Mapping[str, VerificationKey]:
    """Return the usable keys of a set by their ids. An id that two keys have is not usable."""
    listed = document.get("keys") if isinstance(document, dict) else None
    found: dict[str, VerificationKey] = {}
    twice: set[str] = set()
    for data in listed[:MAX_KEYS] if isinstance(listed, list) else ():
        kid = data.get("kid") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(kid, str) or not kid:
            continue
        if kid in found:
            twice.add(kid)
        if (key := _read(data)) is not None:
            found[kid] = key
    return {kid: key for kid, key in found.items() if kid not in twice}


def _read(data: dict[str, Any]) -> VerificationKey | None:
    algorithms = _algorithms(data)
    # A key whose private part is published signs for everybody.
    if not algorithms or data.get("use", "sig") != "sig" or "d" in data or "k" in data:
        return None
    from jwt import PyJWTError

    key = VerificationKey(data, algorithms)
    try:
        public = key.verifier(next(iter(algorithms))).key
    except PyJWTError:
        return None
    return None if getattr(public, "key_size", MIN_RSA_BITS) < MIN_RSA_BITS and data["kty"] == "RSA" else key


def _algorithms(data: dict[str, Any]) -> frozenset[str]:
    kty, stated = data.get("kty"), data.get("alg")
    possible = _RSA if kty == "RSA" else frozenset[str]()
    if kty in ("EC", "OKP"):
        curve = _CURVES.get(str(data.get("crv")))
        possible = frozenset({curve}) if curve is not None else possible
    return possible if stated is None else possible & {str(stated)}
