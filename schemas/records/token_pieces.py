"""Pieces of an answer while a provider streams it, from a worker to those who read along. They are never stored."""

import msgspec


class TokenPieces(msgspec.Struct, frozen=True, omit_defaults=True):
    """``texts`` are the pieces from number ``index`` on of the answer of one attempt of a step."""

    step_id: str
    node_id: str
    attempt: int
    index: int
    texts: list[str]


_DECODER = msgspec.json.Decoder(TokenPieces)


def encoded(pieces: TokenPieces) -> bytes:
    """Return pieces as JSON."""
    return msgspec.json.encode(pieces)


def decoded(data: bytes) -> TokenPieces | None:
    """Return pieces; ``None`` for anything else."""
    try:
        return _DECODER.decode(data)
    except msgspec.DecodeError:
        return None
