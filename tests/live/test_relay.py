"""Where a live source may lead, and where it may not: what ffmpeg would follow by itself is not followed."""

import ipaddress
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from broadcasts import clip, lines, recorded, wait_until
from faulty import TsServer
from rolling_hls import RollingHls
from test_transports import answering

from operators.errors import ConfigError, LiveUnavailable
from operators.sources import reach
from operators.sources.live import Address, admit_live, receiver_command
from operators.sources.manifest import Down, SegmentBegin
from operators.sources.reach import Reach, look_up, reach_of
from operators.sources.tracks import SourceOptions
from pipeline.spool_receiver import Receiver
from pipeline.spool_relay import ELSEWHERE, Relay
from pipeline.spool_watch import SpoolOptions


class TestReach:
    @pytest.mark.parametrize(
        ("address", "found"),
        [
            ("8.8.8.8", Reach.PUBLIC), ("2606:4700::1", Reach.PUBLIC),
            ("10.1.2.3", Reach.PRIVATE), ("192.168.0.7", Reach.PRIVATE), ("100.64.0.1", Reach.PRIVATE), ("fc00::1", Reach.PRIVATE),
            ("127.9.9.9", Reach.HERE), ("::1", Reach.HERE), ("0.0.0.0", Reach.HERE),
            ("::ffff:127.0.0.1", Reach.HERE), ("::ffff:10.0.0.1", Reach.PRIVATE), ("64:ff9b::7f00:1", Reach.HERE),
            ("2002:7f00:1::", Reach.HERE), ("::ffff:169.254.169.254", Reach.SECRET),
            ("169.254.169.254", Reach.SECRET), ("fe80::1", Reach.SECRET), ("fd00:ec2::254", Reach.SECRET),
        ],
    )  # fmt: skip
    def test_of_an_address(self, address: str, found: Reach) -> None:
        assert reach_of(ipaddress.ip_address(address)) is found

    @pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "localhost", "::1"])
    def test_however_it_is_written(self, host: str) -> None:
        with pytest.raises(ConfigError, match="inside this network or machine"):
            look_up(host, 80, Reach.PUBLIC)
        assert look_up(host, 80).reach is Reach.HERE

    def test_a_name_with_one_address_inside_is_inside(self, names: dict[str, list[str]]) -> None:
        names["both.example"] = ["8.8.8.8", "10.0.0.1"]
        with pytest.raises(ConfigError, match=r"both\.example is at 10\.0\.0\.1"):
            look_up("both.example", 80, Reach.PUBLIC)
        assert look_up("both.example", 80, Reach.PRIVATE).addresses == ("8.8.8.8", "10.0.0.1")


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """A name server of our own; its answers may change."""
    answers: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def asked(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        found = answers.get(host, [host])
        return [entry for one in found for entry in real(one, port, *rest, **more)]

    monkeypatch.setattr(reach.socket, "getaddrinfo", asked)
    return answers


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1 stands for a host on the internet, 127.0.0.2 for one inside."""

    def stands_for(address: reach.Ip) -> Reach:
        return Reach.PUBLIC if str(address) == "127.0.0.1" else Reach.PRIVATE

    monkeypatch.setattr(reach, "reach_of", stands_for)


@contextmanager
def http(answer: Callable[[BaseHTTPRequestHandler], None], host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer((host, 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


class Canary:
    """A server inside, that nobody from outside is to lead us to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._media = clip(2).read_bytes()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        request.send_response(200)
        request.send_header("Content-Length", str(len(self._media)))
        request.end_headers()
        request.wfile.write(self._media)


@contextmanager
def canary() -> Iterator[tuple[Canary, str]]:
    found = Canary()
    with http(found.answer, "127.0.0.2") as port:
        yield found, f"http://127.0.0.2:{port}"


def leading(body: str, location: str = "") -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302 if location else 200)
        if location:
            request.send_header("Location", location)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body.encode())

    return answer


def followed(uri: str, seconds: float = 20) -> Receiver:
    """One connection, from beginning to end."""
    with Receiver(admit_live(uri), SourceOptions(), None, (lambda: True, lambda: True), again=False) as receiver:
        if receiver.open():
            for _, _ in zip(range(20), receiver.packets(), strict=False):
                pass
    return receiver


HEAD = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n"
TIMES = "#EXTINF:2,\n"
LEADS = {
    "segment": HEAD + TIMES + "{inside}/secret.ts\n#EXT-X-ENDLIST\n",
    "key": HEAD + '#EXT-X-KEY:METHOD=AES-128,URI="{inside}/secret.key"\n' + TIMES + "own.ts\n#EXT-X-ENDLIST\n",
    "map": HEAD + '#EXT-X-MAP:URI="{inside}/secret.mp4"\n' + TIMES + "own.ts\n#EXT-X-ENDLIST\n",
    "playlist": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{inside}/secret.m3u8\n",
}


