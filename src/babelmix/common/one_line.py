"""Any text as one readable line of a terminal, whatever a user's file or folder is called.

one_line("a\\nb\\x1b[31m")             # "a\\\\nb\\\\x1b[31m": nothing moves the cursor or starts a new line
one_line("x" * 10_000, 200)         # the beginning and the end, with what was left out counted
"""

LIMIT = 300  # characters of a part of a message; a path of usual length stays whole


def one_line(text: object, limit: int = LIMIT) -> str:
    """Return the text with what is not printable escaped, cut in the middle to about `limit` characters.

    Line ends, control characters, marks of direction, invisible signs and half characters are escaped as Python does.
    """
    whole = str(text)
    if len(whole) > limit:
        head = limit * 2 // 3
        tail = limit - head
        left_out = len(whole) - head - tail
        whole = f"{whole[:head]}[... {left_out:,} characters ...]{whole[len(whole) - tail :]}"
    return whole if whole.isprintable() else "".join(map(_visible, whole))


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message that is not blank; "" where it has none, or cannot say it."""
    try:
        return one_line(next((line for line in str(error).splitlines() if line.strip()), ""))
    except Exception:
        return ""


def _visible(sign: str) -> str:
    return sign if sign.isprintable() else sign.encode("unicode_escape", "backslashreplace").decode("ascii")
