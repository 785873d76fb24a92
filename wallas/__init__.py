"""Wallas: one local server that speaks every chat protocol and answers with the best provider available now."""
