"""Mail to ADMINS that no request waits for; ``logging.config`` imports it."""

from __future__ import annotations

import atexit
import contextlib
import logging
import queue
import threading
from typing import Any

from django.core import mail
from django.utils.log import AdminEmailHandler

_WAITING = 20  # mails; further errors are only logged
_PATIENCE = 5.0  # seconds for the last mails when the process ends


class PostedAdminEmailHandler(AdminEmailHandler):
    """Django's handler, which sends its mails in a thread.

    An unreachable mail server would block every failing request for EMAIL_TIMEOUT, and with it a
    thread that serves the site. A mail that cannot be sent is logged.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._mails: queue.Queue[tuple[Any, ...]] = queue.Queue(_WAITING)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def send_mail(self, subject: Any, message: Any, *args: Any, **kwargs: Any) -> None:
        """Pass a mail to the thread; the report was made in the request's own."""
        with contextlib.suppress(queue.Full):
            self._mails.put_nowait((subject, message, args, kwargs))
        with self._starting:
            # Started late: a server forks its workers after logging was set up.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()
                atexit.register(self._finish)

    def _work(self) -> None:
        while True:
            subject, message, args, kwargs = self._mails.get()
            try:
                mail.mail_admins(subject, message, *args, **{**kwargs, **self._route()})
            except Exception as error:  # noqa: BLE001 - of any backend
                # Not an ERROR: that would be one more mail.
                logging.getLogger(__name__).warning("no mail to ADMINS: %s", error)
            finally:
                self._mails.task_done()

    def _route(self) -> dict[str, Any]:
        """Return the backend, or with a newer Django the mailer, that the handler is configured for."""
        using = getattr(self, "using", None)
        if using:
            return {"using": using}
        backend = self.email_backend
        return {"connection": mail.get_connection(backend)} if backend else {}

    def _finish(self) -> None:
        """Give the thread a moment to send what is queued."""
        # Queue.join has no time limit, and since Python 3.12 no thread can be started here.
        with self._mails.all_tasks_done:
            self._mails.all_tasks_done.wait_for(
                lambda: not self._mails.unfinished_tasks, timeout=_PATIENCE
            )
