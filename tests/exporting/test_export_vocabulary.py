"""A trimmed vocabulary: texts whose pieces are all kept have the same pieces and vectors as before."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, models, pre_tokenizers

from babelmix.api import read_benchmark
from babelmix.benchmarks.files import write_benchmark
from babelmix.common.errors import UserError
from babelmix.corpus.records import Pair
from babelmix.encoder.build import build_encoder
from babelmix.encoder.load import load_encoder, save_encoder
from babelmix.encoder.packaged import Checkpoint, to_tokenizer
from babelmix.encoder.settings import Preset
from babelmix.exporting.language_texts import texts_of
from babelmix.exporting.pieces import Pieces, keep_pieces, pieces_to_keep, scripts_in
from babelmix.exporting.vocabulary import trim_vocabulary

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
WORDS = ["▁die", "▁da", "tei", "▁datei", "▁file", "fi", "le", "▁дверь", "дверь", "▁tür", "文件", "ไฟ"]
LETTERS = [*sorted(set("".join(WORDS)) | set("abcdefghijklmnop") | {"ö", "ж"}), "lowest"]


def unigram(words: list[tuple[str, float]]) -> Tokenizer:
    """A tokenizer with the pipeline of XLM-R over these pieces and their scores."""
    vocabulary = [(name, 0.0) for name in SPECIAL] + words + [("<mask>", 0.0)]
    checkpoint = Checkpoint(len(vocabulary), 32, 1, 2, 64, 64, 1, vocabulary, {})
    return to_tokenizer(checkpoint).backend_tokenizer


def trimmed(tokenizer: Tokenizer, texts: list[str], rows: int | None = None) -> tuple[Tokenizer, list[int]]:
    """The tokenizer with the pieces of the texts, and the old ids of its pieces."""
    content: dict[str, Any] = json.loads(tokenizer.to_str())
    kept = pieces_to_keep(tokenizer, Pieces.of(content, range(2)), {"xx": texts}, rows)
    keep_pieces(content, kept)
    return Tokenizer.from_str(json.dumps(content)), kept


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[tuple[str, float]], list[str]]:
    """Pieces over three letters with few different scores, so that many cuts of a text are equally good, and texts."""
    pieces = draw(st.sets(st.text("abc▁", min_size=1, max_size=3), min_size=3, max_size=25))
    scored = [(piece, draw(st.sampled_from([-1.0, -1.5, -2.0, -3.0]))) for piece in sorted(pieces)]
    return scored, draw(st.lists(st.text("abcd ", min_size=1, max_size=12), min_size=1, max_size=6))


@given(cases(), st.none() | st.integers(0, 30))
def test_texts_of_kept_pieces_are_cut_as_before(case: tuple[list[tuple[str, float]], list[str]], rows: int) -> None:
    """Unigram, with ties, unknown letters and few of the texts used to trim."""
    words, texts = case
    before = unigram(words)
    try:
        after, kept = trimmed(before, texts[:3], rows)
    except UserError:
        assert not any(scripts_in("".join(texts[:3])))
        return
    for text in texts:
        old = before.encode(text)
        if set(old.ids) <= set(kept):
            new = after.encode(text)
            assert new.tokens == old.tokens and [kept[number] for number in new.ids] == old.ids
    assert all(set(before.encode(text).ids) <= set(kept) for text in texts[:3])


@given(st.sets(st.text("abc", min_size=1, max_size=3), max_size=15), st.lists(st.text("abc ", max_size=12), min_size=1))
def test_word_pieces_are_cut_as_before(pieces: set[str], texts: list[str]) -> None:
    marked = ["[PAD]", "[UNK]", "a", "##a", *sorted(pieces - {"a"}), *sorted(f"##{one}" for one in pieces - {"a"})]
    vocabulary = {piece: number for number, piece in enumerate(marked)}
    before = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    before.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if not any(scripts_in("".join(texts))):
        return
    after, kept = trimmed(before, texts)
    for text in texts:
        assert after.encode(text).tokens == before.encode(text).tokens
        assert [kept[number] for number in after.encode(text).ids] == before.encode(text).ids


def test_single_characters_of_the_scripts_stay_and_others_go() -> None:
    tokenizer = unigram([(word, -2.0 - n) for n, word in enumerate([*WORDS, *LETTERS])])
    _, kept = trimmed(tokenizer, ["die datei"])
    left = {tokenizer.id_to_token(number) for number in kept}
    assert {*SPECIAL, "<mask>", "▁die", "▁datei", "a", "p", "ü", "ö", "▁", "lowest"} <= left
    assert not left & {"▁file", "дверь", "ж", "文", "ไ", "tei"}


def test_rows_are_filled_by_score_with_pieces_of_the_scripts() -> None:
    tokenizer = unigram([(word, -2.0 - n) for n, word in enumerate([*WORDS, *LETTERS])])
    _, few = trimmed(tokenizer, ["die datei"])
    _, more = trimmed(tokenizer, ["die datei"], len(few) + 2)
    assert [tokenizer.id_to_token(number) for number in more if number not in few] == ["▁da", "tei"]
    _, all_of_them = trimmed(tokenizer, ["die datei"], 10_000)
    assert "▁дверь" not in {tokenizer.id_to_token(number) for number in all_of_them}


def test_a_prompt_that_is_glued_to_its_text() -> None:
    tokenizer = unigram([(word, -2.0 - n) for n, word in enumerate(["▁q:die", *WORDS, *LETTERS])])
    pieces = Pieces.of(json.loads(tokenizer.to_str()))
    for prompt, there in (("q:", True), ("q: ", False)):
        kept = pieces_to_keep(tokenizer, pieces, {"de": ["die datei"]}, None, prompts=[prompt])
        assert (tokenizer.token_to_id("▁q:die") in kept) == there


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small encoder with XLM-R's kind of tokenizer, and more rows than pieces, as XLM-R has."""
    import torch
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("unigram")
    words = [(word, -2.0 - n / 10) for n, word in enumerate([*WORDS, *LETTERS])]
    vocabulary = [(name, 0.0) for name in SPECIAL] + words + [("<mask>", 0.0)]
    to_tokenizer(Checkpoint(0, 32, 1, 2, 64, 64, 1, vocabulary, {})).save_pretrained(folder / "transformer")
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(vocabulary) + 7, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=64, pad_token_id=1, bos_token_id=0, eos_token_id=2,
    )  # fmt: skip
    BertModel(config, add_pooling_layer=False).save_pretrained(folder / "transformer")
    preset = Preset(folder=folder / "transformer", learning_rate=1e-3, query_prefix="file: ", passage_prefix="die: ")
    build_encoder(preset, folder / "encoder")
    return folder / "encoder"


