"""What is printed reaches every terminal: Latin-1, ASCII, one that has gone, and none at all.

    fit_stdout()               # once, at the start of the program
    if reader_gone(sys.stdout): ...

A sign that the terminal's encoding has not is shown as a sign like it (`-` for a long dash), or else escaped.
"""

import codecs
import os
import select
import sys
from io import TextIOWrapper
from typing import TextIO

ERRORS = "babelmix.like"  # the name under which Python knows what to do with a sign that cannot be shown
# One sign for one sign, so that tables keep their columns; marks that nobody sees are left out.
_LIKE = str.maketrans("…·✓×−–—‐’‘“”", ".-+x----''\"\"", "\u200e\u200f\u2066\u2067\u2068\u2069")


def fit_stdout() -> None:
    """Let no sign be an error on stdout: one that its encoding has not is shown as one like it.

    On stderr Python escapes such signs, which is better there: a name in an error is to be found again.
    """
    codecs.register_error(ERRORS, _like)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors=ERRORS)


def reader_gone(stream: TextIO | None) -> bool:
    """Whether what is written to the stream reaches nobody: the other end of its pipe is closed."""
    try:
        number = stream.fileno() if stream else -1
        asked = select.poll()
        asked.register(number, 0)
        return any(state & (select.POLLERR | select.POLLHUP) for _, state in asked.poll(0))
    except (OSError, ValueError):  # closed, or none of the system's
        return False


def silence(stream: TextIO | None) -> None:
    """Send what is still to be written to a stream nowhere: the end of the program would fail at it once more."""
    try:
        if stream:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
    except (OSError, ValueError):
        pass


def _like(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    like = error.object[error.start : error.end].translate(_LIKE)
    return like.encode("ascii", "backslashreplace").decode("ascii"), error.end
