"""The pages of a source of pairs: their texts in reading order, in every language, without the untranslated.

pages = read_pages([source_of("libreoffice-help", {})], HERE.raw, settings.pairs)
pages.texts["de"]["libreoffice-help:scalc/01/04060102.html"]["hd_id3147"]      # a text, by page and anchor
pages.left_out["de"]                      # {"untranslated": 5012, "wrong-language": 61}
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from babelmix.corpus.settings import Pairs
from babelmix.corpus.source import PairSource


@dataclass(frozen=True, slots=True)
class Pages:
    """Pages with their texts.

    `texts`: by language, page and anchor, in the order of `pairs.languages`, ascending pages and reading order.
    The same page and anchor in two languages are translations. `dev`: the pages of the dev split, in any language.
    `left_out`: how many texts are not in `texts`, by language and reason.
    """

    texts: Mapping[str, Mapping[str, Mapping[str, str]]]
    dev: frozenset[str]
    left_out: Mapping[str, Mapping[str, int]]


def read_pages(sources: Sequence[PairSource], raw: Callable[[str], Path], settings: Pairs) -> Pages:
    """Read the pages of sources in `pairs.languages`, dev pages too; UserError for a source without pages.

    `raw(name)` is the folder of a source's raw files.
    """
    raise NotImplementedError
