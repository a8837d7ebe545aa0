"""One process that runs isolated calls, one at a time: read a job, call, answer. It is killed, never asked to end."""

import asyncio
import contextlib
import inspect
import logging
import resource
import signal
import socket
from collections.abc import Iterator
from typing import Any

from connectors.tools.entries import Entry, Running, check_arguments, check_config, make_entry
from connectors.tools.isolation.process_wire import Job, Place, Warm, error_frame, read_message, result_frame
from connectors.tools.isolation.raised import described
from schemas.errors import StepError
from schemas.ids import canonical_hash

log = logging.getLogger(__name__)

_MIB = 1024 * 1024


def main(sock: socket.socket) -> None:
    """Serve one worker until it closes its end. The process is the leader of a session, so that no Ctrl-C gets here."""
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.SIG_DFL)
    # A core of each crash would fill a disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    calls = Calls()
    while (message := read_message(sock)) is not None:
        if isinstance(message, Warm):
            _warm(message)
            sock.sendall(result_frame(None))
            continue
        sock.sendall(calls.outcome(message))


class Calls:
    """Makes calls. Entries and instances of classes are kept, as the worker itself keeps them."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str, Place], Entry] = {}
        self._instances: dict[tuple[str, str, Place, str], Any] = {}

    def outcome(self, job: Job) -> bytes:
        """Return the frame of a call's result, or of what it raised."""
        try:
            with limited_memory(job.memory_mb):
                value = self._made(job)
            return result_frame(value)
        except BaseException as exc:  # noqa: BLE001 - whatever ends the call is its outcome
            return error_frame(exc, job.memory_mb)

    def _made(self, job: Job) -> Any:
        entry = self._entry(job)
        call = self._built(entry, job)
        checked = check_arguments(entry, job.args)
        if entry.context_name is not None:
            checked[entry.context_name] = job.context
        result = call(**checked)
        return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result

    def _entry(self, job: Job) -> Entry:
        key = (job.kind, job.name, job.place)
        if key not in self._entries:
            self._entries[key] = make_entry(job.kind, job.name, job.place.found(), Running())
        return self._entries[key]

    def _built(self, entry: Entry, job: Job) -> Any:
        config = check_config(entry, job.config)
        if entry.config is None:
            return entry.make
        key = (job.kind, job.name, job.place, canonical_hash(job.config))
        if key not in self._instances:
            self._instances[key] = _instance(entry, config)
        return self._instances[key]


@contextlib.contextmanager
def limited_memory(memory_mb: int | None) -> Iterator[None]:
    """Bound what the body may take in memory besides what the process has; over it allocations fail."""
    if memory_mb is None:
        yield
        return
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (_data_bytes() + memory_mb * _MIB, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def _data_bytes() -> int:
    """Return how much private writable memory the process has mapped; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", "rb") as pages:  # noqa: PTH123 - one line of a file that is none
            return int(pages.read().split()[5]) * resource.getpagesize()
    except OSError:
        return 0


def _instance(entry: Entry, config: dict[str, Any]) -> Any:
    try:
        return entry.make(**config)
    except (StepError, MemoryError):
        raise
    except BaseException as exc:
        message = f"{entry.kind} {entry.name!r} cannot be made of its configuration: {described(exc)}"
        raise StepError("bad_config", message) from exc


async def _awaited(result: Any) -> Any:
    return await result


def _warm(message: Warm) -> None:
    for place in message.places:
        try:
            place.found()
        except BaseException as exc:  # noqa: BLE001 - a module may do anything when it is imported
            log.warning("module %s: %s", place.module, described(exc), extra={"action": "warm_failed"})
