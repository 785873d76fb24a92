"""Longer proofs of how files are read: a live gateway, and files made by other programs."""
