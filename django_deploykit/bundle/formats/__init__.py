"""Formats of the bundle file, one for each module. ``project/formats.py`` has the table."""
