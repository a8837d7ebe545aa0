"""``python -m services.workflows.checker``: checks documents in a process of its own, one after the other.

A large document takes a second of CPU. In the process that serves requests it would hold up all others, in a thread
too; this one may also be killed when a document takes too long. Requests come on stdin and answers leave on stdout,
each a pickle after its length in four bytes. The end of stdin, which is the end of the parent, ends the process.
"""

import os
import pickle
import signal
import struct
import sys
from typing import IO

from services.workflows.check_requests import Check, Parse, answer

#: Requests that wait for the API's loop come first when the machine has no core to spare.
_NICE = 10
LENGTH = struct.Struct(">I")


def write(stream: IO[bytes], value: object) -> None:
    """Write one value and flush it."""
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    stream.write(LENGTH.pack(len(data)) + data)
    stream.flush()


def read(stream: IO[bytes]) -> object:
    """Return the next value. Raises ``EOFError`` when there is none. The other end is trusted."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError
    (size,) = LENGTH.unpack(head)
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return pickle.loads(data)  # noqa: S301 - a pipe between a process and its child


def main() -> None:
    """Answer until stdin ends."""
    # Ctrl-C reaches the whole group of processes; the parent ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICE)
    while True:
        try:
            request = read(sys.stdin.buffer)
        except EOFError:
            return
        if not isinstance(request, Parse | Check):
            raise TypeError(f"{type(request).__name__} is no request of this process")
        write(sys.stdout.buffer, answer(request))


if __name__ == "__main__":
    main()
