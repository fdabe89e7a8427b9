"""What is said in media, and where its picture is cut: from the logs of a finished stream, or found out now."""

import tempfile
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from operators.errors import ConfigError, ModelError, SourceUnavailable
from operators.facts import Shot, Speech, Word
from operators.timeline import ZERO
from pipeline.build import Cut, plan_models, plan_streams
from pipeline.config import load
from pipeline.log import LogFollower
from pipeline.plan import RunSettings
from pipeline.progress import ProgressView
from pipeline.settings import OPERATORS
from pipeline.supervisor import supervise
from pipeline.views import latest_generation

NEEDED = {"look.shots", "listen.words"}


@dataclass(frozen=True, slots=True)
class Heard:
    words: Sequence[Word]
    """In order."""
    shots: Sequence[Shot]

    @property
    def language(self) -> str | None:
        """That of most words."""
        counts = Counter(word.language for word in self.words)
        return counts.most_common(1)[0][0] if counts else None


def heard_in(media: Path, profile: str, language: str | None) -> Heard:
    """`media`: the folder of a stream that `run` has finished, or a file, which is then listened to. Blocking.

    Raises ConfigError, SourceUnavailable or ModelUnavailable where there is nothing that can be heard.
    """
    if media.is_dir():
        return _from_logs(latest_generation(media.absolute().parent, media.absolute().name))
    if not media.is_file():
        raise SourceUnavailable(f"{media}: there is no such file; name the media, or the folder of a stream as in out/STREAM")
    with tempfile.TemporaryDirectory(prefix="capstream-") as folder:
        return _from_logs(_listen(media, profile, language, Path(folder)))


def _from_logs(generation: Path) -> Heard:
    followers = {lane: LogFollower(generation / f"{lane}.jsonl") for lane in ("listen", "look")}
    entries = {lane: follower.poll() for lane, follower in followers.items()}
    if followers["listen"].path.exists() and followers["listen"].watermark is not None:
        raise ConfigError(f"{generation.parent} was not listened to up to its end: give the same `capstream run` again first")
    speech = [e.value for e in entries["listen"] if isinstance(e.value, Speech)]
    words = _from_speech_on([e.value for e in entries["listen"] if isinstance(e.value, Word)], speech)
    if not words:
        raise ConfigError(f"nothing that is said is known of {generation.parent}: is there speech in it?")
    return Heard(sorted(words, key=lambda w: (w.start, w.end)), [e.value for e in entries["look"] if isinstance(e.value, Shot)])


def _from_speech_on(words: Sequence[Word], speech: Sequence[Speech]) -> list[Word]:
    """Recognisers draw the first word behind a pause into the pause; the gate hears better when somebody begins to speak."""
    starts = sorted(s.start for s in speech)
    heard = []
    for word in words:
        n = bisect_left(starts, word.end)
        heard.append(replace(word, start=starts[n - 1]) if n and word.start < starts[n - 1] else word)
    return heard


def _listen(media: Path, profile: str, language: str | None, out: Path) -> Path:
    """Run what finds words and shots, and nothing else; the folder of its logs."""
    changes = [f"{lane}.{name}=false" for lane, places in OPERATORS.items() for name in places if f"{lane}.{name}" not in NEEDED]
    changes += [f"listen.words.language={language}"] if language else []
    errors = Console(stderr=True, highlight=False)
    planned, refused = plan_streams([f"media={media}"], load(profile, changes), Cut(ZERO, None))
    if refused:
        raise SourceUnavailable(refused[0].error or f"{media} can not be read")
    models = plan_models(planned, load(profile, changes), lambda line: errors.print(line, style="dim", markup=False, soft_wrap=True))
    with ProgressView(errors) as view:
        outcome = supervise(planned, models, RunSettings(out, "local", False), view)[0]
    if outcome.state == "interrupted":
        raise KeyboardInterrupt
    if outcome.state == "failed":
        raise ModelError(f"{media}: {outcome.error}")
    return latest_generation(out, outcome.stream_id)
