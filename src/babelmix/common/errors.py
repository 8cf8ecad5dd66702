"""The one error type for what a user can mend.

    raise UserError("no objective 'hybird'", where="params.yaml, objectives", how="choose from contrastive, hybrid")

The command line prints it in one line and exits with code 2 (see common/ending.py); a traceback is shown only with
`--debug`.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from functools import partial
from typing import Any

from babelmix.common.one_line import one_line

ADVICE = 1500  # characters of `how`, which may list all valid names


class UserError(Exception):
    """Bad input, told as what is wrong, where (file, line, field) and how to mend it.

    Its text is one line that a terminal can show, whatever the parts hold: signs are escaped, long parts shortened.
    """

    def __init__(self, what: str, *, where: str, how: str) -> None:
        """Keep the three parts; the message joins them in one line."""
        super().__init__(what, where, how)
        self.what, self.where, self.how = what, where, how

    def __str__(self) -> str:
        return f"{one_line(self.where)}: {one_line(self.what)}; {one_line(self.how, ADVICE)}"

    def __reduce__(self) -> Any:
        """Let it come back from another process: pickle knows nothing of arguments by name."""
        return partial(type(self), where=self.where, how=self.how), (self.what,)


def shown(text: str, most: int = 60) -> str:
    """Return a text of the user's as it stands in a message: on one line, and cut where it is longer than `most`."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in _cut(text, most))


def quoted(text: str, most: int = 60) -> str:
    """Return a text of the user's in quotes, as `shown` has it."""
    return repr(_cut(text, most))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}..."


def unknown_name(kind: str, name: str, valid: Iterable[str], *, where: str) -> UserError:
    """Return the error for a misspelt choice: it names the nearest valid one and lists them all, or 100 of them."""
    choices = sorted(valid)
    near = get_close_matches(name[:100], choices[:1000], n=1)
    hint = f"did you mean {quoted(near[0])}? " if near else ""
    listed = ", ".join(map(shown, choices[:100])) + (", ..." if len(choices) > 100 else "")
    return UserError(f"unknown {kind} {quoted(name)}", where=where, how=f"{hint}valid: {listed or 'none'}")
