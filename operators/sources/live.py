"""Live sources: which addresses are followed, and how ffmpeg receives them.

MPEG-TS that comes as bytes (SRT, UDP, HTTP) is passed on as it is: ffmpeg's own copying of streams flattens timestamps that step
back. What has no bytes of one container (RTSP, RTMP, HLS) is copied into a NUT pipe, and ffmpeg's complaint of such a step is heeded.
"""

import ipaddress
import re
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import SplitResult, unquote, urlsplit

import ffmpeg

from operators.errors import ConfigError, LiveUnavailable
from operators.sources.binaries import find_ffmpeg
from operators.sources.tracks import SourceOptions

STDIN = "-"
SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "srt", "udp", "http", "https")
REFUSED = tuple(map(ipaddress.ip_network, ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128")))
"""Link-local addresses: there machines are told their secrets."""
PIPE_LIFT = 100
"""Seconds added in a NUT pipe from ffmpeg, which holds no timestamps below 0."""
PROBED_US = 2_000_000
Transport = Literal["mpegts", "nut"]
_HLS = re.compile(r"\.m3u8?$", re.IGNORECASE)
_PROTOCOLS: Mapping[str, str] = {
    "srt": "srt,udp",
    "udp": "udp",
    "http": "http,https,tls,tcp",
    "hls": "http,https,tls,tcp,crypto,data",
    "rtsp": "rtsp,rtsps,rtp,srtp,udp,tcp,tls,http,https",
    "rtmp": "rtmp,rtmps,tcp,tls",
}
_HLS_FORMATS = "hls,mpegts,mov,aac,ac3,eac3,flac,mp3,webvtt"


@dataclass(frozen=True, slots=True)
class Address:
    """A live source that may be followed."""

    uri: str
    kind: Literal["srt", "udp", "http", "hls", "rtsp", "rtmp", "stdin"]

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


def admit_live(uri: str, link_local: bool = False) -> Address:
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
    if not link_local and parts.hostname:
        _refuse_link_local(parts.hostname, port)
    kind: Any = scheme.removesuffix("s") if scheme != "srt" else scheme
    return Address(uri, "hls" if kind == "http" and _HLS.search(parts.path) else kind)


def receiver_command(address: Address, tracks: SourceOptions, again: bool) -> list[str]:
    """Gives the source on stdout, in the address's transport. `again`: something of it was received before."""
    options: dict[str, Any] = {"protocol_whitelist": _PROTOCOLS[address.kind], **_timeouts(address)}
    if address.transport == "mpegts":
        source = ffmpeg.input(address.uri, f="data", probesize=32, analyzeduration=0, **options)
        out = ffmpeg.output(source, "pipe:1", map="0", c="copy", f="data", flush_packets=1)
    else:
        formats = {"hls": "hls", "rtsp": "rtsp", "rtmp": "flv"}
        options |= {"f": formats[address.kind], "copyts": None, "analyzeduration": PROBED_US, "probesize": PROBED_US}
        source = ffmpeg.input(address.uri, **options, **_hls(address, again))
        timing = {"flush_packets": 1, "max_interleave_delta": 100_000, "output_ts_offset": PIPE_LIFT}
        out = ffmpeg.output(source, "pipe:1", **_chosen(tracks), c="copy", f="nut", **timing)
    command: list[str] = out.global_args("-nostdin", "-hide_banner", "-loglevel", "repeat+warning").compile(cmd=find_ffmpeg())
    setpriv = shutil.which("setpriv")
    # One that hangs does not notice that nobody reads it any more.
    return [setpriv, "--pdeathsig", "KILL", *command] if setpriv else command


def _timeouts(address: Address) -> dict[str, Any]:
    """As far as they work: what counts is the recorder's own watch."""
    five_seconds = 5_000_000
    match address.kind:
        case "rtsp":
            return {"rtsp_transport": "tcp", "timeout": five_seconds}
        case "udp":
            return {"fifo_size": 50_000, "overrun_nonfatal": 1}
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


def _refuse_link_local(host: str, port: int | None) -> None:
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError as e:
        raise LiveUnavailable(f"the name {host} is not known here ({e.strerror}); check the address") from e
    for text in found:
        address = ipaddress.ip_address(str(text).partition("%")[0])
        if any(address in network for network in REFUSED if network.version == address.version):
            raise ConfigError(f"{host} is a link-local address, {text}, and is not followed")


def _secrets(parts: SplitResult) -> set[str]:
    values = {field.partition("=")[2] for field in parts.query.split("&")}
    found = {parts.netloc.rpartition("@")[0], parts.password or "", parts.query, *values}
    return {s for secret in found if len(secret) > 2 for s in (secret, unquote(secret))}
