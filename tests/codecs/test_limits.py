"""What the codecs hold requests to, whichever wire they came by."""

import base64
import binascii

from hypothesis import given
from hypothesis import strategies as st

from wallas.codecs.limits import is_base64

DIGITS = "ABab01+/=-_ \n\u00e9"


@given(st.text(DIGITS, max_size=12))
def test_what_is_called_base64_is_what_a_strict_decoder_takes(text):
    try:
        taken = bool(binascii.a2b_base64(text, strict_mode=True))
    except ValueError:
        taken = False
    digits = len(text.rstrip("="))
    padded = len(text) == -(-digits // 4) * 4  # binascii takes "0000=" too
    assert is_base64(text) == (taken and padded)


@given(st.binary(min_size=1))
def test_whatever_is_encoded_is_base64(data):
    assert is_base64(base64.b64encode(data).decode())
