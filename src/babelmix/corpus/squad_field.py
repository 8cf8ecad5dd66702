"""A value in a JSON file and its place, read in the ways in which people write texts, numbers and flags.

Field(raw, "en.json").get("is_impossible").flag()      # true for true, "TRUE", "yes", 1; UserError for "perhaps"
Field(raw, "en.json").get("context").where             # "en.json, context"
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from babelmix.common.errors import UserError
from babelmix.common.reading import checked_id, checked_text, shown

_YES = ("true", "yes", "1")
_NO = ("false", "no", "0", "none", "null", "")


@dataclass(frozen=True, slots=True)
class Field:
    """A value, its file (or a line of one), and its path in the file."""

    value: Any
    file: str
    path: str = ""

    @property
    def where(self) -> str:
        """File and path."""
        return f"{self.file}, {self.path}" if self.path else self.file

    def has(self, key: str) -> bool:
        """Whether this is an object with a field of that name."""
        return isinstance(self.value, dict) and key in self.value

    def get(self, key: str) -> "Field":
        """Return the field of that name, null if there is none."""
        value = self.value.get(key) if isinstance(self.value, dict) else None
        return Field(value, self.file, f"{self.path}.{key}" if self.path else key)

    def none(self) -> "Field":
        """Return null in the same place."""
        return Field(None, self.file, self.path)

    def items(self) -> Iterator["Field"]:
        """Yield the items of a list, or the one value instead of a list; nothing for null."""
        if not isinstance(self.value, list):
            return iter([] if self.value is None else [self])
        items: list[Any] = self.value
        numbered = enumerate(items)
        return (
            item if isinstance(item, Field) else Field(item, self.file, f"{self.path}[{at}]") for at, item in numbered
        )

    def text(self) -> str:
        """Return a text, "" for null."""
        return "" if self.value is None else checked_text(self.value, self.where)

    def answer(self) -> str:
        """Return the text of an answer, which may be a number."""
        if isinstance(self.value, int) and not isinstance(self.value, bool):
            return str(self.value)
        return self.text()

    def id(self) -> str:
        """Return the id of a question, "" if it has none."""
        names = (self.get(name) for name in ("id", "question_id", "qid"))
        found = next((name for name in names if name.value is not None), self.none())
        blank = found.value is None or (isinstance(found.value, str) and not found.value.strip())
        return "" if blank else checked_id(found.value, found.where)

    def number(self) -> int:
        """Return a whole number."""
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            self.refuse(f"not a whole number: {shown(self.value)}")
        return self.value

    def start(self) -> int | None:
        """Return an offset, a number or a text; None if there is none."""
        if isinstance(self.value, str) and len(self.value) < 20:
            text = self.value.strip()
            return int(text) if text.removeprefix("-").isdecimal() else None if not text else self.number()
        if isinstance(self.value, float) and self.value.is_integer():
            return int(self.value)
        return None if self.value is None else self.number()

    def flag(self) -> bool:
        """Return a truth value, however people write it; false for null."""
        value = self.value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        word = str(value).strip().lower() if isinstance(value, str | int) else "" if value is None else "?"
        if word not in (*_YES, *_NO):
            self.refuse(f"not true or false: {shown(self.value)}")
        return word in _YES

    def refuse(self, what: str) -> NoReturn:
        """Raise a UserError at this place."""
        raise UserError(what, where=self.where, how="correct it there, or fetch the published file again")
