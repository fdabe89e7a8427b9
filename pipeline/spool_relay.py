"""The relay between a receiver and what it follows over TCP: it alone looks up names, connects and speaks TLS.

ffmpeg goes wherever a redirect, a playlist or a key leads it, and looks every name up anew; here each connection is made to the very
address that was looked at, and none leads further inside than the source itself (`operators.sources.reach`). What passes by tells the
source's own clock. One relay a receiver, on a port of this machine of its own; it ends with the receiver.
"""

import re
import select
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Lock, Thread
from urllib.parse import urljoin, urlsplit, urlunsplit

from operators.errors import CapstreamError
from operators.sources.live import LOOPBACK, PORTS, Address, plain_http
from operators.sources.playlist import MOST_BYTES, begins
from operators.sources.reach import Reach, connect, look_up
from operators.sources.source_clock import PlaylistClock, ReportClock

CONNECT_S = 5.0
PIECE = 1 << 16
ELSEWHERE = "sends its viewers to another address, which is not followed: give that one"
_NOT_PASSED = frozenset(
    ("host", "connection", "proxy-connection", "proxy-authorization", "transfer-encoding", "content-length", "keep-alive")
)
_SECURE = re.compile(r"https://[^\s\"'<>,]*", re.IGNORECASE)


class Relay(ThreadingTCPServer):
    """Listens from its making on, until it is closed. `said` and `refused` may be read from any thread."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: Address) -> None:
        super().__init__((LOOPBACK, 0), _Http if address.kind in ("http", "hls") else _Tunnel)
        self.address = address
        self.port = int(self.server_address[1])
        self.said = ""
        """What went wrong with the last connection, in the system's words."""
        self.refused = ""
        """Why the source was not followed further, where that was it."""
        self.playlists = PlaylistClock()
        self.reports = ReportClock()
        self.lock = Lock()
        """Of the two clocks."""
        self._secure = {(address.host, address.port)} if address.secure else set()
        """Hosts and ports that speak TLS."""
        self._open: set[socket.socket] = set()
        self._closed = False
        Thread(target=self.serve_forever, args=(0.05,), name="relay", daemon=True).start()

    def close(self) -> None:
        """Ends what passes through it."""
        self.shutdown()
        self.server_close()
        with self.lock:
            self._closed = True
            for one in self._open:
                _end(one)

    def connect(self, host: str, port: int) -> socket.socket:
        """Raises CapstreamError (it is not followed there, or its name is not known), OSError."""
        try:
            place = look_up(host, port, self.address.reach)
        except CapstreamError as e:
            self.refused = e.message
            raise
        try:
            raw = connect(place, CONNECT_S)
            found = self._secured(raw, host, place.reach) if (host, port) in self._secure else raw
        except OSError as e:
            self.said = str(e)
            raise
        self.said = ""
        found.settimeout(None)
        return self.hold(found)

    def hold(self, one: socket.socket) -> socket.socket:
        """It is ended with the relay."""
        with self.lock:
            self._open = {s for s in self._open if s.fileno() >= 0} | {one}
            if self._closed:
                _end(one)
        return one

    def plain(self, uri: str) -> str:
        """How the receiver is to ask for an address that it was told of."""
        try:
            parts = urlsplit(uri)
            place = parts.hostname, parts.port or PORTS["https"]
        except ValueError:
            return uri
        if parts.scheme.lower() != "https" or not place[0]:
            return uri
        self._secure.add((place[0], place[1]))
        return plain_http(uri)

    def is_secure(self, host: str, port: int) -> bool:
        return (host, port) in self._secure

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that breaks is the receiver's to notice."""

    def _secured(self, raw: socket.socket, host: str, reach: Reach) -> socket.socket:
        context = ssl.create_default_context()
        if reach is not Reach.PUBLIC:
            # Cameras sign their certificates themselves.
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(raw, server_hostname=host)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


def _there(server: socket.socket) -> Iterator[bytes]:
    """What has come: TLS may hold more than its socket shows, or less; empty at the end."""
    data = b"?"
    while data:
        server.settimeout(0)
        try:
            data = server.recv(PIECE)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        finally:
            server.settimeout(None)
        yield data


