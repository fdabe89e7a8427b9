"""Settings and sources to plans: what is to be run, whole and checked, before anything starts."""

import json
import os
import subprocess
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import cache, partial
from hashlib import file_digest, sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from operators.captioners import Describer, FusedDescriber
from operators.errors import CapstreamError, ConfigError, LiveUnavailable, ModelUnavailable, SourceUnavailable
from operators.events import DETECTORS
from operators.media import StreamInfo
from operators.protocols import Source, StreamOperator
from operators.records import Model
from operators.sentences import primary
from operators.sources import SourceOptions, open_source
from operators.sources.channels import are_alike
from operators.sources.live import admit_live, is_live
from operators.sources.manifest import SPOOL
from operators.sources.spool_view import SpoolView
from operators.sources.spooled import SpooledOptions, SpooledSource
from operators.speech.channels import ChannelTranscriber
from operators.speech.speakers import SpeakerTranscriber
from operators.subtitles import SubtitleTranslator
from operators.subtitles.styles import Style
from operators.timeline import ZERO, clock, exact
from operators.windows import Kept
from pipeline.fusion_settings import check_fusion
from pipeline.models import identify, resolve
from pipeline.naming import Named, name_sources
from pipeline.plan import LaneName, ModelPlan, Outcome
from pipeline.settings import MODELS, Chosen, ChosenModel, Lanes, Settings, asked_models, choose_model, choose_operators
from pipeline.spool import Recording, start_recording, stop_recording
from pipeline.spool_watch import SpoolOptions

CARRIERS = {"silero": "silero-vad", "pocketsphinx": "pocketsphinx", "rapidocr": "rapidocr", "plain": "capstream", "fusion": "capstream"}
"""The distribution that a model without weights of its own, or with them inside, comes in: its version is the model's revision."""
LOOKING_BACK = (Describer, FusedDescriber, DETECTORS["narrate.fused"])
"""Operators that read what the lanes keep beside their logs."""
SHARED = ("speech", "fusion")
"""Models that all streams share, whatever their size: one process loads what they run on, and their batches are worth it."""
WHOLE_FILE = 1 << 30
ENDS = 1 << 20
PROBES = 8
RESIDENT_WAIT_S = 10.0
"""After so long without media a resident stream says why, and tries on."""
GIVE_UP_S = 30.0
"""A run ends a live stream that has been down for so long."""


@dataclass(frozen=True, slots=True)
class Cut:
    """--from and --to."""

    start: Fraction
    stop: Fraction | None


class RecordedSource(SpooledSource):
    """A live source and the recorder that fills its spool."""

    def __init__(self, recording: Recording, uri: str, options: SpooledOptions) -> None:
        super().__init__(uri, recording.folder, options, recording.keep)
        self.recording = recording
        self._view = SpoolView(recording.folder, "picture")

    @property
    def clock_moved_s(self) -> float:
        return self._view.clock.moved_s if self._view.clock else 0.0

    @property
    def lanes(self) -> set[str]:
        """Those of the tracks that it has now; none while that is not known, or once it has ended."""
        self._view.poll()
        if not self._view.sessions or self._view.ended:
            return set()
        session = self._view.sessions[-1]
        return {lane for lane, track in (("look", session.picture), ("listen", session.sound)) if track is not None}


@dataclass(frozen=True, slots=True)
class PlannedStream:
    """The plan of one stream (`pipeline.plan.StreamPlan`)."""

    stream_id: str
    uri: str
    cut: Cut
    source: SourceOptions
    lanes: Lanes
    """Those of a file without the lanes of tracks that are not there."""
    settings_fingerprint: str
    recording: SpoolOptions | None = None
    """Of a live stream: how it is recorded."""
    notes: tuple[str, ...] = ()
    """What the user is to be told of it before it runs."""

    @property
    def live(self) -> bool:
        return self.recording is not None

    @property
    def start(self) -> Fraction:
        return self.cut.start

    @property
    def stop(self) -> Fraction | None:
        return self.cut.stop

    def open_source(self, place: Path) -> tuple[Source, StreamInfo]:
        if self.recording is None:
            return open_source(self.uri, self.source)
        recording = start_recording(self.uri, place / SPOOL, self.recording, self.source)
        wait_s = RESIDENT_WAIT_S if self.recording.give_up_s is None else self.recording.give_up_s
        options = SpooledOptions(wait_s=wait_s, apart=len(self.source.speakers))
        source = RecordedSource(recording, admit_live(self.uri).name, options)
        return source, source.probe()

    def abandon_source(self, place: Path) -> None:
        if self.live:
            stop_recording(place / SPOOL)

    def keep_source(self, source: Source, lanes: set[str]) -> bool:
        assert isinstance(source, RecordedSource)
        source.recording.want()
        return source.lanes <= lanes

    def clock_moved_s(self, source: Source) -> float:
        assert isinstance(source, RecordedSource)
        return source.clock_moved_s

    def close_source(self, source: Source, stopped: bool) -> None:
        if isinstance(source, RecordedSource):
            source.close()
            if stopped:
                source.recording.stop()

    def source_fingerprint(self) -> str:
        return _fingerprint(self.uri)

    def operators(self, lane: LaneName, kept: Kept) -> list[StreamOperator]:
        chosen = {c.place: c for c in self.lanes.get(lane, ())}
        by_voice = chosen.pop("listen.speakers", None)
        made: list[StreamOperator] = []
        for c in chosen.values():
            kind: Callable[..., StreamOperator] = c.cls
            given: list[Any] = [kept] if c.cls in LOOKING_BACK else []
            given += [chosen["narrate.subtitles"].options] if c.cls is SubtitleTranslator else []
            make = partial(kind, c.options, *given)
            if c.cls.origin == "listen.words" and self.source.speakers:
                made.append(ChannelTranscriber(make, self.source.speakers))
            elif c.cls.origin == "listen.words" and by_voice is not None:
                made.append(SpeakerTranscriber(by_voice.options, make))
            else:
                made.append(make())
        return made


