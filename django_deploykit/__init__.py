"""Check, bundle and release Django projects: the obvious way to production."""

__version__ = "0.1.0"
