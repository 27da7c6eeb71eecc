"""gunicorn's worker for ASGI, which answers what it accepted before it ends."""

from __future__ import annotations

from django_deploykit.servers.uvicorn import answer_last_requests

try:
    from uvicorn_worker import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
        UvicornWorker as _Worker,
    )
except ImportError:  # an older uvicorn has it
    from uvicorn.workers import (  # type: ignore[import-not-found,no-redef,unused-ignore]
        UvicornWorker as _Worker,
    )

answer_last_requests()


class UvicornWorker(_Worker):  # type: ignore[misc,unused-ignore]
    """uvicorn's worker."""