def test_vectors_of_the_texts_stay_the_same_and_the_folder_is_plain(encoder: Path, tmp_path: Path) -> None:
    model = load_encoder(encoder)
    texts = ["die datei", "die tür datei", "fi le"]
    before, tokens = model.encode(texts), [model.tokenizer.tokenize(text) for text in texts]
    prompted = model.encode_query(texts), model.encode_document(texts)
    found = trim_vocabulary(model, {"de": texts}, rows=None)
    assert found.model is model and found.of == len(SPECIAL) + len(WORDS) + len(LETTERS) + 1 + 7
    assert found.kept == model[0].model.config.vocab_size < found.of - 7
    assert np.array_equal(model.encode(texts), before)
    (tmp_path / "out").mkdir()
    save_encoder(model, tmp_path / "out", "# A model")
    plain = SentenceTransformer(str(tmp_path / "out"), local_files_only=True)
    assert np.array_equal(plain.encode(texts), before)
    assert np.array_equal(plain.encode_query(texts), prompted[0])
    assert np.array_equal(plain.encode_document(texts), prompted[1])
    assert [plain.tokenizer.tokenize(text) for text in texts] == tokens
    assert plain.max_seq_length == model.max_seq_length == 64
    assert plain.tokenizer.mask_token_id == found.kept - 1 and plain.tokenizer.pad_token_id == 1


def test_xlm_r_in_its_own_classes(tmp_path: Path) -> None:
    """Its positions count from the padding token, and its tokenizer's class builds itself from the pieces."""
    import torch
    from transformers import XLMRobertaConfig, XLMRobertaModel, XLMRobertaTokenizer

    words = [(word, -2.0 - n / 10) for n, word in enumerate([*WORDS, *LETTERS])]
    vocabulary = [(name, 0.0) for name in SPECIAL] + words + [("<mask>", 0.0)]
    XLMRobertaTokenizer(vocab=vocabulary).save_pretrained(tmp_path / "transformer")
    torch.manual_seed(3)
    config = XLMRobertaConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=66, pad_token_id=1, bos_token_id=0, eos_token_id=2,
    )  # fmt: skip
    XLMRobertaModel(config, add_pooling_layer=False).save_pretrained(tmp_path / "transformer")
    build_encoder(Preset(folder=tmp_path / "transformer", learning_rate=1e-3), tmp_path / "encoder")
    model, texts = load_encoder(tmp_path / "encoder"), ["die datei", "die tür"]
    before = model.encode(texts)
    found = trim_vocabulary(model, {"de": texts}, rows=None)
    (tmp_path / "out").mkdir()
    save_encoder(model, tmp_path / "out", "# A model")
    plain = SentenceTransformer(str(tmp_path / "out"), local_files_only=True)
    assert np.array_equal(plain.encode(texts), before) and len(plain.tokenizer) == found.kept < found.of


