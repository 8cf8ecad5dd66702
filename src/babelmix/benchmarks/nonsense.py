"""Nonsense queries: a hundred texts that no passage answers, to see which passages come first all the same.

nonsense_queries()[0]              # "mzvkkoi ekq wtgyfbh ..."

Twenty each of five kinds: words of random letters of the Latin, Cyrillic and Arabic alphabets, rows of random Chinese
characters, and the shuffled characters of a question. All is drawn by sha256, so that it is the same everywhere.
"""

import hashlib

from babelmix.common.hashing import hash_order

EACH = 20
ALPHABETS = {
    "Latin": "abcdefghijklmnopqrstuvwxyz",
    "Cyrillic": "абвгдежзийклмнопрстуфхцчшщъыьэюя",
    "Arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "Chinese": "".join(chr(0x4E00 + 97 * step) for step in range(200)),  # all over the block of ideographs
}
QUESTIONS = (
    "How do I change the language of the keyboard?",
    "Wie viele Menschen leben in dieser Stadt?",
    "¿Cuándo se construyó el puente sobre el río?",
    "Quelle est la différence entre les deux fichiers ?",
    "Почему зимой на севере не восходит солнце?",
)


def nonsense_queries() -> tuple[str, ...]:
    """Return the hundred queries, kind by kind: 4 to 9 words of 2 to 9 letters, or characters without their order."""
    words = [_words(kind, letters, number) for kind, letters in ALPHABETS.items() for number in range(EACH)]
    return (*words, *(_shuffled(QUESTIONS[number % len(QUESTIONS)], number) for number in range(EACH)))


def _words(kind: str, letters: str, number: int) -> str:
    """Return words of random letters; a Chinese text has no spaces."""
    space = "" if kind == "Chinese" else " "
    count = 4 + _draw(f"{kind} {number}", 1)[0] % 6
    words: list[str] = []
    for word in range(count):
        length, *drawn = _draw(f"{kind} {number} {word}", 10)
        words.append("".join(letters[value % len(letters)] for value in drawn[: 2 + length % 8]))
    return space.join(words)


def _shuffled(question: str, number: int) -> str:
    order = sorted(range(len(question)), key=lambda place: hash_order(f"shuffled {number} {place}"))
    return " ".join("".join(question[place] for place in order).split())


def _draw(name: str, count: int) -> list[int]:
    """Return up to 16 numbers below 65,536, the same for the same name."""
    digest = hashlib.sha256(name.encode()).digest()
    return [int.from_bytes(digest[2 * i : 2 * i + 2]) for i in range(count)]
