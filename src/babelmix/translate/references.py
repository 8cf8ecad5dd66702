"""Human translations to compare routes with: questions and sentences of XQuAD, and LibreOffice Help.

references = human_references("es", Path("scratch"), settings.pairs)
references[0].name, references[0].english[0], references[0].human[0]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from babelmix.benchmarks.sources import lareqa
from babelmix.common.errors import UserError
from babelmix.common.hashing import hash_order
from babelmix.corpus.settings import Pairs
from babelmix.corpus.sources import libreoffice_help
from babelmix.corpus.squad_file import read_squad_file

XQUAD = "xquad-r"
XQUAD_LANGUAGES = lareqa.RELEASES[XQUAD].languages.keys() - {"en"}
HELP = "libreoffice-help"
TEXTS = 1000  # of one set of references


@dataclass(frozen=True, slots=True)
class References:
    """English texts and their human translations."""

    name: str
    english: tuple[str, ...]
    human: tuple[str, ...]


def human_references(lang: str, raw: Path, pairs: Pairs) -> list[References]:
    """Return every set of references from English to a language; `raw` is a folder for downloads.

    LibreOffice Help gives the headings and passages of its dev pages, by the settings of `pairs`. UserError for a
    language without references.
    """
    found: list[References] = []
    if lang in XQUAD_LANGUAGES:
        found += _xquad(raw, lang)
    if lang in libreoffice_help.LANGUAGES:
        found.append(_help(raw, lang, pairs))
    if not found:
        how = f"leave it out; known: {', '.join(sorted({*XQUAD_LANGUAGES, *libreoffice_help.LANGUAGES} - {'en'}))}"
        raise UserError(f"no human translations in {lang!r} to score against", where="translate.candidates", how=how)
    return found


def _xquad(raw: Path, lang: str) -> list[References]:
    if not (raw / XQUAD).is_dir():
        lareqa.fetch(XQUAD, raw / XQUAD)
    english, other = (list(read_squad_file(raw / XQUAD / f"{code}.json")) for code in ("en", lang))
    questions = {question.id: question.text for paragraph in other for question in paragraph.questions}
    asked = [question for paragraph in english for question in paragraph.questions if question.id in questions]
    # Each language has its own sentence breaks: only paragraphs with equally many sentences are aligned.
    sentences = [
        pair
        for one, two in zip(english, other, strict=True)
        if len(one.sentences) == len(two.sentences)
        for pair in zip(one.sentences, two.sentences, strict=True)
    ]
    pairs = [(question.text, questions[question.id]) for question in asked]
    return [_drawn("XQuAD questions", pairs), _drawn("XQuAD sentences", sentences)]


def _help(raw: Path, lang: str, pairs: Pairs) -> References:
    wanted = pairs.model_copy(update={"languages": ("en", lang)})
    folder = raw / f"{HELP}-{lang}"
    libreoffice_help.fetch(folder, wanted)
    built, _ = libreoffice_help.build(folder, wanted)
    human = {pair.parallel_id: pair for pair in built if pair.lang == lang and pair.split == "dev"}
    both = [(pair, human[pair.parallel_id]) for pair in built if pair.lang == "en" and pair.parallel_id in human]
    texts = [text for one, two in both for text in ((one.query, two.query), (one.passage, two.passage))]
    return _drawn("LibreOffice Help", texts)


def _drawn(name: str, texts: Sequence[tuple[str, str]]) -> References:
    """Return at most TEXTS of them, in `hash_order`, each English text once."""
    unique = dict(texts)
    english = sorted(unique, key=hash_order)[:TEXTS]
    return References(name, tuple(english), tuple(unique[text] for text in english))
