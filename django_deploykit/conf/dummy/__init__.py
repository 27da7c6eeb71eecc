"""Backends of the services that are missing while building. They only refuse to work."""
