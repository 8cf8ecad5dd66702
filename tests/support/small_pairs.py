"""Parallel pairs in three languages, of a few words that the tokenizer of tiny_encoder.py knows."""

from babelmix.corpus.records import Pair

TEXTS = {
    "en": "the file menu opens a cell with text and prints every page of your table",
    "de": "die datei oeffnet das menue der zelle mit text und druckt jede seite deiner tabelle",
    "fr": "le fichier ouvre un menu de cellule avec du texte et imprime chaque page du tableau",
}
WORDS = {lang: text.split() for lang, text in TEXTS.items()}


def sentence(lang: str, start: int, length: int) -> str:
    """A sentence that differs from unit to unit and is parallel by position between languages."""
    words = WORDS[lang]
    return " ".join(words[(start * 3 + step * (start % 5 + 1)) % len(words)] for step in range(length)) + f" {start}"


def small_pairs() -> list[Pair]:
    """60 units in three languages, 45 of them for training."""
    return [
        Pair(f"page{unit:02}#h", lang, "train" if unit < 45 else "dev", sentence(lang, unit, 3),
             sentence(lang, unit, 6 + unit % 12), "human")
        for unit in range(60)
        for lang in WORDS
    ]  # fmt: skip
