"""JSON that is whole and still wrong: values of other types, keys dropped, doubled and renamed, odd numbers and texts.

text = spoilt_json(Random("7/squad/5"), {"data": []})        # of one value
text = spoilt_lines(Random("7/beir/5"), rows)                # of a list of rows, one a line
"""

import json
from copy import deepcopy
from random import Random
from typing import Any


class Raw:
    """JSON text that no value of Python gives: NaN, a number of a thousand digits, a list a thousand deep."""

    def __init__(self, text: str) -> None:
        self.text = text


# fmt: off
RAW = (
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000, "0." + "3" * 5000, "-0", "1E5", "01", "1.", "+1",
    "[" * 2000 + "]" * 2000, "[" * 90 + "]" * 90, '{"a":' * 500 + "1" + "}" * 500, "[" * 100000, "undefined", "'x'",
    "", r'"\ud800"', r'"\udfff\ud800"', r'"a\u0000b"', r'"\u001b[31m"', r'"\q"', '"a\tb"', '"a\nb"', r'"\u2028"',
    r'"\ufeff"',
)
# fmt: on
# fmt: off
TEXTS = (
    "", " ", "\t", "\u00a0", "\u200b", "\u3000", "\ufeff", "\0", "\x1b[2J", "a\nb", "a\r\nb", "a\u2028b", "a\u0085b",
    "0", "1", "-1", "1.0", "NaN", "null", "true", "no", "None", "a" * 20000, "字" * 3000, "\u0301" * 3000, "." * 200,
    "b" * 998, "b" * 1000, "../../x", "/etc/passwd", "a/b", "a:b", "con", "..", ".", "~", "$HOME", "%s", "{0}",
    "a\\b", "a\tb", "a'b\"c", "-x", "\ud800", "x\udc00y", "é", "e\u0301", "İ", "ß", "ﬁ", "👩‍👩‍👧", "\u202eabc",
    "مرحبا", "你好。", "สวัสดี", "\U0010ffff", "\ufffe",
)
# fmt: on
# fmt: off
VALUES = (
    None, True, False, 0, 1, -1, 2, 10, 2**31, 2**32, 2**63, 2**64, -(2**63) - 1, 10**25, 0.5, 1.0, -0.0, 1e308,
    5e-324, [], {}, [None], [[]], [{}], {"": None}, {"a": 1}, [1, 2], ["a"], ["a", "a"], {"text": "a"}, [[0, 1]],
    [0.5],
)
# fmt: on


def odd(rng: Random) -> Any:
    """Return a value that a reader may not expect."""
    pool = rng.random()
    return deepcopy(rng.choice(VALUES)) if pool < 0.4 else rng.choice(TEXTS) if pool < 0.75 else Raw(rng.choice(RAW))


def spoilt(rng: Random, value: Any, *, most: int = 3) -> Any:
    """Return a copy of a value with one to `most` changes."""
    box = [deepcopy(value)]
    for _ in range(min(most, 1 + int(rng.expovariate(1.2)))):
        parent, key = rng.choice(_places(box))
        _change(rng, box, parent, key)
    return box[0]


def dumped(rng: Random, value: Any, **form: Any) -> bytes:
    """Return a value as JSON in one of the ways in which programs write it; `Raw` stands as it is."""
    found: list[str] = []

    def plain(item: Any) -> Any:
        if isinstance(item, Raw):
            found.append(item.text)
            return f"\x01{len(found) - 1}\x01"
        raise TypeError

    text = json.dumps(value, default=plain, ensure_ascii=rng.random() < 0.5, **form)
    for number, raw in enumerate(found):
        text = text.replace(f'"\\u0001{number}\\u0001"', raw)
    if rng.random() < 0.1 and '": ' in text:  # a key twice
        at = rng.choice([at for at in range(len(text)) if text.startswith('": ', at)])
        start = text.rfind('"', 0, at)
        text = f"{text[:start]}{text[start : at + 3]}{json.dumps(rng.choice(TEXTS))}, {text[start:]}"
    return text.encode("utf-8", "surrogatepass")


def spoilt_json(rng: Random, value: Any) -> bytes:
    """Return one value, spoilt, as JSON."""
    return dumped(rng, spoilt(rng, value), indent=rng.choice((None, None, 1)))


def spoilt_lines(rng: Random, rows: list[Any]) -> bytes:
    """Return rows, spoilt, as JSON lines; sometimes all on one line, or as a list."""
    changed = spoilt(rng, rows)
    if not isinstance(changed, list) or rng.random() < 0.05:
        return dumped(rng, changed)
    between = rng.choice((b"\n",) * 12 + (b" ", b"", b",\n", b"\r\n", b"\n\n"))
    return between.join(dumped(rng, row) for row in changed) + rng.choice((b"\n", b"\n", b"\n", b"", b"\n\n"))


def _places(box: list[Any]) -> list[tuple[Any, Any]]:
    """Return every (container, key) of a value, the values near the root as often as those far down."""
    found: list[tuple[Any, Any]] = []
    ahead: list[Any] = [box]
    while ahead and len(found) < 2000:
        parent = ahead.pop()
        for key in list(parent) if isinstance(parent, dict) else range(len(parent)):
            found.append((parent, key))
            if isinstance(parent[key], dict | list):
                ahead.append(parent[key])
    return found


def _change(rng: Random, box: list[Any], parent: Any, key: Any) -> None:
    value, what = parent[key], rng.randrange(12)
    if what == 0 and parent is not box:
        del parent[key]
    elif what == 1 and isinstance(parent, dict):
        parent[rng.choice((*map(str, TEXTS), f"{key}s", str(key).upper(), str(key)))] = parent.pop(key)
    elif what == 2 and isinstance(parent, list) and parent is not box:
        parent.insert(rng.randrange(len(parent) + 1), deepcopy(value))
    elif what == 3:
        parent[key] = rng.choice(([value], [[value]], {"a": value}, [value, value], str(value)[:100]))
    elif what == 4 and isinstance(value, str):
        at = rng.randrange(len(value) + 1)
        parent[key] = value[:at] + rng.choice(TEXTS) + value[at:]
    elif what == 5 and isinstance(value, list | dict):
        value.clear()
    elif what == 6:
        _, (other, place) = box, rng.choice(_places(box))
        parent[key] = deepcopy(other[place])
    elif what == 7 and isinstance(value, dict):
        value[rng.choice(TEXTS)] = odd(rng)
    elif what == 8 and isinstance(value, int | float) and not isinstance(value, bool):
        parent[key] = rng.choice((-value, value + 1, value - 1, float(value), str(value), value * 10**9))
    elif what == 9 and isinstance(value, list):
        value.append(odd(rng))
    else:
        parent[key] = odd(rng)
