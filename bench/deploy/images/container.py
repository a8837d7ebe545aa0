"""Processes of an image on engines of this machine: as in ``docker-compose.yml``, without a container engine.

A process gets the image's root read only, a ``/tmp`` in memory, the folder of objects, no capabilities, and the user
that the image names. It shares the network of the machine, which is where the engines are.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.local.roles import RoleProcess, RoleStartError
from deploy.local.system import System
from deploy.manifests.compose import ours, roles_of

#: Where an image keeps objects: the only folder on a disk that a process of it may write.
OBJECTS = ".agentflow"
API = "api"
SETUP_S = 180.0
#: In a name space of mounts: $1 is the root, $2 the folder of objects, $3 where it is in the image, then the command.
ENTER = """
set -e
root=$1 objects=$2 inside=$3
shift 3
mount --make-rprivate /
mount --bind "$root" "$root"
mount --bind "$objects" "$root$inside"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs -o size=512m,mode=1777 tmpfs "$root/tmp"
mount -o remount,ro,bind "$root"
exec "$@"
"""


@dataclass(frozen=True)
class Image:
    """An image with its root as a folder, and what its configuration says."""

    root: Path
    user: str
    folder: str
    env: Mapping[str, str]

    @property
    def uid(self) -> int:
        """The user that its processes have."""
        return int(self.user.partition(":")[0])

    def command(self, objects: Path, argv: Sequence[str]) -> list[str]:
        """Return the command, run by root, of a process of this image; it keeps its process id."""
        uid, _, gid = self.user.partition(":")
        rights = ["--reuid", uid, "--regid", gid, "--clear-groups", "--no-new-privs", "--bounding-set=-all"]
        inside = [
            str(shutil.which("chroot")),
            str(self.root),
            "env",
            "-C",
            self.folder,
            "setpriv",
            *rights,
            "--pdeathsig",
            "TERM",
            "--",
        ]
        places = [str(self.root), str(objects), f"{self.folder}/{OBJECTS}"]
        return [str(shutil.which("unshare")), "--mount", "sh", "-c", ENTER, "enter", *places, *inside, *argv]


def image_of(root: Path, inspected: Mapping[str, Any]) -> Image:
    """Return an image by its root and what buildah knows of it."""
    config = inspected["OCIv1"]["config"]
    env = dict(line.split("=", 1) for line in config["Env"])
    return Image(root, config["User"], config["WorkingDir"], env)


@dataclass
class ContainerProcess(RoleProcess):
    """A process of an image: its environment is the image's and the service's, nothing of ours."""

    image: Image = field(kw_only=True)
    objects: Path = field(kw_only=True)

    def environment(self) -> dict[str, str]:
        return {**self.image.env, **self.env}

    def command(self) -> list[str]:
        return self.image.command(self.objects, self.argv)


@dataclass
class ImageSystem(System):
    """The whole system whose processes come from images: ``services`` of a compose file with their commands."""

    images: Mapping[str, Image] = field(kw_only=True)
    services: Mapping[str, Mapping[str, Any]] = field(kw_only=True)

    def prepare(self) -> None:
        """Migrate and create the topics by the service ``setup``. Raises ``RoleStartError`` when it fails."""
        self.make_roles()
        setup = self.service("setup")
        setup.launch()
        assert setup.process is not None  # launched
        try:
            code = setup.process.wait(SETUP_S)
        except subprocess.TimeoutExpired:
            setup.kill()
            code = None
        if code != 0:
            raise RoleStartError(f"setup ended with exit code {code}\n{setup.log_tail()}")

    def make_roles(self) -> None:
        """Make the processes of the services in place of those of the layout."""
        super().make_roles()
        self.objects.mkdir(exist_ok=True)
        wanted = [name for name in ours(self.services) if name != "setup"]
        self.roles = {(API if name == "control-plane" else name): self.service(name) for name in wanted}

    @property
    def objects(self) -> Path:
        """The folder of objects, which all processes share."""
        return self.data_dir / "objects"

    def service(self, name: str) -> ContainerProcess:
        """Return the process of a service, not yet started."""
        service = self.services[name]
        image = self.images[target_of(service)]
        os.chown(self.objects, image.uid, image.uid)
        command = [str(word).replace("$$", "$") for word in service["command"]]
        places = {"OBJECTS_DIR": f"{image.folder}/{OBJECTS}", "RESULTS_DIR": f"{image.folder}/{OBJECTS}/results"}
        # Containers have a network each; here the ports of their metrics would be one.
        env = {**self.role_env(name), **places, "METRICS_PORT": "0"}
        if roles_of(command):
            env |= {"WORKER_ID": name, "GROUP_INSTANCE_ID": name}
        log = self.data_dir / "logs" / f"{name}.log"
        return ContainerProcess(name, command, env, log, image=image, objects=self.objects)


def target_of(service: Mapping[str, Any]) -> str:
    """Return the target of the Dockerfile that a service's image is built by."""
    named = re.sub(r"\$\{[^}]*\}", "", str(service["image"])).partition(":")[0]
    return named.removeprefix("agentflow-")
