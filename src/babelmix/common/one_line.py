"""Turn any text, such as a file name, into one readable line for a terminal.

one_line("a\\nb\\x1b[31m")             # "a\\\\nb\\\\x1b[31m": nothing moves the cursor or starts a new line
one_line("x" * 10_000, 200)         # the beginning, the number of characters left out, and the end
"""

LIMIT = 300  # the most characters of a part of a message; more than a usual path has


def one_line(text: object, limit: int = LIMIT) -> str:
    """Return the text with unprintable characters escaped, cut in the middle to about `limit` characters.

    Line ends, control characters, direction marks, invisible characters and lone surrogates are escaped as in Python.
    """
    whole = str(text)
    if len(whole) > limit:
        head = limit * 2 // 3
        tail = limit - head
        left_out = len(whole) - head - tail
        whole = f"{whole[:head]}[... {left_out:,} characters ...]{whole[len(whole) - tail :]}"
    return whole if whole.isprintable() else "".join(map(_visible, whole))


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message that is not blank; "" if there is none or `str` fails."""
    try:
        return one_line(next(filter(None, map(str.strip, str(error).splitlines())), ""))
    except Exception:
        return ""


def reason_of(error: BaseException) -> str:
    """Return the first line of an error's message, or the name of its type where there is none."""
    return first_line(error) or type(error).__name__


def _visible(sign: str) -> str:
    return sign if sign.isprintable() else sign.encode("unicode_escape", "backslashreplace").decode("ascii")
