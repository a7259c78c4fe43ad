"""The little HTTP server of a process: /metrics for a scrape, /healthz/live and /healthz/ready for a supervisor.

It runs in a thread, so that it goes on answering while the event loop is stuck; only then can liveness say so.
"""

import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder


class EndpointError(RuntimeError):
    """The address cannot be listened on; choose another `metrics_host` or `metrics_port`, or null for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """An answer for a probe: `good` decides the status, 200 or 503; `reason` is for the person who reads it."""

    good: bool
    reason: str


class Endpoint:
    """Listens from `start` to `stop`. `live` and `ready` are asked at each probe, from a thread of the server."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        service: str,
        registry: CollectorRegistry,
        live: Callable[[], Health],
        ready: Callable[[], Health],
    ) -> None:
        handler = type(
            "Handler", (_Handler,), {"service": service, "registry": registry, "live": [live], "ready": [ready]}
        )
        server = type("Server", (_Server,), {"address_family": socket.AF_INET6 if ":" in host else socket.AF_INET})
        try:
            self._server: ThreadingHTTPServer = server((host, port), handler)
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            raise EndpointError(f"cannot listen on metrics_host {host}, metrics_port {port}: {reason}") from error
        self.port: Final[int] = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="metrics-endpoint", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stops listening; at most a tenth of a second. Blocks: not for the loop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client that never reads must not hold the shutdown


class _Handler(BaseHTTPRequestHandler):
    service: str
    registry: CollectorRegistry
    live: list[Callable[[], Health]]
    ready: list[Callable[[], Health]]
    timeout = 10.0
    server_version = "connector"
    sys_version = ""

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/metrics":
                encode, content_type = choose_encoder(self.headers.get("Accept", ""))
                self._answer(HTTPStatus.OK, content_type, encode(self.registry))
            case "/healthz/live":
                self._probe(self.live[0]())
            case "/healthz/ready":
                self._probe(self.ready[0]())
            case _:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"/metrics /healthz/live /healthz/ready\n")

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Probes and scrapes come every few seconds; nobody wants to read them."""

    def _probe(self, health: Health) -> None:
        body = {"status": "ok" if health.good else "failing", "reason": health.reason, "service": self.service}
        status = HTTPStatus.OK if health.good else HTTPStatus.SERVICE_UNAVAILABLE
        self._answer(status, "application/json", json.dumps(body).encode() + b"\n")

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
