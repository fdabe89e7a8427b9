"""An RTSP server with pictures (H.264) that are white in even seconds of UTC and black in odd ones, and a tone (G.711).

Run by the system's Python, for which Debian packages GStreamer.
"""

import sys
import time

try:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer
except (ImportError, ValueError):
    sys.exit(1)

LAUNCH = (
    "( videotestsrc name=light is-live=true pattern=solid-color ! video/x-raw,width=192,height=108,framerate=25/1 "
    "! x264enc tune=zerolatency key-int-max=25 ! rtph264pay name=pay0 pt=96 config-interval=1 "
    "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay1 pt=8 )"
)

FRAME_NS = 40_000_000
WHITE, BLACK = 0xFFFFFFFF, 0xFF000000


def configure(factory: object, media: "GstRtspServer.RTSPMedia") -> None:
    light = media.get_element().get_by_name("light")

    def next_frame(pad: object, info: "Gst.PadProbeInfo") -> "Gst.PadProbeReturn":
        made_ns = info.get_buffer().pts + light.get_base_time()
        ago_ns = light.get_clock().get_time() - made_ns
        light.set_property("foreground-color", BLACK if (time.time_ns() - ago_ns + FRAME_NS) // 10**9 % 2 else WHITE)
        return Gst.PadProbeReturn.OK

    light.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, next_frame)
    media.connect("prepared", report_capture)


def report_capture(media: "GstRtspServer.RTSPMedia") -> None:
    """What the sender reports is when pictures were taken, not when they were sent."""
    for name in ("rtpsession0", "rtpsession1"):
        media.get_element().get_parent().get_by_name(name).set_property("rtcp-sync-send-time", False)


Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(LAUNCH)
factory.set_shared(True)
factory.connect("media-configure", configure)
server.get_mount_points().add_factory("/test", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