@pytest.mark.ffmpeg
class TestWhatLeadsInside:
    @pytest.mark.parametrize("what", LEADS)
    def test_a_playlist(self, what: str, outside: None) -> None:
        with canary() as (inside, address), http(leading(LEADS[what].format(inside=address))) as port:
            receiver = followed(f"http://127.0.0.1:{port}/live.m3u8")
        assert inside.asked == []
        assert receiver.relay is not None
        assert "127.0.0.2 is at 127.0.0.2, inside this network" in receiver.relay.refused

    def test_a_playlist_may_lead_where_its_source_is(self) -> None:
        with canary() as (inside, address), http(leading(LEADS["segment"].format(inside=address))) as port:
            receiver = followed(f"http://127.0.0.1:{port}/live.m3u8")
        assert inside.asked
        assert set(receiver.streams) == {"picture", "sound"}

    @pytest.mark.parametrize("path", ["x", "live.m3u8"])
    def test_a_redirection(self, path: str, outside: None, monkeypatch: pytest.MonkeyPatch) -> None:
        # What the environment says of proxies makes no way around.
        monkeypatch.setenv("no_proxy", "*")
        with canary() as (inside, address), http(leading("", f"{address}/secret")) as port:
            receiver = followed(f"http://127.0.0.1:{port}/{path}")
        assert inside.asked == []
        assert receiver.relay is not None
        assert receiver.relay.refused

    def test_a_redirection_of_rtsp(self) -> None:
        with canary() as (inside, address):
            moved = b"RTSP/1.0 302 Found\r\nCSeq: %d\r\nLocation: " + address.replace("http", "rtsp").encode() + b"/x\r\n\r\n"
            receiver = followed(f"rtsp://127.0.0.1:{answering(moved)}/x")
        assert inside.asked == []
        assert receiver.relay is not None
        assert receiver.relay.refused == ELSEWHERE


@pytest.mark.ffmpeg
def test_a_name_that_moves_inside_is_not_followed_there(outside: None, names: dict[str, list[str]]) -> None:
    names["cam.example"] = ["127.0.0.1"]
    address = admit_live("http://cam.example:9/x")
    srt = admit_live("srt://cam.example:9?mode=caller")
    assert "srt://127.0.0.1:9?mode=caller" in receiver_command(srt, SourceOptions(), again=False)
    names["cam.example"] = ["127.0.0.2"]
    with canary() as (inside, there):
        relay = Relay(Address(address.uri, address.kind, address.reach))
        with pytest.raises(ConfigError, match="inside this network"):
            relay.connect("cam.example", int(there.rpartition(":")[2]))
        relay.close()
        with pytest.raises(LiveUnavailable, match="inside this network"):
            receiver_command(srt, SourceOptions(), again=False)
    assert inside.asked == []


def test_what_was_looked_at_is_what_is_connected_to(names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is looked up once a connection: between the look and the connection there is nothing to change."""
    names["cam.example"] = ["127.0.0.1"]
    opened = []
    monkeypatch.setattr(reach.socket, "create_connection", lambda where, timeout: opened.append(where) or socket.socket())
    relay = Relay(admit_live("rtsp://cam.example/x"))
    relay.connect("cam.example", 554).close()
    relay.close()
    assert opened == [("127.0.0.1", 554)]


@pytest.mark.parametrize(
    ("uri", "application"),
    [("rtmp://a.example/live/x", "rtmp://a.example/live"), ("rtmps://u:p@a.example:444/a/b/c?t=1", "rtmps://a.example:444/a/b")],
)
def test_rtmp_is_told_the_name_that_was_given(uri: str, application: str, names: dict[str, list[str]]) -> None:
    names["a.example"] = ["127.0.0.1"]
    command = receiver_command(admit_live(uri), SourceOptions(), again=False, relay_port=1234)
    assert command[command.index("-rtmp_tcurl") + 1] == application
    assert command[command.index("-i") + 1].rpartition("@")[2].startswith("127.0.0.1:1234/") or "rtmp://127.0.0.1:1234/" in " ".join(
        command
    )


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for it that nobody else has signed."""
    file = tmp_path_factory.mktemp("tls") / "own.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*made, "-keyout", str(file), "-out", f"{file}.crt"], check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + Path(f"{file}.crt").read_bytes())
    return file


@pytest.mark.ffmpeg
class TestTls:
    def context(self, certificate: Path) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        return context

    def test_playlists_that_name_addresses_in_full(self, certificate: Path, tmp_path: Path) -> None:
        with RollingHls(tmp_path / "hls", 12) as server, http(server.answer, tls=self.context(certificate)) as port:
            server.elsewhere = f"https://localhost:{port}/"
            with recorded(f"https://localhost:{port}/live.m3u8", tmp_path / "spool"):
                wait_until(lambda: len(lines(tmp_path / "spool", SegmentBegin)) > 1, 30)

    def test_a_certificate_of_its_own_is_not_trusted_from_outside(self, certificate: Path, outside: None) -> None:
        with http(leading(HEAD), tls=self.context(certificate)) as port:
            receiver = followed(f"https://127.0.0.1:{port}/live.m3u8")
        assert receiver.relay is not None
        assert "certificate verify failed" in receiver.relay.said


@pytest.mark.ffmpeg
def test_a_source_that_leads_inside_says_so(tmp_path: Path) -> None:
    # No address that holds secrets is followed, wherever the source itself is.
    with http(leading("", "http://169.254.169.254/latest")) as port, recorded(f"http://127.0.0.1:{port}/x", tmp_path, SpoolOptions()):
        wait_until(lambda: [down for down in lines(tmp_path, Down) if "169.254.169.254" in down.why], 60)


@pytest.mark.ffmpeg
def test_through_the_relay_a_stream_is_as_it_was_sent(tmp_path: Path) -> None:
    with TsServer(clip(4).read_bytes(), 1) as server:
        receiver = followed(f"http://viewer:pass@127.0.0.1:{server.port}/x?t=1")
    assert set(receiver.streams) == {"picture", "sound"}
    [asked] = server.requests
    assert asked.startswith(b"GET /x?t=1 HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{server.port}\r\n".encode() in asked
    assert b"pass" not in asked.split(b"\r\n")[0]