class _Tunnel(BaseRequestHandler):
    """RTSP and RTMP: bytes both ways."""

    def handle(self) -> None:
        relay, client = self.server, self.request
        assert isinstance(relay, Relay)
        with suppress(CapstreamError), relay.connect(relay.address.host, relay.address.port) as server:
            relay.hold(client)
            poll = select.poll()
            for one in (client, server):
                poll.register(one, select.POLLIN)
            while True:
                ready = {number for number, _ in poll.poll()}
                if client.fileno() in ready:
                    if not (data := client.recv(PIECE)):
                        return
                    server.sendall(data)
                if server.fileno() in ready:
                    for data in _there(server):
                        if not data or not self._passes(relay, data):
                            return
                        client.sendall(data)

    def _passes(self, relay: Relay, data: bytes) -> bool:
        if relay.address.kind != "rtsp":
            return True
        with relay.lock:
            relay.reports.take(data)
            if relay.reports.leads_elsewhere:
                relay.refused = ELSEWHERE
            return not relay.reports.leads_elsewhere


class _Http(BaseHTTPRequestHandler):
    """A proxy of HTTP to hosts that speak HTTP or HTTPS. Playlists are passed on with addresses that lead through here."""

    def do_GET(self) -> None:
        relay = self.server
        assert isinstance(relay, Relay)
        relay.hold(self.connection)
        try:
            parts = urlsplit(self.path)
            host, port = parts.hostname, parts.port or PORTS["http"]
        except ValueError:
            host = None
        if not host or parts.scheme != "http":
            self.send_error(400)
            return
        try:
            upstream = HTTPConnection(host, port)
            upstream.sock = relay.connect(host, port)
        except (CapstreamError, OSError) as e:
            self.send_error(403 if isinstance(e, CapstreamError) else 502)
            return
        scheme = "https" if relay.is_secure(host, port) else "http"
        authority = parts.netloc.rpartition("@")[2].removesuffix(f":{PORTS[scheme]}")
        with upstream.sock, suppress(HTTPException):
            self._ask(upstream, authority, urlunsplit(("", "", parts.path or "/", parts.query, "")))
            self._answer(relay, upstream.getresponse(), urlunsplit((scheme, authority, parts.path, parts.query, "")))

    def _ask(self, upstream: HTTPConnection, authority: str, path: str) -> None:
        upstream.putrequest("GET", path, skip_host=True, skip_accept_encoding=True)
        upstream.putheader("Host", authority)
        for name, value in self.headers.items():
            if name.lower() not in _NOT_PASSED:
                upstream.putheader(name, value)
        upstream.putheader("Connection", "close")
        upstream.endheaders()

    def _answer(self, relay: Relay, answer: HTTPResponse, address: str) -> None:
        first = answer.read1(PIECE)
        length = answer.getheader("Content-Length")
        status, left_out = answer.status, _NOT_PASSED
        if begins(first):
            first = self._playlist(relay, address, first + answer.read(MOST_BYTES))
            # All of it was asked for, and it may be longer now.
            status, left_out, length = 200, _NOT_PASSED | {"content-range", "accept-ranges"}, str(len(first))
        elif answer.status < 300:
            with relay.lock:
                relay.playlists.fetch(address, _first_byte(self.headers.get("Range", "")))
        self.send_response_only(status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() == "location":
                self.send_header(name, relay.plain(urljoin(address, value)))
            elif name.lower() not in left_out:
                self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", length)
        self.send_header("Connection", "close")
        self.end_headers()
        while first:
            self.wfile.write(first)
            first = answer.read1(PIECE)

    def _playlist(self, relay: Relay, address: str, body: bytes) -> bytes:
        text = body.decode("utf-8", errors="surrogateescape")
        with relay.lock:
            relay.playlists.read(address, text)
        return _SECURE.sub(lambda found: relay.plain(found[0]), text).encode("utf-8", errors="surrogateescape")

    def log_message(self, format: str, *args: object) -> None:
        """Addresses hold secrets."""


def _first_byte(wanted: str) -> int:
    found = re.match(r"bytes=(\d+)-", wanted)
    return int(found[1]) if found else 0
