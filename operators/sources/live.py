"""Live sources: which addresses are followed, and how ffmpeg receives them.

MPEG-TS that comes as bytes (SRT, UDP, HTTP) is passed on as it is: ffmpeg's own copying of streams flattens timestamps that step
back. What has no bytes of one container (RTSP, RTMP, HLS) is copied into a NUT pipe, and ffmpeg's complaint of such a step is heeded.

ffmpeg itself looks up no name and speaks no TLS: what goes over TCP goes through a relay of ours on this machine, which does both, and
datagrams (SRT, UDP) go to the address that was looked up.
"""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import ffmpeg

from operators.errors import ConfigError, LiveUnavailable
from operators.sources.binaries import find_ffmpeg
from operators.sources.reach import Reach, look_up
from operators.sources.tracks import SourceOptions

STDIN = "-"
SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "srt", "udp", "http", "https")
PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322, "rtmp": 1935, "rtmps": 443, "srt": 0, "udp": 0}
LOOPBACK = "127.0.0.1"
PIPE_LIFT = 100
"""Seconds added in a NUT pipe from ffmpeg, which holds no timestamps below 0."""
PROBED_US = 2_000_000
Transport = Literal["mpegts", "nut"]
_HLS = re.compile(r"\.m3u8?$", re.IGNORECASE)
_PROTOCOLS: Mapping[str, str] = {
    "srt": "srt,udp",
    "udp": "udp",
    "http": "http,tcp",
    "hls": "http,tcp,crypto,data",
    "rtsp": "rtsp,rtp,tcp",
    "rtmp": "rtmp,tcp",
}
_HLS_FORMATS = "hls,mpegts,mov,aac,ac3,eac3,flac,mp3,webvtt"


@dataclass(frozen=True, slots=True)
class Address:
    """A live source that may be followed."""

    uri: str
    kind: Literal["srt", "udp", "http", "hls", "rtsp", "rtmp", "stdin"]
    reach: Reach = Reach.PUBLIC
    """How far inside it lay when it was admitted: it leads, and its name is moved, no further."""

    @property
    def relayed(self) -> bool:
        return self.kind in ("http", "hls", "rtsp", "rtmp")

    @property
    def secure(self) -> bool:
        return urlsplit(self.uri).scheme.lower() in ("https", "rtsps", "rtmps")

    @property
    def host(self) -> str:
        """Empty where it names none: it is waited for."""
        return urlsplit(self.uri).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.uri)
        return parts.port or PORTS[parts.scheme.lower()]

    @property
    def transport(self) -> Transport:
        return "nut" if self.kind in ("rtsp", "rtmp", "hls") else "mpegts"

    @property
    def name(self) -> str:
        """For messages: without user, password, path and query, any of which may be a secret."""
        if self.kind == "stdin":
            return "standard input"
        parts = urlsplit(self.uri)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def clean(self, said: str) -> str:
        """What a program said of the source, without what is secret in its address."""
        if self.kind == "stdin":
            return said
        parts = urlsplit(self.uri)
        for secret in sorted({self.uri, *_secrets(parts)}, key=len, reverse=True):
            said = said.replace(secret, self.name if secret == self.uri else "…")
        return re.sub(r"(?<=://)\S*@", "…@", said)


def is_live(uri: str) -> bool:
    """Whether it is an address, or standard input, and no file."""
    return uri == STDIN or "://" in uri


def admit_live(uri: str) -> Address:
    """Raises ConfigError (no address of a kind that is followed), LiveUnavailable (its name is not known now). May ask a name server."""
    if uri == STDIN:
        return Address(uri, "stdin")
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as e:
        raise ConfigError(f"{uri.partition('://')[0]}://… is no address: {e}") from e
    scheme = parts.scheme.lower()
    if scheme not in SCHEMES:
        raise ConfigError(f"{scheme}://… is not followed; live sources are {', '.join(s + '://' for s in SCHEMES)} and - (standard input)")
    listens = scheme == "srt" and "mode=listener" in parts.query
    if not parts.hostname and not listens:
        raise ConfigError(f"{scheme}://… names no host")
    reach = look_up(parts.hostname, port or PORTS[scheme]).reach if parts.hostname else Reach.PUBLIC
    kind: Any = scheme.removesuffix("s") if scheme != "srt" else scheme
    return Address(uri, "hls" if kind == "http" and _HLS.search(parts.path) else kind, reach)


