"""Parse YAML 1.2 (the core schema) without surprises: `no` is a text, here Norwegian.

    parse_yaml("languages: [en, no]", "params.yaml")        # {"languages": ["en", "no"]}

Only true and false are booleans; `yes`, `no`, `on`, `off`, `y` and `n` are texts, and so are dates and 12:30; 010 is
ten. DVC reads and writes params.yaml in this way and drops quotes that YAML 1.2 does not need. We refuse duplicate
keys, keys that are not texts, aliases within themselves, too many values, too deep nesting, numbers that are not finite
or exceed 64 bits, lone surrogates, control characters and tags.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from babelmix.common.errors import UserError, quoted, shown
from babelmix.common.reading import checked_text

VALUES = 10_000  # the most values, with aliases expanded; params.yaml has 600
CHARACTERS = 20  # allowed for each of those values
DEPTH = 20
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_TAG = "tag:yaml.org,2002:"
_MERGE = "<<"
_SMALLER = "write a smaller file, without such aliases"
# libyaml's parser is ten times as fast, but not every build of PyYAML has it.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class _Open:
    """A list or mapping that is being read."""

    value: list[Any] | dict[str, Any]
    anchor: str | None
    before: int  # number of values read before it
    lines: dict[str, int] = field(default_factory=dict)  # key -> its line
    key: str | None = None  # for a mapping: the key whose value comes next
    merged: list[Any] = field(default_factory=list)  # the values of `<<`


def parse_yaml(text: str, where: str, most: int = VALUES) -> Any:
    """Return the only document of a YAML text, None if it is empty; UserError, with line and field, for an error.

    `most` bounds the number of values, and so the number of characters.
    """
    if len(text) > most * CHARACTERS:
        raise UserError(f"{len(text):,} characters", where=where, how=f"write {most * CHARACTERS:,} at most")
    for number, line in enumerate(text.split("\n"), start=1):
        checked_text(line, f"{where}, line {number}")
    try:
        return _Reader(where, most).read(yaml.parse(text, Loader=_LOADER))
    except yaml.reader.ReaderError as error:
        line = text.encode()[: error.position].count(b"\n") + 1
        raise UserError("a control character", where=f"{where}, line {line}", how="take it out") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"not valid YAML ({error.problem})", where=f"{where}{line}", how="correct that line") from error
    except yaml.YAMLError as error:
        raise UserError(f"not valid YAML ({shown(str(error))})", where=where, how="correct the syntax") from error


class _Reader:
    """Builds values from the parser's events, without recursion: deep nesting cannot exhaust the stack."""

    def __init__(self, where: str, most: int) -> None:
        self._where, self._most = where, most
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int] | None] = {}  # None: still being read
        self._count = 0
        self._line = 1
        self._root: Any = None

    def read(self, events: Iterator[Any]) -> Any:
        documents = 0
        for event in events:
            self._line = event.start_mark.line + 1
            match event:
                case yaml.DocumentStartEvent():
                    documents += 1
                    if documents > 1:
                        raise self._error(
                            "a second document", "keep one: take out the line `---` and everything after it"
                        )
                case yaml.ScalarEvent():
                    self._scalar(event)
                case yaml.AliasEvent():
                    self._alias(event.anchor)
                case yaml.SequenceStartEvent():
                    self._begin([], event, "seq")
                case yaml.MappingStartEvent():
                    self._begin({}, event, "map")
                case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                    self._end()
                case _:
                    pass
        return self._root

    def _begin(self, value: list[Any] | dict[str, Any], event: Any, kind: str) -> None:
        if event.tag not in (None, "!", _TAG + kind):
            raise self._tagged(event.tag)
        if self._wants_key():
            raise self._error("a key that is not a text", "write a text before the colon")
        if len(self._open) == DEPTH:
            raise self._error(f"lists or mappings more than {DEPTH} deep", "write fewer brackets, or indent less")
        if event.anchor:
            self._anchors[event.anchor] = None
        self._grow(1)
        self._open.append(_Open(value, event.anchor, self._count))

    def _end(self) -> None:
        done = self._open.pop()
        if isinstance(done.value, dict):
            for merged in done.merged:
                done.value |= {key: value for key, value in merged.items() if key not in done.value}
        if done.anchor:
            self._anchors[done.anchor] = done.value, self._count - done.before + 1
        self._put(done.value)

    def _alias(self, name: str) -> None:
        found = self._anchors.get(name, ())
        if found is None:
            raise self._error(f"the alias *{shown(name)} is within the value that it names", "write the values out")
        if not found:
            raise self._error(f"no anchor &{shown(name)} before its alias", "write the values out")
        value, size = found
        self._grow(size)
        if self._wants_key():
            self._put_key(value, plain=False)
        else:
            self._put(value)

    def _scalar(self, event: Any) -> None:
        self._grow(1)
        plain = event.tag is None and event.implicit[0]
        if not plain and event.tag not in (None, "!", _TAG + "str"):
            raise self._tagged(event.tag)
        text = event.value if event.value.isprintable() else checked_text(event.value, self._where_now())
        value = self._resolved(text) if plain else text
        if event.anchor:
            self._anchors[event.anchor] = value, 1
        if self._wants_key():
            self._put_key(value, plain)
        else:
            self._put(value)

    def _resolved(self, text: str) -> Any:
        """Return the value of a text without quotes in YAML 1.2's core schema."""
        if text in _WORDS:
            return _WORDS[text]
        if _INT.fullmatch(text):
            base = {"0o": 8, "0x": 16}.get(text[:2], 10)
            number = int(text, base) if len(text) <= 30 else 1 << 64
            if not -(1 << 63) <= number < 1 << 64:
                raise self._error(f"a number beyond 64 bits: {shown(text)}", "correct it, or write it in quotes")
            return number
        if _FLOAT.fullmatch(text) or _NOT_FINITE.fullmatch(text):
            number = float("inf") if _NOT_FINITE.fullmatch(text) else float(text)
            if abs(number) == float("inf"):
                raise self._error(f"not a finite number: {shown(text)}", "correct it, or write it in quotes")
            return number
        return text

    def _put_key(self, key: Any, plain: bool) -> None:
        top = self._open[-1]
        if not isinstance(key, str):
            raise self._error(f"the key {shown(str(key))} is not a text", "write it in quotes")
        if key == _MERGE and plain:
            top.key = _MERGE
        elif key in top.lines:
            raise self._error(
                f"duplicate key {quoted(key)}, first in line {top.lines[key]}", "keep one of them", key=key
            )
        else:
            top.key, top.lines[key] = key, self._line

    def _put(self, value: Any) -> None:
        if not self._open:
            self._root = value
            return
        top = self._open[-1]
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key == _MERGE and _MERGE not in top.lines:
            merged = value if isinstance(value, list) else [value]
            if not all(isinstance(one, dict) for one in merged):
                raise self._error("`<<` needs a mapping, or a list of mappings", "write the values out")
            top.merged += merged
            top.key = None
        else:
            top.value[top.key or ""] = value
            top.key = None

    def _wants_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].value, dict) and self._open[-1].key is None

    def _grow(self, values: int) -> None:
        self._count += values
        if self._count > self._most:
            raise self._error(f"more than {self._most:,} values, with aliases expanded", _SMALLER)

    def _where_now(self, key: str | None = None) -> str:
        """Return file, line and the field that is being read."""
        names = [frame.key or "" if isinstance(frame.value, dict) else str(len(frame.value)) for frame in self._open]
        if key:
            names[-1] = key
        path = ".".join(shown(name) for name in names if name)
        return f"{self._where}, line {self._line}{', ' if path else ''}{path}"

    def _tagged(self, tag: str) -> UserError:
        return self._error(f"the tag {shown(tag)}", "take it out: values need no tags")

    def _error(self, what: str, how: str, key: str | None = None) -> UserError:
        return UserError(what, where=self._where_now(key), how=how)
