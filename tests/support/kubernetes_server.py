"""A real API server of Kubernetes with its etcd, without nodes: it stores, validates and refuses as in a cluster.

``python -m tests.support.kubernetes_server`` builds kube-apiserver from the Go module proxy into the tools' directory;
that takes 10 to 30 minutes once. etcd is Debian's package ``etcd-server``. Nothing runs pods: no scheduler, no kubelet.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from deploy.manifests.helm import find, tools_dir
from tests.support.server import free_port

VERSION = "v1.36.3"
STAGING = "v0.36.3"
KEDA = "v2.21.0"
TOKEN = "token-of-the-test"
READY_S = 60.0
_MODULES = re.compile(r"^\s*(?:replace )?(k8s\.io/[\w./-]+) => \./staging", re.MULTILINE)


class NotBuilt(Exception):
    """A program is missing; the message says how to get it."""


@dataclass(frozen=True)
class Server:
    """An API server that answers, and how kubectl and Helm reach it."""

    kubeconfig: Path

    def kubectl(self, *arguments: str, text: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run kubectl."""
        return self._run("kubectl", arguments, text, check)

    def helm(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Helm."""
        return self._run("helm", arguments, "", check)

    def objects(self, *kinds: str, namespace: str) -> dict[str, Mapping[str, Any]]:
        """Return the objects of some kinds by ``kind/name``."""
        found = json.loads(self.kubectl("get", ",".join(kinds), "-n", namespace, "-o", "json").stdout)["items"]
        return {f"{one['kind'].lower()}/{one['metadata']['name']}": one for one in found}

    def _run(self, name: str, arguments: Sequence[str], text: str, check: bool) -> subprocess.CompletedProcess[str]:
        command = [str(find(name)), "--kubeconfig", str(self.kubeconfig), *arguments]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, check=False)
        assert not check or done.returncode == 0, f"{name} {' '.join(arguments[:3])}: {done.stderr[-2000:]}"
        return done


def missing() -> str:
    """Return what must be installed or built for this; empty when everything is there."""
    for name, fix in (
        ("kube-apiserver", "run `python -m tests.support.kubernetes_server` (10 to 30 minutes, once)"),
        ("etcd", "install Debian's package etcd-server"),
        ("helm", "run `python -m deploy.manifests tools`"),
        ("kubectl", "run `python -m deploy.manifests tools`"),
    ):
        if find(name) is None:
            return f"{name} is missing: {fix}"
    return ""


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Server]:
    """Start both in a folder; stop them at the end."""
    client, peer, secure = free_port(), free_port(), free_port()
    _service_account_keys(folder)
    (folder / "tokens.csv").write_text(f'{TOKEN},admin,admin,"system:masters"\n')
    etcd = f"http://127.0.0.1:{client}"
    etcd_flags = [f"--data-dir={folder / 'etcd'}", f"--listen-client-urls={etcd}", f"--advertise-client-urls={etcd}"]
    etcd_flags += [f"--listen-peer-urls=http://127.0.0.1:{peer}", "--log-level=error", "--unsafe-no-fsync"]
    flags = {
        "etcd-servers": etcd,
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": folder / "sa.pub",
        "service-account-signing-key-file": folder / "sa.key",
        "token-auth-file": folder / "tokens.csv",
        "authorization-mode": "RBAC",
        "cert-dir": folder / "certificates",
        "bind-address": "127.0.0.1",
        "secure-port": secure,
        "service-cluster-ip-range": "10.96.0.0/16",
        "disable-admission-plugins": "ServiceAccount",
        "anonymous-auth": "false",
    }
    server = Server(_kubeconfig(folder, secure))
    with (
        _process(folder, "etcd", etcd_flags),
        _process(folder, "kube-apiserver", [f"--{name}={value}" for name, value in flags.items()]) as process,
    ):
        _wait(server, process, folder / "kube-apiserver.log")
        yield server


@contextlib.contextmanager
def _process(folder: Path, name: str, flags: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen([str(find(name)), *flags], stdout=log, stderr=log, cwd=folder)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and process.poll() is None:
        if server.kubectl("get", "--raw", "/readyz", check=False).stdout == "ok":
            return
        time.sleep(0.2)
    raise AssertionError(f"kube-apiserver is not ready: {log.read_text()[-2000:]}")


def _service_account_keys(folder: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "sa.key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, none))
    public = serialization.PublicFormat.SubjectPublicKeyInfo
    (folder / "sa.pub").write_bytes(key.public_key().public_bytes(pem, public))


def _kubeconfig(folder: Path, port: int) -> Path:
    cluster = {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": {"token": TOKEN}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    path.chmod(0o600)
    return path


def module_dir(module: str, version: str) -> Path:
    """Return the folder of a Go module, downloaded when it is not there. Raises ``NotBuilt``."""
    go = shutil.which("go")
    if go is None:
        raise NotBuilt("go is not installed")
    done = subprocess.run(
        [go, "mod", "download", "-json", f"{module}@{version}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if done.returncode:
        raise NotBuilt(f"{module} {version} is not to be had: {done.stderr or done.stdout}")
    return Path(json.loads(done.stdout)["Dir"])


def build() -> Path:
    """Build kube-apiserver into the tools' directory and return its path. Raises ``NotBuilt``."""
    source = module_dir("k8s.io/kubernetes", VERSION)
    staged = sorted(set(_MODULES.findall((source / "go.mod").read_text())))
    replaced = "\n".join(f"replace {name} => {name} {STAGING}" for name in staged)
    tools_dir().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "go.mod").write_text(
            f"module apiserver\n\ngo 1.26.0\n\nrequire k8s.io/kubernetes {VERSION}\n\n{replaced}\n"
        )
        (folder / "main.go").write_text(
            'package main\n\nimport _ "k8s.io/kubernetes/cmd/kube-apiserver/app"\n\nfunc main() {}\n'
        )
        major, minor, _ = VERSION.removeprefix("v").split(".")
        about = {"gitVersion": VERSION, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
        stamps = " ".join(f"-X k8s.io/component-base/version.{key}={value}" for key, value in about.items())
        half = tools_dir() / "kube-apiserver.part"
        flags = ["-mod=mod", "-trimpath", "-p", "1", "-ldflags", f"-s -w {stamps}", "-o", str(half)]
        for command in (["mod", "tidy", "-e"], ["build", *flags, "k8s.io/kubernetes/cmd/kube-apiserver"]):
            done = subprocess.run(["nice", "go", *command], cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode and command[0] == "build":
                raise NotBuilt(done.stderr[-2000:])
        return half.rename(half.with_suffix(""))


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{build()}\n")
    except NotBuilt as exc:
        sys.exit(f"kube-apiserver was not built: {exc}")
