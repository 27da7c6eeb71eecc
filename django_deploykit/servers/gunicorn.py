"""``python -m django_deploykit.servers.gunicorn``: gunicorn, whose workers for ASGI end better.

uvicorn has these workers, and projects have subclasses of them.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from django_deploykit.servers.uvicorn import answer_last_requests


def main() -> None:
    """Run gunicorn with the arguments of this process."""
    base: Any = import_module("gunicorn.app.wsgiapp").WSGIApplication

    class Application(base):  # type: ignore[misc]
        def run(self) -> None:
            _ = self.cfg.worker_class  # imports the module of the class, and what that needs
            if "uvicorn.server" in sys.modules:
                answer_last_requests()
            super().run()

    Application("%(prog)s [OPTIONS] [APP_MODULE]").run()


if __name__ == "__main__":
    main()
