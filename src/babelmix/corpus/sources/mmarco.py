"""mMARCO: questions to a search engine, each with an answering passage, in English and 13 machine translations.

    fetch(Path("data/raw/mmarco"), settings.pairs)
    pairs, counts = build(Path("data/raw/mmarco"), settings.pairs)  # parallel by query: "mmarco:121352" in 14 languages

Bonifacio et al., arXiv:2108.13897: MS MARCO (English, by people; for non-commercial research only), translated by
Google Translate. `unicamp-dl/mmarco` on the hub, raw files; a collection has 3 to 8 GB a language. This reads them line
by line and holds only the wanted texts in memory.
"""

from collections.abc import Collection, Iterator
from pathlib import Path

from babelmix.common.errors import UserError
from babelmix.corpus.collect import Counts, Gathered, split_of
from babelmix.corpus.records import Pair
from babelmix.corpus.sentences import clean
from babelmix.corpus.settings import Pairs
from babelmix.corpus.source import PairSource
from babelmix.download.hub import Wanted, fetch_from_hub

REPO, REVISION = "unicamp-dl/mmarco", "main"
LANGUAGES = {
    "ar": "arabic",
    "de": "german",
    "en": "english",
    "es": "spanish",
    "fr": "french",
    "hi": "hindi",
    "id": "indonesian",
    "it": "italian",
    "ja": "japanese",
    "nl": "dutch",
    "pt": "portuguese",
    "ru": "russian",
    "vi": "vietnamese",
    "zh": "chinese",
}
LICENCE = "MS MARCO, which mMARCO translates, is for non-commercial research only"
TRIPLES = "data/triples.train.ids.small.tsv"
TRANSLATED = "google translate (mMARCO)"
_AGAIN = "delete the folder and fetch it again"


def fetch(folder: Path, settings: Pairs) -> str:
    """Download queries and collection of each of `pairs.languages` that mMARCO has, replacing `folder`.

    The manifest names the commit. Returns the notice that the licence asks for; UserError as for the hub.
    """
    wanted = [TRIPLES, *(name for lang in chosen(settings) for name in (_queries(lang), _collection(lang)))]
    fetch_from_hub(folder, Wanted(REPO, REVISION, lambda _: wanted))
    return LICENCE


def build(folder: Path, settings: Pairs) -> tuple[list[Pair], dict[str, Counts]]:
    """Take the first `mmarco_queries` queries of the triples, each with the first passage that answers it.

    The parallel_id is `mmarco:<query id>` in every language; the passage's id decides the split. The origin is "human"
    in English and a translator in the others. Other languages have only pairs that English keeps. Reasons to drop a
    pair: missing (no text under its id), untranslated (a text equals the English), and those of `Gathered`;
    `min_passage_characters` counts for English alone. Passages stay whole, because mMARCO does not mark their answers.

    UserError: a missing, empty or malformed file, with its line.
    """
    answers = _answers(folder / TRIPLES, settings.mmarco_queries)
    english: dict[str, Pair] = {}
    pairs: list[Pair] = []
    counts: dict[str, Counts] = {}
    for lang in chosen(settings):
        gathered = Gathered(lang, min_characters=settings.min_passage_characters if lang == "en" else 1)
        queries = _texts(folder / _queries(lang), answers.keys())
        passages = _texts(folder / _collection(lang), set(answers.values()))
        for query, passage in answers.items():
            parallel_id, split = f"mmarco:{query}", split_of(passage, settings.dev_share)
            origin = "human" if lang == "en" else TRANSLATED
            pair = Pair(parallel_id, lang, split, queries.get(query, ""), passages.get(passage, ""), origin)
            original = english.get(parallel_id)
            if not pair.query or not pair.passage:
                gathered.dropped["missing"] += 1
            elif original and (pair.query == original.query or pair.passage == original.passage):
                gathered.dropped["untranslated"] += 1
            else:
                gathered.add(pair)
        if lang == "en":
            gathered.check(str(folder), "mMARCO")
        kept, counts[lang] = gathered.close()
        if lang == "en":
            english = {pair.parallel_id: pair for pair in kept}
            answers = {query: passage for query, passage in answers.items() if f"mmarco:{query}" in english}
        pairs += kept
    return sorted(pairs, key=lambda pair: (pair.lang, pair.parallel_id)), dict(sorted(counts.items()))


def chosen(settings: Pairs) -> tuple[str, ...]:
    """Return the languages of mMARCO among `pairs.languages`, English first and always."""
    return ("en", *sorted((set(settings.languages) & set(LANGUAGES)) - {"en"}))


def _queries(lang: str) -> str:
    return f"data/google/queries/train/{LANGUAGES[lang]}_queries.train.tsv"


def _collection(lang: str) -> str:
    return f"data/google/collections/{LANGUAGES[lang]}_collection.tsv"


def _answers(file: Path, limit: int) -> dict[str, str]:
    """Return {query id: passage id} of the first distinct queries in the triples (query, answer, other passage)."""
    answers: dict[str, str] = {}
    for where, line in _lines(file):
        ids = line.split(b"\t")
        if len(ids) != 3 or not all(part.strip().isdigit() for part in ids):
            raise UserError("not three ids", where=where, how=_AGAIN)
        answers.setdefault(ids[0].strip().decode(), ids[1].strip().decode())
        if len(answers) == limit:
            break
    if not answers:
        raise UserError("empty file", where=str(file), how=_AGAIN)
    return answers


def _texts(file: Path, wanted: Collection[str]) -> dict[str, str]:
    """Return {id: cleaned text} of the wanted ids, reading no further than the last of them."""
    texts: dict[str, str] = {}
    missing = {id_.encode() for id_ in wanted}
    for where, line in _lines(file):
        if not missing:
            break
        id_, tab, text = line.partition(b"\t")
        if not tab or not id_.isdigit():
            raise UserError("not an id and a text", where=where, how=_AGAIN)
        if id_ in missing:
            missing.remove(id_)
            try:
                texts[id_.decode()] = clean(text.decode())
            except UnicodeDecodeError as error:
                raise UserError("not UTF-8 text", where=where, how=_AGAIN) from error
    return texts


def _lines(file: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with file.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                yield f"{file}, line {number}", line
    except FileNotFoundError as error:
        raise UserError("no such file", where=str(file), how="fetch it with `dvc repro`") from error
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror})", where=str(file), how=_AGAIN) from error


SOURCE = PairSource(
    name="mmarco",
    licence="mMARCO: Apache-2.0, of MS MARCO, for research that is not commercial",
    fetch=fetch,
    build=build,
    hub=True,
)
