"""A bus in memory: each message is delivered at once, to the subscribers of its subject or of a pattern."""

from connectors.ports.pubsub import Handler, Unsubscribe


class MemoryBus:
    """``said`` keeps everything that was published. ``connected`` may be taken away."""

    def __init__(self) -> None:
        self.connected = True
        self.said: list[tuple[str, bytes]] = []
        self.handlers: list[tuple[str, Handler]] = []

    def publish(self, subject: str, data: bytes) -> bool:
        if not self.connected:
            return False
        self.said.append((subject, data))
        for pattern, handler in list(self.handlers):
            if matches(pattern, subject):
                handler(subject, data)
        return True

    def subscribe(self, subject: str, handler: Handler) -> Unsubscribe:
        entry = (subject, handler)
        self.handlers.append(entry)
        return lambda: self.handlers.remove(entry)

    def of(self, prefix: str) -> list[bytes]:
        """What was said on subjects that begin so."""
        return [data for subject, data in self.said if subject.startswith(prefix)]


def matches(pattern: str, subject: str) -> bool:
    """Whether a subject is one that a pattern with ``*`` means."""
    wanted, given = pattern.split("."), subject.split(".")
    return len(wanted) == len(given) and all(w in ("*", g) for w, g in zip(wanted, given, strict=True))
