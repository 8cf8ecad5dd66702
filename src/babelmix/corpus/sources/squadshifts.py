"""Question-passage pairs from files in SQuAD form; SQuADShifts has three of them.

    fetch(Path("data/raw/squadshifts"), settings.pairs)
    pairs, counts = build(Path("data/raw/squadshifts"), settings.pairs)
    counts["en"]  # {"kept_train": 7710, "kept_dev": 17878, "dropped": {"too-short": 1555, ...}}

SQuADShifts (Miller et al., ICML 2020, CC BY 4.0): questions that people asked about paragraphs of Wikipedia, Amazon
reviews and Reddit. Wikipedia is train; reviews and Reddit, other texts by other authors, are dev. We leave out the part
from The New York Times.
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
    """Download the files of SQuADShifts, check the sha256 of each, and replace the folder as a whole.

    UserError: see `https.fetch_file`.
    """
    with new_folder(folder) as staging:
        for name, (sha256, _) in FILES.items():
            fetch_file(f"{ADDRESS}/{COMMIT}/datasets/{name}", sha256, staging / name)


def build(folder: Path, settings: Pairs) -> tuple[list[Pair], dict[str, Counts]]:
    """Make the pairs of SQuADShifts, origin "human", and count the questions kept and dropped: see `add_file`.

    The splits share no query or passage. UserError: a faulty file (see `squad_file.read_squad_file`).
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

    The offsets of answers refer to the raw text, so this cuts a passage first and cleans it after. The reasons to drop
    or mend a question are those of `read_squad_file` and `Gathered`. The parallel_id is `<source>:<id>`. `split`
    returns the split of a context; without it, the context's sha256 and `dev_share` decide.

    UserError: a faulty file, see `squad_file.read_squad_file`.
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
            if not answer:  # only invisible characters
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
