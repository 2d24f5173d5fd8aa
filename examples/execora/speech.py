"""Fake audio and what hears and speaks it: real WAV files, in which each letter is a tone of 60 ms.

A minute of such audio holds a thousand letters, about as many as a minute of speech. The recogniser reads the letters
out of the tones; where a speaker mumbles there are none to read. Both wait as long as a service would, by the length of
the audio.
"""

import asyncio
import io
import random
import wave
from typing import Literal

from opentelemetry import trace
from otelgate.names import ERROR_TYPE, GEN_AI_REQUEST_MODEL, OTELGATE_SPEECH_TYPE

from examples.common.traffic import Stage

RATE = 1000
"""Samples a second, of 8 bits."""
LETTER = 60
"""Samples of one letter."""
STT_MODEL, TTS_MODEL = "whisper-1", "tts-1"
SLOW = 10
_SILENCE = 128

Kind = Literal["stt", "tts"]


class SpeechNotRecognizedError(Exception):
    """The speech was not recognized."""


class Speech:
    """Speech to text and back. One span for each, of which the gateway makes `otelgate.speech.duration`."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._tracer = trace.get_tracer("execora")

    async def hear(self, audio: bytes) -> str:
        """The recognized text. Raises SpeechNotRecognizedError."""
        with self._tracer.start_as_current_span("stt", attributes=_attributes("stt", STT_MODEL)) as span:
            await self._wait("stt", seconds_of(audio))
            try:
                return decode(audio)
            except SpeechNotRecognizedError as error:
                span.set_attribute(ERROR_TYPE, type(error).__name__)
                raise

    async def say(self, text: str) -> bytes:
        """The text as audio."""
        with self._tracer.start_as_current_span("tts", attributes=_attributes("tts", TTS_MODEL)):
            audio = encode(text)
            await self._wait("tts", seconds_of(audio))
            return audio

    async def _wait(self, kind: Kind, audio_s: float) -> None:
        slow = SLOW if self._stage.faults("slow_voice") else 1
        await asyncio.sleep(processing_s(kind, audio_s) * slow / self._stage.speed)


def processing_s(kind: Kind, audio_s: float) -> float:
    """How long a service takes for so many seconds of audio."""
    return 0.25 + 0.12 * audio_s if kind == "stt" else 0.2 + 0.05 * audio_s


def encode(text: str, clear: bool = True) -> bytes:
    """Speak it into a WAV file; not `clear`: with a hand before the mouth."""
    letters = text.encode()
    if not clear:
        draw = random.Random(text)
        letters = bytes(draw.randrange(129, 192) for _ in letters)  # not letters in UTF-8
    samples = b"".join(bytes([letter, *[_SILENCE] * (LETTER - 1)]) for letter in letters)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(1)
        writer.setframerate(RATE)
        writer.writeframes(samples)
    return file.getvalue()


def decode(audio: bytes) -> str:
    """Raises SpeechNotRecognizedError if there are no letters, or no audio at all."""
    try:
        with wave.open(io.BytesIO(audio)) as reader:
            return reader.readframes(reader.getnframes())[::LETTER].decode()
    except (wave.Error, EOFError, UnicodeDecodeError) as error:
        raise SpeechNotRecognizedError from error


def seconds_of(audio: bytes) -> float:
    """The duration in seconds; 0 if this is not audio."""
    try:
        with wave.open(io.BytesIO(audio)) as reader:
            return reader.getnframes() / reader.getframerate()
    except (wave.Error, EOFError):
        return 0.0


def _attributes(kind: Kind, model: str) -> dict[str, str]:
    return {OTELGATE_SPEECH_TYPE: kind, GEN_AI_REQUEST_MODEL: model}
