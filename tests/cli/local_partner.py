"""A partner of a test's own, in a thread, which keeps what it was asked."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Partner(ThreadingHTTPServer):
    """Answers every request with `status`, and keeps what was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 200
        self.body = b""
        self.paths: list[str] = []
        self.heads: list[dict[str, str]] = []
        self.bodies: list[bytes] = []

    @property
    def env(self) -> dict[str, str]:
        """The variables that send postbacks here."""
        url = f"http://127.0.0.1:{self.server_port}/"
        return {
            "POSTBACK_DESTINATION__SIMPLE_URL": url + "simple?c={click_id}",
            "POSTBACK_DESTINATION__EVENT_URL": url + "event?c={click_id}&o={order_id}&k={attributes.kind}",
            "POSTBACK_DESTINATION__ALLOW_PRIVATE_ADDRESSES": "true",
        }


class Handler(BaseHTTPRequestHandler):
    """One request of the partner's."""

    server: Partner

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.heads.append(dict(self.headers))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server calls it so
        """Say nothing."""
