"""Measures what the engines of this machine read of a made corpus: `python -m bench.ocr` (docs/ocr.md)."""
