"""What travels inside every bundle: the standard library only, relative imports, Python 3.9 syntax."""
