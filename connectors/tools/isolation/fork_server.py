"""A small process that forks the processes of isolated calls, so that a new one costs milliseconds and not a start.

It has AgentFlow's own modules loaded and never user code: what a user's module does at import (threads, connections)
would not survive a fork. It has one thread and serves one worker over a socket: a request is a letter and a number.

F with a socket     fork a process that serves it; answers its pid
W pid               whether that process has ended, and how; answers ``EXIT_UNKNOWN`` while it runs

When the worker dies, by whatever signal, the kernel kills this process, and that kills its children.
"""

import contextlib
import ctypes
import gc
import os
import signal
import socket
import struct
import sys
import threading

from connectors.tools.isolation import process_child

REQUEST = struct.Struct("!cI")
ANSWER = struct.Struct("!i")
#: Not the code of any process.
EXIT_UNKNOWN = 1 << 20
_PR_SET_PDEATHSIG = 1


def main(fd: int, parent: int) -> None:
    """Serve the worker ``parent`` on an inherited socket until it closes its end."""
    control = socket.socket(fileno=fd)
    die_with(parent)
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.SIG_IGN)
    # A worker's output is for its supervisor; what user code prints belongs into the log.
    os.dup2(sys.stderr.fileno(), 1)
    gc.collect()
    gc.freeze()
    # The worker may close its end in the middle of a question.
    with contextlib.suppress(OSError):
        while True:
            data, fds, _, _ = socket.recv_fds(control, REQUEST.size, 1)
            if len(data) < REQUEST.size:
                return
            letter, pid = REQUEST.unpack(data)
            control.sendall(ANSWER.pack(_fork(control, fds[0]) if letter == b"F" else exit_code(pid)))


def die_with(parent: int) -> None:
    """Let the kernel kill this process when its parent dies. Ends at once if it has died already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def exit_code(pid: int) -> int:
    """Return how a child has ended: its exit code, or minus the signal; ``EXIT_UNKNOWN`` while it runs."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else EXIT_UNKNOWN


def _fork(control: socket.socket, fd: int) -> int:
    server = os.getpid()
    pid = os.fork()
    if pid:
        os.close(fd)
        return pid
    try:
        control.close()
        os.setsid()
        die_with(server)
        process_child.main(socket.socket(fileno=fd))
        os._exit(0)
    finally:
        os._exit(70)


def _watch(parent: int) -> None:
    wait = threading.Event()
    while os.getppid() == parent:
        wait.wait(0.5)
    os._exit(1)
