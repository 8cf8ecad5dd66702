"""A dictionary of your own as pairs: words with tabs between them, see `lexicon.own`.

source:
  my-words: {dictionary: data/own/words.tsv}

dictionary_source("my-words", Path("data/own/words.tsv")).build(Path("data/raw/my-words"), settings.pairs)
"""

from pathlib import Path

from babelmix.common.files import new_folder
from babelmix.corpus.collect import Counts
from babelmix.corpus.records import Pair
from babelmix.corpus.settings import Pairs
from babelmix.corpus.source import PairSource
from babelmix.corpus.sources.table import own_file
from babelmix.corpus.words import word_pairs
from babelmix.lexicon.own import read_dictionary

ENDINGS = (".tsv", ".tsv.gz", ".txt")


def dictionary_source(name: str, path: Path) -> PairSource:
    """Return a dictionary of `source:` as a source of pairs; its words are never machine-translated."""

    def fetch(folder: Path, settings: Pairs) -> None:
        """The dictionary stays where it is; the folder gets an empty manifest."""
        with new_folder(folder) as staging:
            (staging / "manifest.json").write_text("{}\n", encoding="utf-8")

    def build(folder: Path, settings: Pairs) -> tuple[list[Pair], dict[str, Counts]]:
        """UserError: a file outside data/own or of another ending, and those of `read_dictionary`."""
        found = read_dictionary(own_file(path, f"params.yaml, source.{name}.dictionary", ENDINGS))
        return word_pairs(name, found.rows, settings.dev_share, left_out=found.left_out)

    return PairSource(name=name, licence=f"{name}: yours", fetch=fetch, build=build, language=None)