def receiver_command(address: Address, tracks: SourceOptions, again: bool, relay_port: int | None = None) -> list[str]:
    """Gives the source on stdout, in the address's transport. `again`: something of it was received before. `relay_port`: of the relay on
    this machine that everything over TCP goes through.

    Looks up the name of what is not relayed. Raises LiveUnavailable (it is not known now, or not followed where it is now), ConfigError
    (there is no ffmpeg).
    """
    uri, options = _way(address, relay_port)
    options |= {"protocol_whitelist": _PROTOCOLS[address.kind], **_timeouts(address)}
    if address.transport == "mpegts":
        source = ffmpeg.input(uri, f="data", probesize=32, analyzeduration=0, **options)
        out = ffmpeg.output(source, "pipe:1", map="0", c="copy", f="data", flush_packets=1)
    else:
        formats = {"hls": "hls", "rtsp": "rtsp", "rtmp": "flv"}
        options |= {"f": formats[address.kind], "copyts": None, "analyzeduration": PROBED_US, "probesize": PROBED_US}
        source = ffmpeg.input(uri, **options, **_hls(address, again))
        timing = {"flush_packets": 1, "max_interleave_delta": 100_000, "output_ts_offset": PIPE_LIFT}
        out = ffmpeg.output(source, "pipe:1", **_chosen(tracks), c="copy", f="nut", **timing)
    command: list[str] = out.global_args("-nostdin", "-hide_banner", "-loglevel", "repeat+warning").compile(cmd=find_ffmpeg())
    setpriv = shutil.which("setpriv")
    # Around no relay; and one that hangs does not notice that nobody reads it any more.
    command = ["env", "-u", "no_proxy", *command]
    return [setpriv, "--pdeathsig", "KILL", *command] if setpriv else command


def plain_http(uri: str) -> str:
    """The address by which the relay is asked for one of HTTP or HTTPS: it alone knows which ports speak TLS."""
    parts = urlsplit(uri)
    port = "" if parts.port or parts.scheme.lower() == "http" else f":{PORTS['https']}"
    return urlunsplit(("http", parts.netloc + port, parts.path, parts.query, ""))


def _way(address: Address, relay_port: int | None) -> tuple[str, dict[str, Any]]:
    """(what ffmpeg opens, options for it)."""
    parts = urlsplit(address.uri)
    user = parts.netloc.rpartition("@")[0]
    before = f"{user}@" if user else ""
    if address.kind in ("http", "hls"):
        return plain_http(address.uri), {"http_proxy": f"http://{LOOPBACK}:{relay_port}"}
    if address.relayed:
        through = parts._replace(scheme=address.kind, netloc=f"{before}{LOOPBACK}:{relay_port}")
        return urlunsplit(through), {"rtmp_tcurl": _application(parts)} if address.kind == "rtmp" else {}
    if not address.host:
        return address.uri, {}
    try:
        found = look_up(address.host, address.port, address.reach).addresses[0]
    except ConfigError as e:
        # It was followed before: its name may come back to where it was.
        raise LiveUnavailable(e.message) from e
    host = f"[{found}]" if ":" in found else found
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(parts._replace(netloc=f"{before}{host}{port}")), {}


def _application(parts: SplitResult) -> str:
    """What an RTMP server is told of the address: as ffmpeg does, but with the name that the user gave."""
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    names = path.removeprefix("/").split("/")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/{'/'.join(names[: 2 if len(names) > 2 else 1])}"


def _timeouts(address: Address) -> dict[str, Any]:
    """As far as they work: what counts is the recorder's own watch."""
    five_seconds = 5_000_000
    match address.kind:
        case "rtsp":
            return {"rtsp_transport": "tcp", "timeout": five_seconds}
        case "udp":
            # Datagrams wait in the kernel while this machine is busy; it gives of these 4 MiB what net.core.rmem_max allows.
            return {"fifo_size": 50_000, "overrun_nonfatal": 1, "buffer_size": 4 << 20}
        case "http" | "hls" | "rtmp":
            return {"rw_timeout": five_seconds}
    return {}


def _hls(address: Address, again: bool) -> dict[str, Any]:
    """The first time from the live edge on; then from all that is listed: what came before is passed over."""
    if address.kind != "hls":
        return {}
    return {"format_whitelist": _HLS_FORMATS, "live_start_index": 0 if again else -1, "http_persistent": 0}


def _chosen(tracks: SourceOptions) -> dict[str, Any]:
    if tracks.video is None and tracks.audio is None and not tracks.language:
        return {"dn": None, "sn": None}
    picture = "0:v:0?" if tracks.video is None else f"0:{tracks.video}"
    sound = f"0:a:m:language:{tracks.language}" if tracks.language else "0:a:0?"
    return {"map": [picture, sound if tracks.audio is None else f"0:{tracks.audio}"]}


def _secrets(parts: SplitResult) -> set[str]:
    values = {field.partition("=")[2] for field in parts.query.split("&")}
    found = {parts.netloc.rpartition("@")[0], parts.password or "", parts.query, *values}
    return {s for secret in found if len(secret) > 2 for s in (secret, unquote(secret))}
