"""The one error type for what a user can mend.

    raise UserError("no objective 'hybird'", where="params.yaml, objectives", how="choose from contrastive, hybrid")

The command line prints it in one line and exits with code 2; a traceback is shown only with `--debug`.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Bad input, told as what is wrong, where (file, line, field) and how to mend it."""

    def __init__(self, what: str, *, where: str, how: str) -> None:
        """Keep the three parts; the message joins them in one line."""
        super().__init__(what, where, how)
        self.what, self.where, self.how = what, where, how

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.how}"


def unknown_name(kind: str, name: str, valid: Iterable[str], *, where: str) -> UserError:
    """Return the error for a misspelt choice: it names the nearest valid one and lists them all."""
    choices = sorted(valid)
    near = get_close_matches(name, choices, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return UserError(f"unknown {kind} {name!r}", where=where, how=f"{hint}valid: {', '.join(choices)}")
