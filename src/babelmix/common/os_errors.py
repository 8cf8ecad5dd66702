"""Turn errors of the operating system into UserErrors: a full disk, a missing file, a missing permission.

    error = system_error(OSError(errno.ENOSPC, "..."), where="scores.json")
    str(error)      # "scores.json: no space left on the disk; free some space and run the same command again"

A user can fix these, so none of them is a bug in babelmix. Libraries that access files themselves report them in
exceptions of their own types; we recognise those by the system's error number in their text.
"""

import errno
import os
import re
from socket import gaierror

from babelmix.common.errors import UserError
from babelmix.common.one_line import first_line

_SPACE = "free some space and run the same command again"
_PERMISSIONS = "change its permissions, or choose another path"
_NETWORK = "check the connection and run the same command again"
_MESSAGES = {  # error number -> (what, how)
    errno.ENOSPC: ("no space left on the disk", _SPACE),
    errno.EDQUOT: ("the disk quota is used up", _SPACE),
    errno.EFBIG: ("the file would be larger than the system allows", "raise the limit (`ulimit -f`)"),
    errno.EACCES: ("permission denied", _PERMISSIONS),
    errno.EPERM: ("the system does not permit it", _PERMISSIONS),
    errno.EROFS: ("the disk is read-only", "choose another path, or mount it for writing"),
    errno.ENOENT: ("no such file or folder", "correct the path"),
    errno.ENOTDIR: ("a file, but must be a folder", "correct the path, or move the file away"),
    errno.EISDIR: ("a folder, but must be a file", "correct the path, or move the folder away"),
    errno.EEXIST: ("the path exists already", "move it away, or choose another path"),
    errno.ENOTEMPTY: ("the folder is not empty", "move it away, or choose another path"),
    errno.ENAMETOOLONG: ("the name is too long for the system", "choose a shorter one"),
    errno.ELOOP: ("a link that leads back to itself", "correct the link"),
    errno.EMFILE: ("too many open files", "raise the limit (`ulimit -n`)"),
    errno.ENFILE: ("too many open files", "close other programs"),
    errno.EBUSY: ("in use by another program", "end that program, or choose another path"),
    errno.EIO: ("the disk failed (input/output error)", "check the disk, or choose another one"),
    errno.ESTALE: ("the network folder is no longer available", "mount it again"),
    errno.ENOLCK: ("the disk does not support locks", "choose a folder on a local disk"),
    errno.ENOMEM: ("out of memory", "close other programs, or use a machine with more"),
    errno.ECONNREFUSED: ("the connection was refused", _NETWORK),
    errno.ENETUNREACH: ("the network cannot be reached", _NETWORK),
    errno.EHOSTUNREACH: ("the host cannot be reached", _NETWORK),
    errno.ETIMEDOUT: ("the connection timed out", _NETWORK),
}
# How Python and Rust (tokenizers, safetensors) write the error number in an exception's text; below, other wordings.
_NUMBERED = re.compile(r"\[Errno (\d+)\]|\(os error (\d+)\)|\bcode: (\d+), kind: ")
_WORDED = (
    (re.compile(r"No space left on device|database or disk is full|\d+ requested and \d+ written"), errno.ENOSPC),
    (re.compile(r"\bunexpected pos \d+ vs \d+|PytorchStreamWriter failed writing"), errno.ENOSPC),  # torch
    (re.compile(r"Disk quota exceeded"), errno.EDQUOT),
    (re.compile(r"File too large"), errno.EFBIG),
    (re.compile(r"Read-only file system"), errno.EROFS),
    (re.compile(r"attempt to write a readonly database"), errno.EACCES),
    (re.compile(r"Too many open files"), errno.EMFILE),
    (re.compile(r"[Cc]an(?:'t|not) allocate memory|out of memory|std::bad_alloc|failed to map segment"), errno.ENOMEM),
)
# Exceptions about values, never about the system.
_NEVER = (ArithmeticError, AssertionError, AttributeError, LookupError, NameError, TypeError)


def system_error(error: BaseException, where: str) -> UserError | None:
    """Return the UserError for an error of the operating system; None if `error` is another kind of error.

    The UserError's `where` is the path that the error names, or `where` if it names none. The causes of `error` (raised
    `from`) are examined too.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, gaierror):
            return UserError(f"the host's name cannot be found ({cause.strerror})", where=where, how=_NETWORK)
        if (number := errno_of(cause)) in _MESSAGES:
            return _refused(cause, number, where)
        cause = cause.__cause__
    return None


def errno_of(error: BaseException) -> int | None:
    """Return the system's error number of an exception of any library; None if it has none."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    if isinstance(error, MemoryError):
        return errno.ENOMEM
    if isinstance(error, _NEVER):
        return None
    try:
        text = str(error)
    except Exception:
        return None
    if found := _NUMBERED.search(text):
        return int(next(filter(None, found.groups())))
    return next((number for pattern, number in _WORDED if pattern.search(text)), None)


def _refused(error: BaseException, number: int, where: str) -> UserError:
    path = _path_of(error, number)
    if number == errno.ENOENT and path is None and "temporary directory" in str(error):
        how = "set TMPDIR to a writable folder"
        return UserError("no folder for temporary files is writable", where="TMPDIR", how=how)
    if number == errno.ENOENT and path and os.sep not in path and _by_subprocess(error):
        return UserError("this program is not installed", where=path, how="install it, or put it on PATH")
    what, how = _MESSAGES[number]
    if number == errno.ENOMEM and (said := first_line(error)):
        what = f"{what} ({said})"
    return UserError(what, where=path or where, how=how)


def _path_of(error: BaseException, number: int) -> str | None:
    """Return the path that an error names; if it names two, the one that was to be created."""
    if not isinstance(error, OSError):
        return None
    named: object = error.filename2 if error.filename2 is not None and number != errno.ENOENT else error.filename
    return os.fsdecode(named) if isinstance(named, str | bytes | os.PathLike) else None


def _by_subprocess(error: BaseException) -> bool:
    step = error.__traceback__
    while step and step.tb_next:
        step = step.tb_next
    return step is not None and step.tb_frame.f_globals.get("__name__") == "subprocess"
