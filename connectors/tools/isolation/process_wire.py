"""What passes between a worker and the processes that run its isolated calls.

Frames are a length and that many bytes. Jobs are pickled, since they come from the worker; outcomes are JSON, since a
process that runs user code is not trusted with a pickle.
"""

import importlib
import json
import pickle
import socket
import struct
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import orjson

from connectors.tools.context import NoMcp, ToolContext
from connectors.tools.entries import Entry, ToolKind
from connectors.tools.isolation.raised import CallRaised, contain, described, user_frames
from schemas.errors import BadRecord, BadValue, Rejected, StepError, TryLater
from schemas.payload import Reference
from schemas.values.json_text import write_json

LENGTH = struct.Struct("!I")
#: A result is stored as an object when it is large, and those have at most as many bytes.
MAX_RESULT_BYTES = 64 * 1024 * 1024
#: An outcome is a result, or an error with its message and details.
MAX_OUTCOME_BYTES = MAX_RESULT_BYTES + 1024 * 1024
_VALUE, _ERROR = b"V", b"E"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object of user code is: ``file`` is that of its module, for one that cannot be imported by name."""

    module: str
    qualname: str
    file: str | None

    @staticmethod
    def of(made_of: Any) -> "Place":
        """Return the place of a function or class, which need not be right: see ``found``."""
        module = getattr(made_of, "__module__", "")
        return Place(module, getattr(made_of, "__qualname__", ""), getattr(sys.modules.get(module), "__file__", None))

    def found(self) -> Any:
        """Return the object; import its module if need be. Raises whatever the import raises."""
        found: Any = _module(self.module, self.file)
        for name in self.qualname.split("."):
            found = getattr(found, name)
        return found


@dataclass(frozen=True, slots=True)
class Job:
    """One call. ``context`` is there if the call takes one; it reads no stored objects."""

    kind: ToolKind
    name: str
    place: Place
    args: dict[str, Any]
    config: dict[str, Any]
    memory_mb: int | None
    context: ToolContext | None

    @staticmethod
    def of(entry: Entry, args: dict[str, Any], config: dict[str, Any], context: ToolContext) -> "Job":
        """Return the job of a call. Raises a final ``StepError`` ``not_importable``."""
        place = Place.of(entry.make)
        if not _is_at(place, entry.make):
            raise StepError(
                "not_importable",
                f"{entry.kind} {entry.name!r} ({entry.origin}) cannot run in a process, since no module has it under "
                "that name; define it at the top of a module, or register it with isolation='thread'",
            )
        sent = None
        if entry.context_name is not None:
            sent = replace(context, objects=_NoObjects(), secrets=context.secrets.apart(), mcp=NoMcp())
        return Job(entry.kind, entry.name, place, args, config, entry.memory_mb, sent)


@dataclass(frozen=True, slots=True)
class Warm:
    """Modules of user code to import before the first job. One that cannot be imported fails its own jobs."""

    places: tuple[Place, ...]


class _NoObjects:
    async def get(self, org_id: str, reference: Reference) -> bytes:
        raise StepError(
            "unsupported",
            f"stored object {reference.sha256} of {org_id} cannot be read in a process; "
            "bind the value as an argument, or register the tool with isolation='thread'",
        )


def packed(message: Job | Warm) -> bytes:
    """Return a message as a frame. Raises a final ``StepError`` ``bad_arguments`` for what cannot be sent."""
    try:
        data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    except (TypeError, AttributeError, pickle.PicklingError, RecursionError) as exc:
        raise StepError("bad_arguments", f"the call cannot be sent to a process: {described(exc)}") from exc
    return LENGTH.pack(len(data)) + data


def read_message(sock: socket.socket) -> Job | Warm | None:
    """Read the next message; ``None`` when the other end has closed. Blocks."""
    header = _read(sock, LENGTH.size)
    if header is None:
        return None
    data = _read(sock, LENGTH.unpack(header)[0])
    return None if data is None else pickle.loads(data)  # noqa: S301 - from the worker


def result_frame(value: Any) -> bytes:
    """Return a call's result as a frame. Raises a final ``StepError`` ``bad_output``."""
    try:
        data = write_json(value)
    except BadValue as exc:
        raise StepError("bad_output", f"the output is not a JSON value that a record can carry: {exc}") from exc
    if len(data) > MAX_RESULT_BYTES:
        raise StepError("bad_output", f"it has {len(data)} bytes as JSON, the most is {MAX_RESULT_BYTES}; split it")
    return LENGTH.pack(1 + len(data)) + _VALUE + data


def error_frame(exc: BaseException, memory_mb: int | None = None) -> bytes:
    """Return what a call raised as a frame. ``memory_mb`` is the bound that it had."""
    data = json.dumps(_error(contain(exc), memory_mb)).encode()
    return LENGTH.pack(1 + len(data)) + _ERROR + data


def outcome(frame: bytes) -> Any:
    """Return the result in an outcome's bytes, or raise the error. Raises ``ValueError`` for bytes that are none."""
    if frame[:1] == _VALUE:
        return orjson.loads(frame[1:])
    if frame[:1] != _ERROR:
        raise ValueError(f"an outcome begins with {frame[:1]!r}")
    return _raise(json.loads(frame[1:]))


def _error(exc: Exception, memory_mb: int | None) -> dict[str, Any]:
    match exc:
        case StepError():
            details = {str(name): str(value) for name, value in exc.details.items()}
            whole = {"retryable": bool(exc.retryable), "retry_after_ms": exc.retry_after_ms, "details": details}
            return {"kind": "step", "code": str(exc.code), "message": str(exc), **whole}
        case TryLater():
            return {"kind": "later", "message": str(exc), "retry_after_s": float(exc.retry_after_s)}
        case Rejected() | BadRecord():
            return {"kind": "rejected", "message": str(exc)}
        case MemoryError() if memory_mb is not None:
            message = f"it needed more than {memory_mb} MiB; raise memory_mb, or let it work on less at once"
            return {"kind": "step", "code": "memory_exceeded", "message": message, "retryable": False, "details": {}}
    return {"kind": "raised", "message": described(exc), "frames": user_frames(exc)}


def _raise(error: dict[str, Any]) -> NoReturn:
    message = error["message"]
    match error["kind"]:
        case "step":
            code, details = error["code"], error["details"]
            after_ms = error.get("retry_after_ms")
            raise StepError(code, message, retryable=error["retryable"], retry_after_ms=after_ms, details=details)
        case "later":
            raise TryLater(message, error["retry_after_s"])
        case "rejected":
            raise Rejected(message)
    raise CallRaised(message, error["frames"])


def _is_at(place: Place, made_of: Any) -> bool:
    try:
        return place.module != "__main__" and place.found() is made_of
    except (AttributeError, ImportError, ValueError):
        return False


def _module(name: str, file: str | None) -> Any:
    if name in sys.modules:
        return sys.modules[name]
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name != name or file is None:
            raise
    module = ModuleType(name)
    module.__file__ = file
    sys.modules[name] = module
    try:
        # Compiled here: the cache of modules takes a change within a second for none.
        exec(compile(Path(file).read_bytes(), file, "exec"), vars(module))  # noqa: S102 - the user's own file
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _read(sock: socket.socket, size: int) -> bytes | None:
    parts: list[bytes] = []
    while size > 0:
        part = sock.recv(min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
