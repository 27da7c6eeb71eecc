"""Opens files below a folder of a user who is not trusted: no links, and only regular files.

The root helper contains a copy of this module, so it only imports ``errno``, ``os`` and ``stat``,
and has no annotations that Python evaluates.
"""

from __future__ import annotations

import errno
import os
import stat


def open_regular(
    top: str, name: str, flags: int = os.O_RDONLY, mode: int = 0o666, inside: int = -1
) -> int:
    """Return a descriptor of the regular file ``name``, a relative path, below the folder ``top``.

    No part of ``name`` may be a link. ``inside`` is a descriptor of ``top``, if the caller has one.
    Raises :class:`OSError` for links, and for pipes, devices and folders.
    """
    folder, _, last = name.rpartition("/")
    parent = open_folder(top, folder, inside) if folder or inside < 0 else inside
    try:
        # O_NONBLOCK: opening a pipe must not wait for its other end.
        flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        handle = os.open(last, flags, mode, dir_fd=parent)
    except OSError as error:
        raise _explained(error, os.path.join(top, name)) from None
    finally:
        if parent != inside:
            os.close(parent)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "is not a regular file", os.path.join(top, name))
    return handle


def open_folder(top: str, name: str = "", inside: int = -1) -> int:
    """Return a descriptor of the folder ``name`` below ``top``, or of ``top``.

    Links in the path of ``top`` itself are followed. No part of ``name`` may be a link. ``inside``
    is a descriptor of ``top``, if the caller has one.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    handle = os.open(top, flags) if inside < 0 else os.dup(inside)
    path = top
    for part in name.split("/") if name else ():
        path = os.path.join(path, part)
        try:
            if part in ("", ".", ".."):
                raise OSError(errno.EINVAL, "is not a path below %s" % top)
            below = os.open(part, flags | os.O_NOFOLLOW, dir_fd=handle)
        except OSError as error:
            raise _explained(error, path) from None
        finally:
            os.close(handle)
        handle = below
    return handle


def _explained(error: OSError, path: str) -> OSError:
    """Return the error with the whole path, and a plainer text for a link."""
    if error.errno == errno.ELOOP or (error.errno == errno.ENOTDIR and os.path.islink(path)):
        return OSError(errno.ELOOP, "is a link, which is not followed here", path)
    if error.errno == errno.ENXIO:  # a socket, or a pipe without a reader
        return OSError(errno.EINVAL, "is not a regular file", path)
    return OSError(error.errno, error.strerror, path)
