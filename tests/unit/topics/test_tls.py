"""Certificates in files: handshakes, renewal without a restart, and faults in words."""

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.local.engines.tls.certificates import Authority, Pair
from schemas.configuration.tls_files import TlsFiles
from topics.tls import RenewedContext, Verify, client_context
from topics.tls_faults import tls_fault

YESTERDAY = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def put(folder: Path, **files: bytes) -> dict[str, str]:
    """Write files, and return their paths. A file that is there gets another time, however fast the clock is."""
    for number, (name, content) in enumerate(files.items()):
        path = folder / name
        before = path.stat().st_mtime_ns if path.exists() else 0
        path.write_bytes(content)
        os.utime(path, ns=(before + 1_000_000_000 + number, before + 1_000_000_000 + number))
    return {name: str(folder / name) for name in files}


@contextmanager
def serving(folder: Path, pair: Pair, trusted: bytes = b"") -> Iterator[int]:
    """A server that speaks TLS with anybody, or with those of an authority; it answers with the client's name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    files = put(folder, server_cert=pair.cert, server_key=pair.key)
    context.load_cert_chain(files["server_cert"], files["server_key"])
    if trusted:
        context.load_verify_locations(cadata=trusted.decode())
        context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    conn, _ = listener.accept()
                except OSError:
                    return
                try:
                    with conn, context.wrap_socket(conn, server_side=True) as tls:
                        found = tls.getpeercert() or {}
                        subject = dict(pair for group in found.get("subject", ()) for pair in group)
                        tls.sendall(subject.get("commonName", "nobody").encode())
                except OSError:
                    continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def named_by(port: int, context: ssl.SSLContext, host: str = "localhost") -> str:
    """The name that the server has seen of this client. Raises ``ssl.SSLError``."""
    with (
        socket.create_connection(("127.0.0.1", port), 5) as conn,
        context.wrap_socket(conn, server_hostname=host) as tls,
    ):
        return tls.recv(100).decode()


def fault_of(port: int, context: ssl.SSLContext, host: str = "localhost") -> str:
    with pytest.raises(ssl.SSLError) as caught:
        named_by(port, context, host)
    return tls_fault(caught.value, "CAFILE", "CERTFILE", "KEYFILE")


def test_a_server_of_the_authority_is_trusted_and_others_are_not(authority: Authority, tmp_path: Path) -> None:
    files = put(tmp_path, ca=authority.pair.cert, other=Authority("other").pair.cert)
    with serving(tmp_path, authority.signed("server")) as port:
        assert named_by(port, client_context(TlsFiles(ca=files["ca"]))) == "nobody"
        assert fault_of(port, client_context(TlsFiles(ca=files["other"]))) == (
            "its certificate is of an authority that is not trusted here; name that authority's file in CAFILE"
        )
        assert named_by(port, client_context(TlsFiles(ca=files["other"]), "nothing")) == "nobody"


@pytest.mark.parametrize(
    ("ends", "hosts", "verify", "fault"),
    [
        (YESTERDAY, ("localhost",), "name", "its certificate has expired; renew it on the server"),
        (YESTERDAY, ("localhost",), "authority", "its certificate has expired; renew it on the server"),
        (None, ("elsewhere",), "name", "its certificate is for another host"),
        (None, ("elsewhere",), "authority", ""),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said(
    ends: datetime | None, hosts: tuple[str, ...], verify: Verify, fault: str, authority: Authority, tmp_path: Path
) -> None:
    starts = None if ends is None else ends - timedelta(days=1)
    context = client_context(TlsFiles(ca=put(tmp_path, ca=authority.pair.cert)["ca"]), verify)
    with serving(tmp_path, authority.signed("server", starts=starts, ends=ends, hosts=hosts)) as port:
        if fault:
            assert fault_of(port, context).startswith(fault)
        else:
            assert named_by(port, context) == "nobody"


def test_a_server_that_wants_a_certificate_is_named(authority: Authority, tmp_path: Path) -> None:
    files = put(tmp_path, ca=authority.pair.cert)
    with serving(tmp_path, authority.signed("server"), authority.pair.cert) as port:
        assert fault_of(port, client_context(TlsFiles(ca=files["ca"]))) == (
            "it wants a certificate of this client; set CERTFILE and KEYFILE"
        )


def test_a_port_without_tls_is_named(authority: Authority, tmp_path: Path) -> None:
    files = put(tmp_path, ca=authority.pair.cert)

    def serve(listener: socket.socket) -> None:
        conn, _ = listener.accept()
        with conn:
            conn.sendall(b"+PONG\r\n" * 9)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        fault = fault_of(listener.getsockname()[1], client_context(TlsFiles(ca=files["ca"])))
    assert fault == "it does not speak TLS at this port; correct the address, or encrypt there"


def test_new_certificates_are_used_by_the_next_connection(
    authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = authority.signed("first"), authority.signed("second")
    files = put(tmp_path, ca=authority.pair.cert, cert=first.cert, key=first.key)
    context = RenewedContext(TlsFiles(files["ca"], files["cert"], files["key"]), "name")
    with serving(tmp_path, authority.signed("server"), authority.pair.cert) as port:
        assert named_by(port, context) == "first"
        put(tmp_path, cert=second.cert)
        # The key is still that of the first.
        assert named_by(port, context) == named_by(port, context) == "first"
        (record,) = caplog.records
        assert record.getMessage() == (
            f"certificates stay as they were: {files['cert']} with {files['key']} cannot be used: "
            "the key is of another certificate"
        )
        put(tmp_path, key=second.key)
        assert named_by(port, context) == "second"


def test_a_new_authority_is_trusted_and_the_one_before_is_not(authority: Authority, tmp_path: Path) -> None:
    other = Authority("other")
    files = put(tmp_path, ca=authority.pair.cert)
    context = RenewedContext(TlsFiles(ca=files["ca"]), "name")
    with serving(tmp_path, other.signed("server")) as port:
        assert fault_of(port, context)
        put(tmp_path, ca=other.pair.cert)
        assert named_by(port, context) == "nobody"
        put(tmp_path, ca=authority.pair.cert)
        assert fault_of(port, context)


def test_files_that_vanish_change_nothing(authority: Authority, tmp_path: Path) -> None:
    files = put(tmp_path, ca=authority.pair.cert)
    context = RenewedContext(TlsFiles(ca=files["ca"]), "name")
    with serving(tmp_path, authority.signed("server")) as port:
        Path(files["ca"]).unlink()
        assert named_by(port, context) == "nobody"


def test_files_that_cannot_be_used_are_named_at_once(authority: Authority, tmp_path: Path) -> None:
    files = put(tmp_path, ca=authority.pair.cert, cert=authority.signed("a").cert, key=authority.signed("b").key)
    with pytest.raises(ValueError, match="the key is of another certificate"):
        client_context(TlsFiles(files["ca"], files["cert"], files["key"]))
    with pytest.raises(ValueError, match=r"/no/ca cannot be used: No such file"):
        client_context(TlsFiles(ca="/no/ca"))


def test_errors_of_other_things_are_no_faults_of_tls() -> None:
    assert tls_fault(None, "", "", "") == tls_fault(OSError("no route"), "", "", "") == ""