def test_the_same_texts_give_the_same_bytes(encoder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        model = load_encoder(encoder)
        if name == "two":
            model.encode(["die"])  # leaves the tokenizer in another state
        trim_vocabulary(model, {"de": ["die datei"], "ru": ["дверь"]})
        (tmp_path / name).mkdir()
        save_encoder(model, tmp_path / name, "# A model")
    files = sorted(file.relative_to(tmp_path / "one") for file in (tmp_path / "one").rglob("*") if file.is_file())
    assert all((tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes() for file in files)


def test_whole_words_of_a_small_encoder(tiny_encoder: Path, parallel_pairs: list[Pair]) -> None:
    model = load_encoder(tiny_encoder)
    texts = [pair.query for pair in parallel_pairs if pair.lang == "de"][:5]
    before = model.encode_query(texts)
    found = trim_vocabulary(model, {"de": texts}, rows=None)
    assert found.kept < found.of and np.array_equal(model.encode_query(texts), before)


@pytest.mark.parametrize(
    ("kind", "what"),
    [pytest.param("BPE", "of the kind BPE", id="BPE"), pytest.param(None, "no fast tokenizer", id="slow")],
)
def test_a_tokenizer_that_is_not_trimmed(kind: str | None, what: str) -> None:
    backend = SimpleNamespace(to_str=lambda: json.dumps({"model": {"type": kind}}))
    tokenizer = SimpleNamespace(is_fast=kind is not None, backend_tokenizer=backend)
    rows = SimpleNamespace(num_embeddings=9)
    module = SimpleNamespace(
        tokenizer=tokenizer, processor=tokenizer, model=SimpleNamespace(get_input_embeddings=lambda: rows)
    )
    with pytest.raises(UserError, match=what):
        trim_vocabulary([module], {"de": ["a"]})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("texts", "what"),
    [
        pytest.param({}, "no language to trim to", id="no language"),
        pytest.param({"de": ["die"], "th": []}, "no texts in 'th' to trim by", id="a language without text"),
        pytest.param({"de": ["12 !"]}, "no texts in 'de' to trim by", id="no letter"),
    ],
)
def test_no_texts(encoder: Path, texts: dict[str, list[str]], what: str) -> None:
    model = load_encoder(encoder)
    before = model.encode(["die datei"])
    with pytest.raises(UserError, match=what):
        trim_vocabulary(model, texts)
    assert np.array_equal(model.encode(["die datei"]), before)  # the model is as it was


def test_texts_of_pairs_benchmarks_and_tatoeba(tmp_path: Path, parallel_pairs: list[Pair]) -> None:
    from babelmix.corpus.records import write_pairs

    write_pairs(tmp_path / "pairs", parallel_pairs)
    write_benchmark(tmp_path / "benchmark", read_benchmark("tests/golden/xquad-r-60"))
    lexicons = tmp_path / "lexicons"
    found = texts_of(
        ("de", "en", "ja"), pairs=[tmp_path / "pairs"], benchmarks=[tmp_path / "benchmark"], lexicons=lexicons
    )
    own = [pair for pair in parallel_pairs if pair.lang == "de"]
    assert {text for pair in own for text in (pair.query, pair.passage)} < set(found["de"])
    assert any("Fresno" in text for text in found["de"]) and found["ja"] == []
    (lexicons / "tatoeba").mkdir(parents=True)
    for pair in ("deu-eng.deu", "jpn-eng.jpn", "deu-eng.eng", "jpn-eng.eng"):
        (lexicons / f"tatoeba/tatoeba.{pair}").write_text(f"{pair} one\n{pair} two\n")
    more = texts_of(("de", "en", "ja"), pairs=[tmp_path / "pairs"], lexicons=lexicons)
    assert more["ja"] == ["jpn-eng.jpn one", "jpn-eng.jpn two"] and more["de"][-1] == "deu-eng.deu two"
    assert more["en"][-4:] == [f"{pair}-eng.eng {n}" for pair in ("deu", "jpn") for n in ("one", "two")]
