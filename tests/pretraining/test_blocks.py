"""Blocks: cut, numbered and counted as the pages say, and the same after writing and reading."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from number_pages import blocks_of, pages_of, some_pages

from babelmix.common.errors import UserError
from babelmix.encoder.load import load_encoder
from babelmix.encoder.tokenise import tokenise
from babelmix.pretraining.block_files import FILE, read_blocks, write_blocks
from babelmix.pretraining.blocks import Blocks, build_blocks
from babelmix.pretraining.pages import Pages


def text(blocks: Blocks, lang: str, place: int) -> str:
    number = blocks.text_of[lang].item(place)
    return "" if number < 0 else " ".join(map(str, blocks.tokens[number]))


@given(some_pages())
@settings(max_examples=30)
def test_every_text_is_at_its_place_and_every_block_in_order(pages: Pages) -> None:
    blocks = blocks_of(pages)
    for lang, texts in pages.texts.items():
        found: dict[str, list[str]] = {page: [] for page in texts}
        for place, page in enumerate(blocks.page.tolist()):
            if one := text(blocks, lang, place):
                found[blocks.pages[page]].append(one)
        assert {page: sorted(of_page) for page, of_page in found.items()} == {
            page: sorted(strings.values()) for page, strings in texts.items()
        }
        rows = [[text(blocks, lang, place) for place in row] for row in blocks.places[lang].tolist()]
        expected: list[list[str]] = []
        for page, strings in texts.items():
            in_order = list(strings.values())
            assert sum(blocks.pages[number] == page for number in blocks.page_of(lang).tolist()) == len(in_order) // 3
            expected += [in_order[start : start + 3] for start in range(0, len(in_order) // 3 * 3, 3)]
        assert rows == expected
    assert len({tuple(ids.tolist()) for ids in (blocks.tokens[n] for n in range(len(blocks.tokens)))}) == len(
        blocks.tokens
    )


@given(some_pages(shared=False))
@settings(max_examples=30)
def test_one_place_in_two_languages_is_one_anchor(pages: Pages) -> None:
    blocks = blocks_of(pages)
    for place in range(len(blocks.page)):
        at = {tuple(found.split()[1:]) for lang in blocks.languages if (found := text(blocks, lang, place))}
        assert len(at) == 1 and int(at.pop()[0]) == int(blocks.pages[blocks.page[place]].split()[1])


def test_counts_add_up() -> None:
    pages = pages_of({"en": [7, 2, 3, 0], "de": [7, 2, 3, 1]}, missing=frozenset({("de", 0, 1), ("de", 2, 0)}))
    pages = Pages(pages.texts, pages.dev, {"en": {}, "de": {"untranslated": 2}})
    counts = {"pages": 4, "short-pages": 2, "texts": 12, "texts-unused": 3, "blocks": 3}
    assert blocks_of(pages).counts["en"] == counts | {"untranslated": 0, "wrong-language": 0}
    counts = {"pages": 4, "short-pages": 3, "texts": 11, "texts-unused": 5, "blocks": 2}
    assert blocks_of(pages).counts["de"] == counts | {"untranslated": 2, "wrong-language": 0}


def test_texts_that_look_the_same_are_one_group(tiny_encoder: Path) -> None:
    texts = {"a": "Open the file", "b": "open  THE file", "c": "Close it"}
    pages = Pages({"en": {"page": texts}, "de": {"page": {"a": "Open the file", "b": "Schließen", "c": "SCHLIESSEN"}}},
                  frozenset(), {"en": {}, "de": {}})  # fmt: skip
    blocks = build_blocks(pages, load_encoder(tiny_encoder), sentences=3, max_tokens=8)
    groups = {lang: blocks.groups[numbers].tolist() for lang, numbers in blocks.text_of.items()}
    assert groups["en"][0] == groups["en"][1] == groups["de"][0]
    assert groups["de"][1] == groups["de"][2]
    assert len({*groups["en"], *groups["de"]}) == 3 and len(blocks.tokens) == 5


def test_tokens_are_those_of_a_passage_cut_to_the_limit(tiny_encoder: Path) -> None:
    model = load_encoder(tiny_encoder)
    texts = ["1 2 3", "4 5 6 7 8 9 10 11 12", "13"]
    pages = Pages({"en": {"page": dict(zip("abc", texts, strict=True))}}, frozenset(), {"en": {}})
    blocks = build_blocks(pages, model, sentences=2, max_tokens=6)
    found = [blocks.tokens[number] for number in blocks.text_of["en"]]
    assert [ids.tolist() for ids in found] == tokenise(model, texts, prompt="passage", max_tokens=6)
    assert {ids.dtype for ids in found} == {np.dtype(np.int32)} and len(found[1]) == 6
    assert found[0].tolist() != tokenise(model, texts[:1], prompt="query", max_tokens=6)[0]


def assert_equal(one: Blocks, other: Blocks) -> None:
    assert (one.sentences, one.pages, one.counts) == (other.sentences, other.pages, other.counts)
    assert one.languages == other.languages == tuple(other.text_of)
    mine: list[Any] = [one.tokens.ids, one.tokens.starts, one.groups, one.dev, one.page]
    others: list[Any] = [other.tokens.ids, other.tokens.starts, other.groups, other.dev, other.page]
    for lang in one.languages:
        mine += [one.text_of[lang], one.places[lang]]
        others += [other.text_of[lang], other.places[lang]]
    for a, b in zip(mine, others, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape and (a == b).all()


@given(some_pages())
@settings(max_examples=30)
def test_reading_gives_what_was_written(tmp_path_factory: pytest.TempPathFactory, pages: Pages) -> None:
    blocks, folder = blocks_of(pages), tmp_path_factory.mktemp("blocks") / "new"
    write_blocks(folder, blocks)
    assert_equal(read_blocks(folder), blocks)


def test_equal_blocks_are_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_blocks(tmp_path / name, blocks_of(pages_of({"en": [7, 3], "de": [3, 7]})))
    assert (tmp_path / "one" / FILE).read_bytes() == (tmp_path / "other" / FILE).read_bytes()


def test_a_missing_or_damaged_file_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no blocks of texts; make them again"):
        read_blocks(tmp_path)
    write_blocks(tmp_path / "blocks", blocks_of(pages_of({"en": [7, 3], "de": [3, 7]})))
    file = tmp_path / "blocks" / FILE
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"not a whole .*; make them again"):
        read_blocks(tmp_path / "blocks")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("ids", lambda ids: ids[:-1]),
        ("groups", lambda groups: groups[1:]),
        ("page", lambda page: page + 1),
        ("places", lambda places: places + 100),
        ("text_of", lambda text_of: text_of * 0 - 1),
        ("ends", lambda ends: ends[::-1]),
        ("dev", lambda dev: dev.astype(np.int8)),
        ("languages", lambda languages: languages[:1]),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(tmp_path: Path, name: str, change: Any) -> None:
    write_blocks(tmp_path / "blocks", blocks_of(pages_of({"en": [7, 3], "de": [3, 7]})))
    with np.load(tmp_path / "blocks" / FILE) as stored:
        arrays = dict(stored)
    arrays[name] = change(arrays[name])
    np.savez(tmp_path / "blocks" / FILE, **arrays)
    with pytest.raises(UserError, match="not a whole file of blocks"):
        read_blocks(tmp_path / "blocks")
