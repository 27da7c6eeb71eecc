"""Makes the long description: README.md with links that also work on a package index.

Everything else is in setup.cfg. The links of README.md are relative, for readers of the repository.
"""

import re
from configparser import ConfigParser
from pathlib import Path

from setuptools import setup

_HERE = Path(__file__).parent
_LINK = re.compile(r"(?P<start>(?P<image>!?)\[[^\]]*\]\()(?!https?:|#)")


def absolute(text: str, url: str) -> str:
    """Return Markdown with its relative links pointing into the repository at ``url``."""

    def replaced(match: re.Match[str]) -> str:
        kind = "raw" if match["image"] else "blob"
        return f"{match['start']}{url}/{kind}/main/"

    return _LINK.sub(replaced, text)


if __name__ == "__main__":
    config = ConfigParser(interpolation=None)
    config.read(_HERE / "setup.cfg", encoding="utf-8")
    readme = (_HERE / "README.md").read_text(encoding="utf-8")
    setup(long_description=absolute(readme, config["metadata"]["url"]))
