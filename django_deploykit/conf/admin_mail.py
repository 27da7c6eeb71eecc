"""Mail to ADMINS that does not delay requests. ``logging.config`` imports this module."""

from __future__ import annotations

import atexit
import contextlib
import logging
import queue
import threading
from typing import Any

from django.core import mail
from django.utils.log import AdminEmailHandler

_WAITING = 20  # mails in the queue; if it is full, errors are only logged
_PATIENCE = 5.0  # seconds to send the last mails when the process ends


class PostedAdminEmailHandler(AdminEmailHandler):
    """Django's handler, but it sends mail in a thread.

    Otherwise an unreachable mail server would block every failing request for EMAIL_TIMEOUT, and
    with it a thread that serves the site. A mail that cannot be sent is logged.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._mails: queue.Queue[tuple[Any, ...]] = queue.Queue(_WAITING)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def send_mail(self, subject: Any, message: Any, *args: Any, **kwargs: Any) -> None:
        """Pass a mail to the thread. Its text was already created in the request's thread."""
        with contextlib.suppress(queue.Full):
            self._mails.put_nowait((subject, message, args, kwargs))
        with self._starting:
            # Started only now, because a server forks its workers after logging is set up.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()
                atexit.register(self._finish)

    def _work(self) -> None:
        while True:
            subject, message, args, kwargs = self._mails.get()
            try:
                mail.mail_admins(subject, message, *args, **{**kwargs, **self._route()})
            except Exception as error:  # noqa: BLE001 - backends raise anything
                # Not an ERROR, because that would send another mail.
                logging.getLogger(__name__).warning("no mail to ADMINS: %s", error)
            finally:
                self._mails.task_done()

    def _route(self) -> dict[str, Any]:
        """Return the handler's mail backend, or its mailer with newer versions of Django."""
        using = getattr(self, "using", None)
        if using:
            return {"using": using}
        backend = self.email_backend
        return {"connection": mail.get_connection(backend)} if backend else {}

    def _finish(self) -> None:
        """Wait a few seconds for the thread to send the queued mails."""
        # Queue.join has no time limit, and since Python 3.12 no thread can be started here.
        with self._mails.all_tasks_done:
            self._mails.all_tasks_done.wait_for(
                lambda: not self._mails.unfinished_tasks, timeout=_PATIENCE
            )