def plan_streams(
    sources: Sequence[str], settings: Settings, cut: Cut, live: Settings | None = None, resident: bool = False
) -> tuple[list[PlannedStream], list[Outcome]]:
    """The streams that can be run, in their order, and the outcomes of those that can not: every file is probed.
    `live`: the settings for live streams, where they are others. `resident`: live streams are never given up.

    Raises:
        ConfigError: an id is none or is there twice, or the settings do not hold together.
    """
    named, unnamed = name_sources(sources)
    spool = (live or settings).spool
    if not resident and spool.give_up_s is None:
        spool = replace(spool, give_up_s=GIVE_UP_S)
    make = {False: _planner(settings, cut, None), True: _planner(live or settings, cut, spool)}
    streams = [make[is_live(n.uri)](n) for n in named]
    with ThreadPoolExecutor(PROBES) as pool:
        probed = list(pool.map(_probe, streams))
    refused = [_refuse(stream_id, e) for stream_id, e in unnamed] + [o for o in probed if isinstance(o, Outcome)]
    return [s for s in probed if isinstance(s, PlannedStream)], refused


def _planner(settings: Settings, cut: Cut, recording: SpoolOptions | None) -> Callable[[Named], PlannedStream]:
    lanes = choose_operators(settings)
    _check_speakers(lanes, settings)
    _check_translations(lanes)
    _check_models(lanes, settings)
    check_fusion(lanes, settings)
    fingerprint = _settings_fingerprint(lanes, settings, cut)
    return lambda n: PlannedStream(n.stream_id, _absolute(n.uri), cut, settings.source, lanes, fingerprint, recording)


def plan_models(streams: Sequence[PlannedStream], settings: Settings, progress: Callable[[str], None]) -> list[ModelPlan]:
    """The models that these streams ask, fetched where they have to be; `progress` is told of it in lines.

    Raises:
        ModelUnavailable: a model can not be had, or wants a device that is not here.
    """
    return _plan_models({role for stream in streams for role in asked_models(stream.lanes)}, settings, progress)


def plan_every_model(settings: Settings, progress: Callable[[str], None]) -> list[ModelPlan]:
    """The same for any stream with these settings."""
    return _plan_models(set(asked_models(choose_operators(settings))), settings, progress)


def _plan_models(asked: set[str], settings: Settings, progress: Callable[[str], None]) -> list[ModelPlan]:
    return [_plan_model(role, model, progress) for role in MODELS if role in asked and (model := choose_model(role, settings))]


def _check_speakers(lanes: Lanes, settings: Settings) -> None:
    places = [c.place for c in lanes["listen"]]
    if "listen.speakers" in places and settings.source.speakers:
        raise ConfigError("source.speakers says who speaks in each channel, and listen.speakers would tell by their voices: leave one out")
    if "listen.speakers" in places and not any(c.cls.origin == "listen.words" for c in lanes["listen"] if c.place != "listen.speakers"):
        raise ConfigError("listen.speakers tells who says the words, and there are none: set listen.words=true")


def _check_translations(lanes: Lanes) -> None:
    places = [c.place for c in lanes["narrate"]]
    if "narrate.translations" in places and "narrate.subtitles" not in places:
        raise ConfigError("narrate.translations are cut in the style of narrate.subtitles: set narrate.subtitles=true")


def _check_models(lanes: Lanes, settings: Settings) -> None:
    for operator in (c for lane in lanes.values() for c in lane):
        for role in operator.cls.models:
            model = choose_model(role, settings)
            if model is None:
                origin = operator.cls.origin
                raise ConfigError(f"{origin} asks a {role} model and the profile names none: set models.{role}.use, or {origin}=false")
            asked, known = [getattr(operator.options, "language", ""), *getattr(operator.options, "languages", ())], _known_languages(model)
            for language in filter(None, asked):
                if known is not None and primary(language) not in known:
                    raise ConfigError(f"{model.place} does not know the language {language!r}: it knows {', '.join(sorted(known))}")


