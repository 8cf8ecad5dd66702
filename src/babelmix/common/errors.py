"""The one error type for everything that a user can fix.

    raise UserError("no objective 'hybird'", where="params.yaml, objectives", how="choose from contrastive, hybrid")

The command line prints it on one line and exits with code 2 (see common/ending.py); only `--debug` shows a traceback.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from functools import partial
from typing import Any

from babelmix.common.one_line import one_line

ADVICE = 1500  # the most characters of `how`, which may list all valid names


class UserError(Exception):
    """An error that the user can fix: what is wrong, where (file, line, field) and how to fix it.

    Its text is one line that every terminal can show: unprintable characters are escaped, long parts shortened.
    """

    def __init__(self, what: str, *, where: str, how: str) -> None:
        """Keep the three parts; the message joins them on one line."""
        super().__init__(what, where, how)
        self.what, self.where, self.how = what, where, how

    def __str__(self) -> str:
        return f"{one_line(self.where)}: {one_line(self.what)}; {one_line(self.how, ADVICE)}"

    def __reduce__(self) -> Any:
        """Make it picklable, to return from another process: pickle does not support keyword arguments."""
        return partial(type(self), where=self.where, how=self.how), (self.what,)


def shown(text: str, most: int = 60) -> str:
    """Return a text of the user for a message: on one line, cut to `most` characters."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in _cut(text, most))


def quoted(text: str, most: int = 60) -> str:
    """Return a text of the user in quotes, cut to `most` characters."""
    return repr(_cut(text, most))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}..."


def unknown_name(kind: str, name: str, valid: Iterable[str], *, where: str) -> UserError:
    """Return the error for an unknown name: it suggests the nearest valid name and lists up to 100 valid names."""
    choices = sorted(valid)
    near = get_close_matches(name[:100], choices[:1000], n=1)
    hint = f"did you mean {quoted(near[0])}? " if near else ""
    listed = ", ".join(map(shown, choices[:100])) + (", ..." if len(choices) > 100 else "")
    return UserError(f"unknown {kind} {quoted(name)}", where=where, how=f"{hint}valid: {listed or 'none'}")
