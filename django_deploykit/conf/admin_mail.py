"""Mail to ADMINS that no request waits for; imported by ``logging.config`` where Django is there."""

from __future__ import annotations

import atexit
import contextlib
import logging
import queue
import threading
from typing import Any

from django.core import mail
from django.utils.log import AdminEmailHandler

_WAITING = 20  # mails; what comes on top is in the log alone
_PATIENCE = 5.0  # seconds that a process which ends gives to the last ones


class PostedAdminEmailHandler(AdminEmailHandler):
    """Django's handler, with the mail server asked by a thread of its own.

    A mail server that is away would hold every failing request for as long as EMAIL_TIMEOUT, and
    with them the threads that serve the site. What cannot be sent is told by the log.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._mails: queue.Queue[tuple[Any, ...]] = queue.Queue(_WAITING)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def send_mail(self, subject: Any, message: Any, *args: Any, **kwargs: Any) -> None:
        """Hand a mail to the thread; the report was made by the request's own."""
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
                mail.mail_admins(subject, message, *args, **{**kwargs, **self._way_out()})
            except Exception as error:  # noqa: BLE001 - of any backend
                # Not an ERROR: that would be one more mail.
                logging.getLogger(__name__).warning("no mail to ADMINS: %s", error)
            finally:
                self._mails.task_done()

    def _way_out(self) -> dict[str, Any]:
        """Return what the handler was told of the way: an older Django's backend, or a mailer."""
        using = getattr(self, "using", None)
        if using:
            return {"using": using}
        backend = self.email_backend
        return {"connection": mail.get_connection(backend)} if backend else {}

    def _finish(self) -> None:
        """Let the thread send what waits, for a moment."""
        # As Queue.join does, which has no time limit. Since Python 3.12 nobody can start a thread here.
        with self._mails.all_tasks_done:
            self._mails.all_tasks_done.wait_for(
                lambda: not self._mails.unfinished_tasks, timeout=_PATIENCE
            )
