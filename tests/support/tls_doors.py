"""Doors that speak an engine's way into TLS and no further, with any certificate; they count who knocks."""

import json
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from deploy.local.engines.tls.certificates import Pair

SSL_REQUEST = struct.pack(">ii", 8, 80_877_103)
_INFO = {"server_id": "door", "version": "2.11.0", "tls_required": True, "max_payload": 1_048_576}


@dataclass
class Door:
    """Where it listens, and how many connections came."""

    port: int = 0
    knocks: int = 0


@contextmanager
def door(engine: str, pair: Pair, folder: Path) -> Iterator[Door]:
    """Listen as an engine (``kafka``, ``redis``, ``postgres``, ``clickhouse``, ``nats``) with a certificate."""
    cert = folder / f"{engine}-door.pem"
    cert.write_bytes(pair.key + pair.cert)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert)
    found, threads = Door(), list[threading.Thread]()

    def answer(conn: socket.socket) -> None:
        conn.settimeout(5)
        with suppress(OSError), conn:
            if engine == "postgres":
                conn.recv(len(SSL_REQUEST), socket.MSG_WAITALL)
                conn.sendall(b"S")
            elif engine == "nats":
                conn.sendall(b"INFO " + json.dumps(_INFO).encode() + b"\r\n")
            with context.wrap_socket(conn, server_side=True) as tls:
                tls.recv(1)

    def serve() -> None:
        with suppress(OSError):
            while True:
                conn, _ = listener.accept()
                found.knocks += 1
                threads.append(threading.Thread(target=answer, args=(conn,)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        found.port = listener.getsockname()[1]
        accepting = threading.Thread(target=serve)
        accepting.start()
        try:
            yield found
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for thread in threads:
                thread.join()
