"""Engines: each module is one, and has a row in ``project/engines.py``."""
