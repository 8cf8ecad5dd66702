"""Pages whose texts are numbers, and a model that reads each number of a text as a token: ids say which text it was."""

from typing import Any

from hypothesis import strategies as st

from babelmix.pretraining.blocks import Blocks, build_blocks
from babelmix.pretraining.pages import Pages

LANGUAGES = ("en", "de", "ja")


class NumberModel:
    """What `tokenise` asks of a model; it has no prompt and no limit."""

    prompts: dict[str, str] = {}  # noqa: RUF012
    max_seq_length = None

    def __getitem__(self, _: int) -> None: ...

    def tokenizer(self, texts: list[str], *, truncation: bool, max_length: int) -> dict[str, list[list[int]]]:
        """Return the numbers of each text, at most `max_length`."""
        assert truncation
        return {"input_ids": [[int(word) for word in text.split()][:max_length] for text in texts]}


def blocks_of(pages: Pages, sentences: int = 3) -> Blocks:
    """Build blocks with the model of numbers."""
    model: Any = NumberModel()
    return build_blocks(pages, model, sentences=sentences, max_tokens=8)


def pages_of(
    lengths: dict[str, list[int]],
    *,
    missing: frozenset[tuple[str, int, int]] = frozenset(),
    shared: dict[tuple[int, int], int] | None = None,
    dev: frozenset[int] = frozenset(),
) -> Pages:
    """Return pages: `lengths` has the texts of each page, by language.

    The text of a language's page and anchor is "language page anchor" in numbers, or "99 number" if `shared` has a
    number for it. `missing` has (language, page, anchor) that are left out.
    """
    same = shared or {}
    texts = {
        lang: {
            f"page {page:02}": {
                f"a{anchor}": f"99 {same[page, anchor]}" if (page, anchor) in same else f"{row} {page} {anchor}"
                for anchor in range(length)
                if (lang, page, anchor) not in missing
            }
            for page, length in enumerate(of_pages)
        }
        for row, (lang, of_pages) in enumerate(lengths.items())
    }
    return Pages(texts, frozenset(f"page {page:02}" for page in dev), {lang: {} for lang in lengths})


@st.composite
def some_pages(draw: st.DrawFn, *, shared: bool = True) -> Pages:
    """Pages in up to three languages, texts missing in some, and texts that are equal in several places."""
    number = draw(st.integers(3, 12))
    languages = LANGUAGES[: draw(st.integers(1, 3))]
    lengths = {lang: draw(st.lists(st.integers(0, 11), min_size=number, max_size=number)) for lang in languages}
    place = st.tuples(st.integers(0, number - 1), st.integers(0, 10))
    gap = st.tuples(st.sampled_from(languages), st.integers(0, number - 1), st.integers(0, 10))
    return pages_of(
        lengths,
        missing=draw(st.frozensets(gap, max_size=9)),
        shared=draw(st.dictionaries(place, st.integers(0, 3), max_size=12)) if shared else None,
        dev=draw(st.frozensets(st.integers(0, number - 1), max_size=3)),
    )
