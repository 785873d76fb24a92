"""Reads the words of pictures and scanned pages: pages made upright, engines of this machine, layout, and a guard."""
