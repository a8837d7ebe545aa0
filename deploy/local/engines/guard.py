"""Run a command that dies with its parent. A script of its own, standard library only, not imported by anyone.

    python -I -S guard.py <parent pid> <death signal> <uid or -> <gid or -> <command> [argument...]

It replaces itself by the command, so the process id stays. Doing this between fork and exec in the parent instead
(subprocess' preexec_fn) is unsafe as soon as the parent has threads, and ours has.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
CAPABILITY_VERSION_3 = 0x20080522


class CapHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class CapData(ctypes.Structure):
    _fields_ = [
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    ]


def drop_to(libc: ctypes.CDLL, uid: int, gid: int) -> None:
    """Become `uid`, keeping only the right to pass through directories that root alone may enter.

    PostgreSQL refuses to run as root. As root its binaries and data often lie below a private directory (/root, a
    0700 temporary directory) that another uid cannot traverse; widening the permissions of such directories would
    change the user's machine, so one capability is kept instead.
    """
    header = CapHeader(CAPABILITY_VERSION_3, 0)
    data = (CapData * 2)()
    libc.capget(ctypes.byref(header), data)
    have = data[0].permitted
    cap = next((c for c in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE) if have & (1 << c)), None)
    libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    # Without this bit access(2), which PostgreSQL asks about its own binaries, ignores capabilities of other uids.
    libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    mask = 0 if cap is None else 1 << cap
    kept = (CapData * 2)(CapData(mask, mask, mask), CapData(0, 0, 0))
    libc.capset(ctypes.byref(header), kept)
    if cap is not None:
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0)


def main(argv: list[str]) -> None:
    parent, death_signal, uid, gid, *command = argv
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if uid != "-":
            drop_to(libc, int(uid), int(gid))
        # After the change of uid, which would clear it.
        libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    elif uid != "-":
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if os.getppid() != int(parent):
        sys.exit(0)  # the parent died before the signal was armed
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # a parent that blocks SIGTERM must still be able to send it
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
