"""Sound as a session carries it: 16 bit samples inside, pcm16 or G.711 outside.

G.711 by ITU-T's own arithmetic (Recommendation G.711, 1988): eight logarithmic segments of sixteen steps.
"""

import base64
import binascii
import sys
from array import array
from functools import cache

from wallas.errors import BadRequest
from wallas.media import pcm
from wallas.realtime.settings import ALAW, PCM, ULAW

RATES = {PCM: pcm.RATE, ULAW: 8_000, ALAW: 8_000}
DELTA_BYTES = pcm.RATE
"""Half a second a delta."""
BIAS, CLIP = 0x84, 32_635


def samples_of(text: str, form: str, *, param: str = "audio") -> bytes:
    """Return a client's base64 as samples of 16 bit at the format's own rate; raise BadRequest."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest(f"{param}: expected base64", param=param, code="invalid_audio") from error
    if form != PCM:
        table = _heard(form)
        return _bytes(array("h", [table[byte] for byte in data]))
    if len(data) % pcm.SAMPLE_BYTES:
        raise BadRequest(f"{param}: samples have 16 bit, so their bytes are even", param=param, code="invalid_audio")
    return data


def ms_of(samples: bytes | bytearray, rate: int) -> float:
    """Return how long samples last, in milliseconds."""
    return len(samples) / pcm.SAMPLE_BYTES / rate * 1000


def encoded(samples: bytes, form: str) -> bytes:
    """Return samples at 24 kHz in a session's format."""
    if form == PCM:
        return samples
    numbers = _numbers(samples)
    table = _written(form)
    thirds = zip(numbers[::3], numbers[1::3], numbers[2::3], strict=False)
    return bytes([table[(low + middle + high) // 3 & 0xFFFF] for low, middle, high in thirds])


def base64_of(data: bytes) -> str:
    """Return bytes as an event carries them."""
    return base64.b64encode(data).decode()


def ulaw_sample(byte: int) -> int:
    """Return what a byte of µ-law stands for."""
    byte = ~byte & 0xFF
    size = (((byte & 0x0F) << 3) + BIAS << ((byte & 0x70) >> 4)) - BIAS
    return -size if byte & 0x80 else size


def alaw_sample(byte: int) -> int:
    """Return what a byte of A-law stands for."""
    byte ^= 0x55
    segment, size = (byte & 0x70) >> 4, (byte & 0x0F) << 4
    size = size + 8 if segment == 0 else size + 0x108 << segment - 1
    return size if byte & 0x80 else -size


def ulaw_byte(sample: int) -> int:
    """Return a sample in µ-law."""
    sign, size = (0x80, -sample) if sample < 0 else (0, sample)
    size = min(size, CLIP) + BIAS
    segment = size.bit_length() - 8
    return ~(sign | segment << 4 | size >> segment + 3 & 0x0F) & 0xFF


def alaw_byte(sample: int) -> int:
    """Return a sample in A-law."""
    sign, size = (0, -sample - 1) if sample < 0 else (0x80, sample)
    size = max(size, 0) >> 4
    segment = max(size.bit_length() - 4, 0)
    step = size & 0x0F if segment < 2 else size >> segment - 1 & 0x0F
    return (sign | segment << 4 | step) ^ 0x55


@cache
def _heard(form: str) -> tuple[int, ...]:
    return tuple((ulaw_sample if form == ULAW else alaw_sample)(byte) for byte in range(256))


@cache
def _written(form: str) -> bytes:
    """Return the byte for each sample, by the sample's own 16 bits."""
    write = ulaw_byte if form == ULAW else alaw_byte
    return bytes(write(value if value < 0x8000 else value - 0x10000) for value in range(0x10000))


def _numbers(samples: bytes) -> "array[int]":
    numbers = array("h", samples[: len(samples) - len(samples) % pcm.SAMPLE_BYTES])
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _bytes(numbers: "array[int]") -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()
