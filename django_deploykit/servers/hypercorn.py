"""``python -m django_deploykit.servers.hypercorn``: hypercorn, which answers before it ends.

By itself it closes kept connections at once when it ends, and goes on accepting meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from django_deploykit.servers import LAST_REQUESTS


def answer_last_requests() -> None:
    """Let workers stop accepting first, and answer what they accepted, before they end."""
    workers: Any = import_module("hypercorn.asyncio.run")
    config_class: Any = import_module("hypercorn.config").Config
    serve, headers_of = workers.worker_serve, config_class.response_headers
    ends: list[Any] = []

    def last_headers(self: Any, protocol: str) -> Any:
        found = headers_of(self, protocol)
        return [*found, (b"connection", b"close")] if ends and protocol == "h11" else found

    async def serve_to_the_end(
        app: Any,
        config: Any,
        *,
        sockets: Any,
        shutdown_trigger: Callable[[], Awaitable[None]],
        **options: Any,
    ) -> None:
        async def end() -> None:
            await shutdown_trigger()
            for one in sockets.insecure_sockets:
                asyncio.get_running_loop().remove_reader(one.fileno())
            ends.append(config)
            await asyncio.sleep(LAST_REQUESTS)

        await serve(app, config, sockets=sockets, shutdown_trigger=end, **options)

    workers.worker_serve, config_class.response_headers = serve_to_the_end, last_headers


if __name__ in ("__main__", "__mp_main__"):  # worker processes import this module, too
    answer_last_requests()
if __name__ == "__main__":
    import sys

    sys.exit(import_module("hypercorn.__main__").main())