def _known_languages(model: ChosenModel) -> Collection[str] | None:
    """None where any may be asked for."""
    own = getattr(model.options, "language", None)
    return {primary(own)} if own else getattr(model.cls, "languages", None)


def _settings_fingerprint(lanes: Lanes, settings: Settings, cut: Cut) -> str:
    """Where models run, on what and how many, is not in it: it does not decide what the records say."""
    chosen = [c for lane in lanes.values() for c in lane] + [m for role in asked_models(lanes) if (m := choose_model(role, settings))]
    said = {c.place: [c.cls.__qualname__, asdict(c.options)] for c in chosen}
    told = {"chosen": said, "source": asdict(settings.source), "cut": [exact(cut.start), cut.stop and exact(cut.stop)]}
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _absolute(uri: str) -> str:
    """An actor's working folder is not ours."""
    return uri if "://" in uri else str(Path(uri).absolute())


def _probe(stream: PlannedStream) -> PlannedStream | Outcome:
    if stream.live:
        try:
            if stream.start:
                raise ConfigError("it is live: --from can not go back in it; leave it away")
            admit_live(stream.uri)
        except ConfigError as e:
            return _refuse(stream.stream_id, e)
        except LiveUnavailable:
            pass  # the name server may know its name when it is opened
        return stream
    try:
        source, info = open_source(stream.uri, stream.source)
    except CapstreamError as e:
        return _refuse(stream.stream_id, e)
    if info.duration is not None and stream.start >= info.duration:
        return _refuse(stream.stream_id, ConfigError(f"--from {clock(stream.start)} is not before its end at {clock(info.duration)}"))
    tracks: dict[LaneName, object] = {"look": info.picture, "listen": info.sound, "narrate": info}
    rate = info.picture.rate if info.picture is not None else None
    there = {lane: chosen for lane, chosen in stream.lanes.items() if tracks[lane] is not None}
    lanes = {lane: tuple(_over_pictures(c, rate) for c in chosen) for lane, chosen in there.items()}
    if stream.source.speakers and are_alike(source, info):
        note = f"its {len(stream.source.speakers)} channels are the same sound (dual mono): they tell nobody apart, and are mixed"
        return replace(stream, lanes=lanes, source=replace(stream.source, speakers=()), notes=(note,))
    return replace(stream, lanes=lanes)


def _over_pictures(chosen: Chosen, rate: Fraction | None) -> Chosen:
    """Subtitles are told the pictures a second of their video: some styles count gaps in them."""
    if rate is None or not isinstance(chosen.options, Style) or chosen.options.frames_per_s:
        return chosen
    return replace(chosen, options=replace(chosen.options, frames_per_s=float(rate)))


def _refuse(stream_id: str, error: CapstreamError) -> Outcome:
    return Outcome(stream_id, "failed", error.message, ZERO, {}, (), isinstance(error, ConfigError))


def _plan_model(role: str, model: ChosenModel, progress: Callable[[str], None]) -> ModelPlan:
    """Shared where it is worth it: see `SHARED`, and whatever has weights of its own or is on a GPU."""
    table, options = model.table, model.options
    if table.device == "cuda" and not has_gpu():
        raise ModelUnavailable(f"models.{role} is to run on an NVIDIA GPU, and none is seen here: --profile cpu works without")
    identity = Model(role, table.use, version(CARRIERS[table.use]) if table.use in CARRIERS else None)
    weights = getattr(options, "model", "")
    if weights and not Path(weights).is_file():
        options = replace(options, model=str(resolve(weights, progress)))
        identity = Model(role, *identify(weights))
    shared = role in SHARED or bool(weights) or table.device == "cuda"
    threads = cores() if shared else max(1, cores() // 2)
    make: Callable[..., Any] = model.cls
    return ModelPlan(role, partial(make, options), identity, shared, table.device, threads, table.replicas, table.batch, table.age_s)


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0))


@cache
def has_gpu() -> bool:
    """Whether an NVIDIA GPU is seen, asked without loading torch."""
    try:
        return b"GPU 0" in subprocess.run(["nvidia-smi", "-L"], capture_output=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False


def _fingerprint(uri: str) -> str:
    """Size and SHA-256 of a file (above 1 GiB of its first and last MiB); of an address, the SHA-256 of that."""
    if "://" in uri:
        return f"address {sha256(uri.encode()).hexdigest()}"
    try:
        with Path(uri).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size <= WHOLE_FILE:
                return f"{size} {file_digest(file, 'sha256').hexdigest()}"
            first = file.read(ENDS)
            file.seek(-ENDS, os.SEEK_END)
            return f"{size} ends {sha256(first + file.read()).hexdigest()}"
    except OSError as e:
        raise SourceUnavailable(f"{uri} can not be read: {e.strerror}") from e
