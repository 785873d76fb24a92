"""Sound as numbers: 16 bit, one channel, 24000 a second; WAV files around it; joints that do not click."""

import struct
import sys
from array import array
from collections.abc import Sequence
from typing import NamedTuple

RATE = 24_000
SAMPLE_BYTES = 2
FADE_SAMPLES = RATE // 200
"""Five milliseconds: too short to be heard, long enough to begin and end at zero."""
PAUSE_SECONDS = 0.15
UNKNOWN = 0xFFFFFFFF
"""A length in a WAV header that is not known yet."""


class Wave(NamedTuple):
    """What a WAV file holds: samples of 16 bits, channels one after the other."""

    rate: int
    channels: int
    samples: bytes


def read_wave(data: bytes) -> Wave | None:
    """Return what a WAV file of 16 bit samples holds; None for any other bytes. Lengths that lie are not believed."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    at, shape = 12, None
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8
        if name == b"fmt " and size >= 16 and at + 16 <= len(data):
            kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", data, at)
            shape = (rate, channels) if kind in (1, 0xFFFE) and bits == 16 and channels and rate else None
        if name == b"data":
            samples = data[at : at + size]
            whole = len(samples) - len(samples) % (SAMPLE_BYTES * (shape[1] if shape else 1))
            return Wave(shape[0], shape[1], samples[:whole]) if shape else None
        at += size + size % 2
    return None


def wave_header(size: int | None = None, *, rate: int = RATE) -> bytes:
    """Return what goes before so many bytes of samples in a WAV file; None: nobody knows yet."""
    length = UNKNOWN if size is None else size
    whole = UNKNOWN if size is None else size + 36
    shape = struct.pack("<HHIIHH", 1, 1, rate, rate * SAMPLE_BYTES, SAMPLE_BYTES, 16)
    return (
        b"RIFF"
        + struct.pack("<I", whole)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + shape
        + struct.pack("<4sI", b"data", length)
    )


def mono(wave: Wave) -> bytes:
    """Return the samples of one channel at our rate, by straight lines between neighbours."""
    numbers = _numbers(wave.samples)
    if wave.channels > 1:
        numbers = numbers[:: wave.channels]
    if wave.rate == RATE or not numbers:
        return _bytes(numbers)
    count = len(numbers) * RATE // wave.rate
    step = wave.rate / RATE
    last = len(numbers) - 1
    made = array("h", bytes(count * SAMPLE_BYTES))
    for place in range(count):
        at = place * step
        low = int(at)
        high = min(low + 1, last)
        made[place] = int(numbers[low] + (numbers[high] - numbers[low]) * (at - low))
    return _bytes(made)


def faded(samples: bytes) -> bytes:
    """Return samples that begin and end at zero, so that nothing clicks where they are joined."""
    numbers = _numbers(samples)
    length = min(FADE_SAMPLES, len(numbers) // 2)
    for place in range(length):
        numbers[place] = numbers[place] * place // length
        numbers[-1 - place] = numbers[-1 - place] * place // length
    return _bytes(numbers)


def silence(seconds: float = PAUSE_SECONDS) -> bytes:
    """Return the samples of silence."""
    return bytes(int(RATE * seconds) * SAMPLE_BYTES)


def seconds_of(samples: Sequence[int] | bytes) -> float:
    """Return how long so many bytes of samples last."""
    return len(samples) / SAMPLE_BYTES / RATE


def _numbers(samples: bytes) -> "array[int]":
    numbers = array("h", samples[: len(samples) - len(samples) % SAMPLE_BYTES])
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _bytes(numbers: "array[int]") -> bytes:
    if sys.byteorder == "big":
        numbers = array("h", numbers)
        numbers.byteswap()
    return numbers.tobytes()
