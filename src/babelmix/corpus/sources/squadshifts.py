"""Question-passage pairs out of SQuAD-form files, and SQuADShifts, which is three of them.

    fetch(Path("data/raw/squadshifts"), settings.pairs)
    pairs, counts = build(Path("data/raw/squadshifts"), settings.pairs)
    counts["en"]  # {"kept_train": 7710, "kept_dev": 17878, "dropped": {"too-short": 1555, ...}}

SQuADShifts (Miller et al., ICML 2020, CC BY 4.0): questions that people asked about paragraphs of Wikipedia, Amazon
reviews and Reddit. Wikipedia is train; reviews and Reddit, other texts by other hands, are dev. The part from The New
York Times is not taken.
"""

from collections.abc import Callable
from pathlib import Path

from babelmix.common.files import new_folder
from babelmix.corpus.collect import Counts, Gathered, split_of
from babelmix.corpus.records import Pair
from babelmix.corpus.sentences import clean, window
from babelmix.corpus.settings import Pairs
from babelmix.corpus.source import PairSource
from babelmix.corpus.squad_file import UNANSWERED, read_squad_file
from babelmix.download.https import fetch_file

ADDRESS = "https://raw.githubusercontent.com/modestyachts/squadshifts-website"
COMMIT = "b7cc4d50af791c36c49417fb94dd739d6a9e7bef"
# {file: (sha256, split)}, train first.
FILES = {
    "new_wiki_v1.0.json": ("1d50a0ca4cdab88d038b52ea8a2d0510af6038d7f41a0a256b9659237769d0ee", "train"),
    "amazon_reviews_v1.0.json": ("9db7bdee84a91f0fb80b9e74f365042fbbb217cb8e0a7e73bb071245472589b6", "dev"),
    "reddit_v1.0.json": ("b4ac346dbf1816fdec80fdcf91d06a4b754fa51e47960fa8614a94f37ea42a4b", "dev"),
}


def fetch(folder: Path, settings: Pairs) -> None:
    """Download the files of SQuADShifts, each checked by sha256; the folder is replaced as a whole.

    UserError: see `fetch.fetch_file`.
    """
    with new_folder(folder) as beside:
        for name, (sha256, _) in FILES.items():
            fetch_file(f"{ADDRESS}/{COMMIT}/datasets/{name}", sha256, beside / name)


def build(folder: Path, settings: Pairs) -> tuple[list[Pair], dict[str, Counts]]:
    """Cut the pairs of SQuADShifts, origin "human", and tell what became of the questions: see `add_file`.

    No query or passage stands in both splits. UserError: a file at fault (see `squad_file.read_squad_file`).
    """
    gathered = Gathered("en", min_characters=settings.min_passage_characters)
    for name, (_, split) in FILES.items():
        add_file(gathered, folder / name, "squadshifts", settings, lambda _, split=split: split)
    pairs, counts = gathered.close()
    return pairs, {"en": counts}


def add_file(
    gathered: Gathered, file: Path, source: str, settings: Pairs, split: Callable[[str], str] | None = None
) -> None:
    """Add the questions of a SQuAD-form file, each with the `passage_sentences` sentences around its answer.

    The answer's offsets are those of the raw text, so it is cut first and cleaned after. Questions are dropped for the
    reasons of `read_squad_file`, which also says what was mended, and for those of `Gathered`. The parallel_id is
    `<source>:<id>`. `split` tells the split of a context; without it that is decided by its sha256 and `dev_share`.

    UserError: a file at fault, see `squad_file.read_squad_file`.
    """
    for paragraph in read_squad_file(file):
        gathered.dropped += paragraph.left_out
        gathered.mended += paragraph.mended
        context = paragraph.context
        side = split(context) if split else split_of(clean(context), settings.dev_share)
        for question in paragraph.questions:
            if gathered.full:
                return
            answer = clean(context[question.start : question.end])
            if not answer:  # marks that nobody sees
                gathered.dropped[UNANSWERED] += 1
                continue
            passage = window(
                context,
                start=question.start,
                end=question.end,
                sentences=settings.passage_sentences,
                lang=gathered.lang,
            )
            parallel_id, query = f"{source}:{clean(question.id)}", clean(question.text)
            gathered.add(Pair(parallel_id, gathered.lang, side, query, passage, "human", answer))


SOURCE = PairSource(name="squadshifts", licence="SQuADShifts: CC BY 4.0", fetch=fetch, build=build)
