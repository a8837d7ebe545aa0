"""A streamed answer as it may be in the log: what is found in it is redacted before it reaches anybody.

Pieces that may be parts of a finding are held back (``services.privacy.detect.stream``). Once something refuses, or
cannot be redacted, nothing more is delivered; the whole answer is judged by itself.
"""

from connectors.providers.deltas import Piece, TextDelta, UsageDelta
from schemas.errors import StepError
from services.calls.answers.streamed import OnDelta
from services.calls.security.private import Private
from services.privacy.detect.stream import Piece as Scanned
from services.privacy.detect.stream import StreamScan
from services.privacy.redact.errors import failed


class PrivateStream:
    """A listener between a stream and its reader. ``fault`` is why it was cut.

    Texts only are delivered, and counts: what a model thinks, and the arguments of tools, are not searched here.
    """

    def __init__(self, private: Private, listener: OnDelta) -> None:
        self._private = private
        self._listener = listener
        self._scan = StreamScan(private.redactor.detectors)
        self.fault: StepError | None = None

    async def __call__(self, delta: Piece | UsageDelta) -> None:
        """Take a delta of the stream."""
        if self.fault is not None:
            return
        if isinstance(delta, UsageDelta):
            await self._listener(delta)
        elif isinstance(delta, TextDelta):
            await self._deliver(delta.text)

    async def end(self) -> None:
        """Deliver what was held back."""
        if self.fault is None:
            await self._deliver(None)

    async def _deliver(self, text: str | None) -> None:
        try:
            piece: Scanned = self._scan.end() if text is None else self._scan.feed(text)
            private = self._private
            changed = await private.redactor.piece(private.of, piece.text, piece.findings, "output")
        except Exception as exc:  # noqa: BLE001 - whatever it raises, nobody has looked at the text
            if not self._private.redactor.plan.is_shadow:
                self.fault = exc if isinstance(exc, StepError) else failed("the search of a stream", exc)
                return
            changed = text or ""
        if changed:
            await self._listener(TextDelta(changed))
