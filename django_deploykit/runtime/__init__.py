"""Code in every bundle: only the standard library, relative imports and Python 3.9 syntax."""
