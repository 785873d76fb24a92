"""``python -m bench.content.matrix``: every kind of file in every client protocol to every kind of model."""

import os
import sys

import pytest

if __name__ == "__main__":
    os.environ["MATRIX"] = "all"
    sys.exit(pytest.main(["-q", "--timeout=600", "tests/content/test_matrix.py", "tests/content/test_done.py"]))
