"""Print on every terminal: with an encoding such as Latin-1 or ASCII, closed, or absent.

    fit_stdout()               # once, at the start of the program
    if reader_gone(sys.stdout): ...

A character that the terminal's encoding lacks is replaced by a similar one (`-` for a long dash) or escaped.
"""

import codecs
import os
import select
import sys
from io import TextIOWrapper
from typing import TextIO

ERRORS = "babelmix.like"  # the name of our codec error handler
# One character for one, so that tables keep their columns; invisible marks are dropped.
_LIKE = str.maketrans("…·✓×−–—‐’‘“”", ".-+x----''\"\"", "\u200e\u200f\u2066\u2067\u2068\u2069")


def fit_stdout() -> None:
    """Replace characters that stdout's encoding lacks by similar ones, instead of raising an error.

    On stderr Python escapes such characters. That is better there: a name in an error must stay unambiguous.
    """
    codecs.register_error(ERRORS, _like)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors=ERRORS)


def reader_gone(stream: TextIO | None) -> bool:
    """Return whether the other end of the stream's pipe is closed."""
    try:
        number = stream.fileno() if stream else -1
        asked = select.poll()
        asked.register(number, 0)
        return any(state & (select.POLLERR | select.POLLHUP) for _, state in asked.poll(0))
    except (OSError, ValueError):  # closed, or not a stream of the system
        return False


def silence(stream: TextIO | None) -> None:
    """Redirect a stream to /dev/null: otherwise flushing it at exit would fail again."""
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
