"""Who speaks when, and what is said: the gate, `listen.words`, and the recognisers it may ask.

A recogniser is a BatchOperator of `recognition.SpeechItem` to `recognition.Recognition`. Each class has `Options`, and where it is the
same for all its models `languages`, the BCP 47 languages that it can be told to expect.
"""

from operators.speech.ctc import CtcRecogniser
from operators.speech.faster_whisper import FasterWhisperRecogniser
from operators.speech.moonshine import MoonshineRecogniser
from operators.speech.pocketsphinx import PocketsphinxRecogniser
from operators.speech.transformers_whisper import TransformersWhisperRecogniser

RECOGNISERS = {
    "faster_whisper": FasterWhisperRecogniser,
    "transformers": TransformersWhisperRecogniser,
    "ctc": CtcRecogniser,
    "moonshine": MoonshineRecogniser,
    "pocketsphinx": PocketsphinxRecogniser,
}
