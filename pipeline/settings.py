"""What can stand where: the operators of each lane, the models, and the typed tables of a profile that follow from them.

The options of an operator are its own dataclass; nothing of it is written down again here.
"""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, create_model

from operators.captioners import CAPTIONERS, Describer, FusedDescriber
from operators.events import DETECTORS
from operators.fusion import FUSION
from operators.sound import LogMelFeatures, SoundEncoder, SoundFeatures, SoundMeasurer, SoundTagger
from operators.sources import SourceOptions
from operators.speech import RECOGNISERS
from operators.speech.speakers import SpeakerTranscriber
from operators.speech.vad import SileroVad
from operators.speech.voices import VoiceEncoder
from operators.speech.words import SpeechTranscriber
from operators.subtitles import SubtitleCutter, SubtitleTranslator
from operators.translation import TRANSLATORS
from operators.vision.features import FrameEncoder, FrameFeatures, SignalFeatures
from operators.vision.shots import ShotDetector
from operators.vision.text import ScreenText, TextReader
from pipeline.kafka_connection import KafkaOptions
from pipeline.plan import LaneName
from pipeline.spool_watch import SpoolOptions

Choices: TypeAlias = Mapping[str, type[Any]]
"""Classes that can stand in one place, by the name that `use` gives them."""


def _detectors(lane: LaneName) -> dict[str, type[Any]]:
    return {origin.removeprefix(f"{lane}."): cls for origin, cls in DETECTORS.items() if origin.startswith(f"{lane}.")}


OPERATORS: dict[LaneName, dict[str, type[Any] | Choices]] = {
    "look": {
        "shots": ShotDetector,
        "features": {"signal": SignalFeatures, "encoder": FrameFeatures, "fusion": FUSION["look.features"]},
        "text": ScreenText,
        **_detectors("look"),
    },
    "listen": {
        "words": SpeechTranscriber,
        "speakers": SpeakerTranscriber,
        "sound": {"signal": SoundMeasurer, "tagger": SoundTagger},
        "features": {"signal": LogMelFeatures, "encoder": SoundFeatures, "fusion": FUSION["listen.features"]},
        **_detectors("listen"),
    },
    "narrate": {
        "subtitles": SubtitleCutter,
        "translations": SubtitleTranslator,
        "captions": Describer,
        "fused_captions": FusedDescriber,
        **_detectors("narrate"),
    },
}
"""Places by lane, in the order in which items are given to what stands there."""

MODELS: dict[str, Choices] = {
    "vad": {"silero": SileroVad},
    "speech": RECOGNISERS,
    "voice": {"transformers": VoiceEncoder},
    "text": {"rapidocr": TextReader},
    "frames": {"transformers": FrameEncoder},
    "sound": {"transformers": SoundEncoder},
    "captioner": CAPTIONERS,
    "fusion": {"fusion": FUSION["model"]},
    "translation": TRANSLATORS,
}


class Table(BaseModel):
    """A table of a profile: every key is known, no value is bent to fit."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class ModelTable(Table):
    """Where a model runs. Under the name that `use` gives stand the options of the operator."""

    use: str
    device: Literal["cpu", "cuda"] = "cpu"
    replicas: int = Field(default=1, ge=1, le=64)
    batch: int = Field(default=1, ge=1, le=1024)
    age_s: float = Field(default=0.0, ge=0, le=10)


class Settings(Table):
    """A whole profile. An operator that is not named, or set to false, does not run."""

    description: str = ""
    source: SourceOptions = SourceOptions()
    spool: SpoolOptions = SpoolOptions()
    kafka: KafkaOptions = KafkaOptions()
    look: Any
    listen: Any
    narrate: Any
    models: Any


@functools.cache
def settings_type() -> type[Settings]:
    """`Settings`, with a field for every place and in it every option."""
    models: Any = {name: (_choice(f"{name}_model", choices, ModelTable) | None, None) for name, choices in MODELS.items()}
    kinds = {"models": create_model("models", __base__=Table, **models)} | {lane: _lane(lane, places) for lane, places in OPERATORS.items()}
    fields: Any = {name: (kind, kind()) for name, kind in kinds.items()}
    return create_model("Settings", __base__=Settings, **fields)


def _lane(lane: str, places: Mapping[str, type[Any] | Choices]) -> type[Table]:
    fields: Any = {
        name: ((place.Options if isinstance(place, type) else _choice(f"{lane}_{name}", place, Table)) | None, None)
        for name, place in places.items()
    }
    return create_model(lane, __base__=Table, **fields)


def _choice(name: str, choices: Choices, base: type[Table]) -> type[Table]:
    options: Any = {key: (cls.Options, cls.Options()) for key, cls in choices.items()}
    use: Any = (Literal[tuple(choices)], ...)
    return create_model(name, __base__=base, use=use, **options)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What stands in a place, and its options."""

    place: str
    """Its dotted path in the profile."""
    cls: type[Any]
    options: Any


@dataclass(frozen=True, slots=True)
class ChosenModel(Chosen):
    table: ModelTable


Lanes: TypeAlias = dict[LaneName, tuple[Chosen, ...]]


def choose_operators(settings: Settings) -> Lanes:
    """The operators that run, in the order in which items are given to them."""
    return {lane: tuple(_chosen(lane, getattr(settings, lane))) for lane in OPERATORS}


def asked_models(lanes: Lanes) -> list[str]:
    """The models that these operators may ask."""
    asked = {role for lane in lanes.values() for chosen in lane for role in chosen.cls.models}
    return [role for role in MODELS if role in asked]


def choose_model(role: str, settings: Settings) -> ChosenModel | None:
    """None where the profile names none."""
    table = getattr(settings.models, role)
    return table and ChosenModel(f"models.{role}.{table.use}", MODELS[role][table.use], getattr(table, table.use), table)


def _chosen(lane: LaneName, table: Table) -> Iterator[Chosen]:
    for name, place in OPERATORS[lane].items():
        options = getattr(table, name)
        if options is None:
            continue
        if isinstance(place, type):
            yield Chosen(f"{lane}.{name}", place, options)
        else:
            yield Chosen(f"{lane}.{name}.{options.use}", place[options.use], getattr(options, options.use))
