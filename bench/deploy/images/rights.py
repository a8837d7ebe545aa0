"""The rights of running processes, from what the kernel says of them: user, capabilities, and what they may write."""

import subprocess
from pathlib import Path

from bench.deploy.images.container import OBJECTS, ContainerProcess, ImageSystem

#: Prints what could be written: only the two folders may be.
TRY = """
import os, sys
for folder in sys.argv[1:]:
    try:
        open(os.path.join(folder, ".try"), "w").close()
        os.remove(os.path.join(folder, ".try"))
        print(folder)
    except OSError:
        pass
"""


def broken_rights(system: ImageSystem) -> list[str]:
    """Return the processes with rights that they must not have, and the images whose root can be written."""
    processes = [one for one in system.roles.values() if isinstance(one, ContainerProcess)]
    broken = [one.name for one in processes if one.pid is None or not _is_confined(one)]
    return broken + [name for name in system.images if not _writes_only_its_own(system, name)]


def _is_confined(process: ContainerProcess) -> bool:
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if ":\t" in line
    )
    users = set(status["Uid"].split()) | set(status["Gid"].split())
    none = all(int(status[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
    mounts = [line.split() for line in Path(f"/proc/{process.pid}/mountinfo").read_text().splitlines()]
    read_only = any(where == "/" and "ro" in options.split(",") for _, _, _, _, where, options, *_ in mounts)
    return users == {str(process.image.uid)} and none and status["NoNewPrivs"] == "1" and read_only


def _writes_only_its_own(system: ImageSystem, name: str) -> bool:
    image = system.images[name]
    own = [f"{image.folder}/{OBJECTS}", "/tmp"]  # noqa: S108 - the container's
    folders = ["/", image.folder, "/opt/venv", "/etc", "/var", "/usr", *own]
    command = image.command(system.objects, ["python3", "-c", TRY, *folders])
    done = subprocess.run(command, env=dict(image.env), capture_output=True, text=True, check=False, timeout=60)
    return done.returncode == 0 and done.stdout.split() == own
