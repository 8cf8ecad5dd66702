"""What happens to bytes and texts on their way: cut, flipped, joined, saved in another encoding, packed, repeated.

    data = damaged(Random("7/beir/123"), data)

Every function takes a generator and bytes and returns bytes; the same generator gives the same damage.
"""

import gzip
import zlib
from collections.abc import Callable
from random import Random

Change = Callable[[Random, bytes], bytes]

# What readers trip over, as it stands in files.
# fmt: off
TOKENS = (
    b"\0", b"\x01", b"\x1a", b"\x1b[31m", b"\x7f", b"\xc2\x85", b"\r", b"\r\n", b"\n", b"\n\n", b"\t", b"\x0b",
    b"\x0c", "\u2028".encode(), "\u2029".encode(), "\ufeff".encode(), "\u200b".encode(), "\u00a0".encode(),
    "\u202e".encode(), b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xff", b"\xc3", b"\xf4\x90\x80\x80", b"\xe9t\xe9",
    b"\xff\xfe", b"\xfe\xff", "ﬁ½Å".encode(), "İıĞ".encode(), "👩‍👩‍👧".encode(), "e\u0301\u0323".encode(),
    "مرحبا".encode(), "ไทย".encode(), b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-0", b"1.0", b"0x10", b"null",
    b"true", b"None", b"9" * 5000, b'"', b"'", b"\\", b"\\ud800", b"\\u0000", b"\\x00", b"{", b"}", b"[", b"]", b":",
    b",", b"{}", b"[]", b"<", b">", b"[" * 3000, b'{"a":' * 3000, b"a" * 20000, "字".encode() * 5000, b" " * 5000,
    b"\n" * 2000, b"-", b"%", b"&", b"#",
)
# fmt: on
ENCODINGS = (
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "utf-32-le",
    "latin-1",
    "cp1252",
    "utf-7",
    "cp037",
)
LINE_ENDS = ("\r\n", "\r", "\u2028", "\u0085", "\x0b", "\x1e", "\n\n", "", " ", ",\n")


def damaged(rng: Random, data: bytes, *, most: int = 4) -> bytes:
    """Return the bytes after one to `most` changes, few more often than many."""
    for _ in range(min(most, 1 + int(rng.expovariate(1.0)))):
        data = rng.choice(CHANGES)(rng, data)
    return data


def _spot(rng: Random, data: bytes) -> int:
    return rng.randrange(len(data) + 1)


def _span(rng: Random, data: bytes) -> tuple[int, int]:
    start = _spot(rng, data)
    return start, min(len(data), start + int(rng.expovariate(1 / 12)) + 1)


def flip(rng: Random, data: bytes) -> bytes:
    spoilt = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 8)) if spoilt else 0):
        spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
    return bytes(spoilt)


def overwrite(rng: Random, data: bytes) -> bytes:
    start, end = _span(rng, data)
    return data[:start] + rng.randbytes(end - start) + data[end:]


def drop(rng: Random, data: bytes) -> bytes:
    start, end = _span(rng, data)
    return data[:start] + data[end:]


def repeat(rng: Random, data: bytes) -> bytes:
    start, end = _span(rng, data)
    return data[:end] + data[start:end] * rng.choice((1, 1, 2, 50)) + data[end:]


def insert(rng: Random, data: bytes) -> bytes:
    at = _spot(rng, data)
    return data[:at] + rng.choice(TOKENS) + data[at:]


def replace(rng: Random, data: bytes) -> bytes:
    start, end = _span(rng, data)
    return data[:start] + rng.choice(TOKENS) + data[end:]


def cut(rng: Random, data: bytes) -> bytes:
    at = _spot(rng, data)
    return rng.choice((data[:at], data[:at], data[at:], b"", data[:1]))


def swap(rng: Random, data: bytes) -> bytes:
    a, b, c = sorted(_spot(rng, data) for _ in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def lines(rng: Random, data: bytes) -> bytes:
    """Repeat, drop, swap, blank or join lines."""
    rows = data.split(b"\n")
    at, other = rng.randrange(len(rows)), rng.randrange(len(rows))
    what = rng.randrange(6)
    if what == 0:
        rows.insert(other, rows[at])
    elif what == 1:
        del rows[at]
    elif what == 2:
        rows[at], rows[other] = rows[other], rows[at]
    elif what == 3:
        rows.insert(at, rng.choice((b"", b" ", b"\t", b"null", b"[]", b"{}", b"# a remark")))
    elif what == 4 and at + 1 < len(rows):
        rows[at : at + 2] = [rows[at] + rng.choice((b"", b" ", b",", b"\t")) + rows[at + 1]]
    else:
        rng.shuffle(rows)
    return b"\n".join(rows)


def line_ends(rng: Random, data: bytes) -> bytes:
    return data.replace(b"\n", rng.choice(LINE_ENDS).encode(), rng.choice((-1, -1, 1)))


def encode(rng: Random, data: bytes) -> bytes:
    encoding = rng.choice(ENCODINGS)
    return data.decode("utf-8", "replace").encode(encoding, "replace")


def wrap_gzip(rng: Random, data: bytes) -> bytes:
    packed = gzip.compress(data, 1, mtime=0)
    return rng.choice((packed, packed + packed, packed + b"tail", packed[: _spot(rng, packed)], flip(rng, packed)))


def unwrap_gzip(rng: Random, data: bytes) -> bytes:
    """Spoil what a gzip holds, and pack it again; other bytes stay."""
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return gzip.compress(damaged(rng, gzip.decompress(data), most=2), 1, mtime=0)
    except (OSError, EOFError, zlib.error):
        return data


CHANGES: tuple[Change, ...] = (
    *(flip, overwrite, drop, repeat, insert, insert, replace, replace, cut, swap),
    *(lines, lines, line_ends, encode, wrap_gzip, unwrap_gzip),
)
# Of files that are no text: nothing that only a text can mean.
BINARY: tuple[Change, ...] = (flip, flip, flip, overwrite, drop, repeat, cut, swap)


def damaged_binary(rng: Random, data: bytes) -> bytes:
    """Return the bytes after one to three changes that do not take them for a text."""
    for _ in range(min(3, 1 + int(rng.expovariate(1.5)))):
        data = rng.choice(BINARY)(rng, data)
    return data


def numbers(rng: Random, data: bytes, width: int = 4) -> bytes:
    """Overwrite one aligned field with a number at a border: lengths, offsets and counts are such."""
    if len(data) < width:
        return data
    at = rng.randrange(len(data) - width + 1)
    edge = rng.choice((0, 1, (1 << 8 * width) - 1, (1 << 8 * width - 1) - 1, 1 << 8 * width - 1, len(data)))
    return data[:at] + (edge % (1 << 8 * width)).to_bytes(width, rng.choice(("little", "big"))) + data[at + width :]
