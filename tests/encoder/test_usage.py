"""Prompts, similarity and lengths are those of the model's own files."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelmix.benchmarks.benchmark import Benchmark, Passage, Qrel, Query
from babelmix.benchmarks.files import write_benchmark
from babelmix.benchmarks.qrels import qrels_of
from babelmix.common.errors import UserError
from babelmix.encoder.encode import encode, encode_raw
from babelmix.encoder.load import load_encoder
from babelmix.encoder.settings import Embed
from babelmix.encoder.tokenise import Limit, cut_texts, limit_of, tokenise
from babelmix.encoder.usage import CONFIG, note_on_lengths, set_prompts, similarity_of
from babelmix.evaluation.ranks import rank_relevant
from babelmix.retrieval.embed_benchmark import Target, embed_benchmarks
from babelmix.retrieval.embeddings import open_embeddings
from babelmix.retrieval.scorers import CosineScorer
from babelmix.retrieval.vector_record import Record, made_of, read_record, write_record

EXACT = Embed(max_tokens=64, precision="float32", context=False)


def copy(encoder: Path, folder: Path, normalised: bool = True, **config: Any) -> Path:
    """A copy of an encoder whose file says something else; None takes a key away."""
    shutil.copytree(encoder, folder)
    file = folder / CONFIG
    said = {k: v for k, v in (json.loads(file.read_text()) | config).items() if v is not None}
    file.write_text(json.dumps(said))
    if not normalised:
        modules = json.loads((folder / "modules.json").read_text())
        (folder / "modules.json").write_text(json.dumps(modules[:-1]))
    return folder


@pytest.mark.parametrize(
    ("prompts", "told"),
    [
        ({}, "no prompts for queries and passages"),
        (None, "no prompts for queries and passages"),
        ({"s2p_query": "query: ", "retrieval.passage": "p: "}, r"\(it names retrieval.passage, s2p_query\)"),
        ({"query": "query: "}, None),
        ({"query": "", "document": ""}, None),
        ({"passage": "passage: "}, None),
    ],
)
def test_a_model_without_prompts_is_told(prompts: Any, told: str | None, tiny_encoder: Path, tmp_path: Path) -> None:
    folder = copy(tiny_encoder, tmp_path / "m", prompts=prompts)
    model = load_encoder(folder)
    note = set_prompts(model, folder, query=None, passage=None)
    assert (note is None) == (told is None)
    if told:
        with pytest.raises(UserError, match=told):
            raise UserError(note, where="", how="")
        assert "--query-prompt and --passage-prompt" in note
    assert set_prompts(model, folder, query="q: ", passage=None) is None


def test_prompts_that_are_given_stand_in_place_of_the_models_own(tiny_encoder: Path, tmp_path: Path) -> None:
    bare = copy(tiny_encoder, tmp_path / "m", prompts={})
    texts = ["the file opens", "every page"]
    for prompt in ("query", "passage"):
        own = encode(load_encoder(tiny_encoder), texts, prompt=prompt, settings=EXACT, threads=1)
        model = load_encoder(bare)
        without = encode(model, texts, prompt=prompt, settings=EXACT, threads=1)
        set_prompts(model, bare, query="query: ", passage="passage: ")
        assert np.array_equal(encode(model, texts, prompt=prompt, settings=EXACT, threads=1), own)
        full = load_encoder(tiny_encoder)
        set_prompts(full, tiny_encoder, query="", passage="")
        assert np.array_equal(encode(full, texts, prompt=prompt, settings=EXACT, threads=1), without)
        assert not np.array_equal(own, without)


def test_prompts_that_are_no_object_are_told(tiny_encoder: Path, tmp_path: Path) -> None:
    (tmp_path / CONFIG).write_text('{"prompts": ["query: "]}')
    with pytest.raises(UserError, match="prompts that are not an object"):
        set_prompts(load_encoder(tiny_encoder), tmp_path, query=None, passage=None)


@pytest.mark.parametrize(
    ("named", "normalised", "found", "told"),
    [
        ("cosine", True, "cosine", False),
        (None, True, "cosine", False),
        ("dot", True, "cosine", False),
        ("dot", False, "dot", False),
        ("euclidean", False, "euclidean", False),
        ("manhattan", True, "cosine", True),
    ],
)
def test_the_similarity_is_the_one_that_the_file_names(
    named: str | None, normalised: bool, found: str, told: bool, tiny_encoder: Path, tmp_path: Path
) -> None:
    model = load_encoder(copy(tiny_encoder, tmp_path / "m", normalised, similarity_fn_name=named))
    similarity, note = similarity_of(model)
    assert (similarity, note is not None) == (found, told)
    assert note is None or "'manhattan', which babelmix does not support: scored by cosine" in note


OWN = "the model's max_seq_length"
WORDS = "the file menu opens a cell with text and prints every page of your table"


def write_texts(folder: Path) -> Benchmark:
    words = WORDS.split()
    passages = tuple(Passage(f"p{n:02}", "en", " ".join(words[n % 7 : n % 7 + 2 + n % 5])) for n in range(30))
    queries = tuple(Query(f"q{n}", f"q{n}", "en", " ".join(words[n : n + 3])) for n in range(5))
    benchmark = Benchmark("b", queries, passages, tuple(Qrel(f"q{n}", f"p{n * 5:02}") for n in range(5)))
    write_benchmark(folder, benchmark)
    return benchmark


@pytest.mark.parametrize("named", ["dot", "euclidean"])
def test_a_model_of_another_similarity_is_scored_by_it(named: str, tiny_encoder: Path, tmp_path: Path) -> None:
    model = load_encoder(copy(tiny_encoder, tmp_path / "m", normalised=False, similarity_fn_name=named))
    benchmark = write_texts(tmp_path / "b")
    embed_benchmarks(model, [Target(tmp_path / "b", tmp_path / "v")], settings=EXACT, threads=1)
    opened = open_embeddings(tmp_path / "v", tmp_path / "b")
    assert opened.similarity == named and np.load(tmp_path / "v/passages.npy").dtype == np.float32
    ranks = rank_relevant(qrels_of(benchmark), CosineScorer(opened.queries, opened.passages)).pool
    queries, passages = (
        encode_raw(model, [row.text for row in rows], prompt=prompt, settings=EXACT, threads=1)
        for rows, prompt in ((benchmark.queries, "query"), (benchmark.passages, "passage"))
    )
    scores = model.similarity(queries, passages).numpy()
    for row, rank in enumerate(ranks.tolist()):
        better = int((scores[row] > scores[row, row * 5] + 1e-4).sum())
        assert better < rank <= int((scores[row] >= scores[row, row * 5] - 1e-4).sum())
    assert open_embeddings(tmp_path / "v", tmp_path / "b", "cosine").similarity == "cosine"


@pytest.mark.parametrize(
    ("asked", "own", "limit", "told"),
    [
        (16, 64, Limit(16, "embed.max_tokens", 64), "{cut} 16 tokens by embed.max_tokens; {could}"),
        (128, 64, Limit(64, OWN, 64), "{more}: 64 tokens ({own}); {cut} 64 tokens, all that the model can read"),
        (128, 32, Limit(32, OWN, 64), "{more}: 32 tokens ({own}); {cut} 32 tokens by {own}; {could}"),
        (1024, int(1e30), Limit(64, "its positions", 64), "{more}: 64 tokens (its positions); {cut} 64 tokens, {all}"),
        (64, None, Limit(64, "embed.max_tokens", 64), "{cut} 64 tokens, {all}"),
    ],
)
def test_no_more_is_read_than_the_model_can_and_that_is_told(
    asked: int, own: int | None, limit: Limit, told: str, tiny_encoder: Path
) -> None:
    model = load_encoder(tiny_encoder)
    model.max_seq_length = own
    assert limit_of(model, asked) == limit
    assert note_on_lengths(limit, asked, cut=2, texts=9) == told.format(
        more=f"embed.max_tokens {asked:,} is more than the model reads",
        cut="2 of 9 texts were cut at",
        could="the model's positions allow up to 64",
        all="all that the model can read",
        own=OWN,
    )
    long = " ".join([WORDS] * 80)
    (ids,) = tokenise(model, [long], prompt="passage", max_tokens=asked)
    assert len(ids) == limit.tokens
    settings = EXACT.model_copy(update={"max_tokens": asked})
    assert np.isfinite(encode(model, [long], prompt="passage", settings=settings, threads=1)).all()


def test_nothing_is_said_where_nothing_was_cut() -> None:
    assert note_on_lengths(Limit(64, "embed.max_tokens", 512), 64, cut=0, texts=9) is None


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(st.integers(1, 70), min_size=1, max_size=12), st.integers(4, 80))
def test_texts_that_were_cut_are_those_longer_than_the_limit(
    tiny_encoder: Path, lengths: list[int], limit: int
) -> None:
    model = cached(tiny_encoder)
    texts = [" ".join(["file"] * length) for length in lengths]
    ids = tokenise(model, texts, prompt="query", max_tokens=limit)
    expected = [row for row, length in enumerate(lengths) if length + 3 > min(limit, 64)]  # <s>, query:, </s>
    assert cut_texts(model, texts, ids, prompt="query", max_tokens=limit) == expected


MODELS: dict[Path, Any] = {}


def cached(folder: Path) -> Any:
    return MODELS.setdefault(folder, load_encoder(folder))


def test_what_made_vectors_is_written_beside_them_with_their_ids(tiny_encoder: Path, tmp_path: Path) -> None:
    benchmark = write_texts(tmp_path / "b")
    said: list[str] = []
    short = EXACT.model_copy(update={"max_tokens": 6})
    made = made_of(tiny_encoder, tmp_path / "b", short, (None, "p: "))
    target = Target(tmp_path / "b", tmp_path / "v", made)
    embed_benchmarks(cached(tiny_encoder), [target], settings=short, threads=1, say=said.append)
    record = read_record(tmp_path / "v")
    assert record is not None and (record.made_of, record.similarity) == (made, "cosine")
    long = sum(len(passage.text.split()) + 3 > 6 for passage in benchmark.passages)
    assert record.cut == {"queries": 0, "passages": long} and record.texts == {"queries": 5, "passages": 30}
    assert said == [
        f"{long} of 35 texts were cut at 6 tokens by embed.max_tokens; the model's positions allow up to 64"
    ]
    assert (record.prompts, record.max_tokens) == ({"query": "query: ", "passage": "passage: "}, 6)
    assert (tmp_path / "v/passages.txt").read_text().split() == [row.id for row in benchmark.passages]
    assert (tmp_path / "v/queries.txt").read_text().split() == [row.id for row in benchmark.queries]
    assert open_embeddings(tmp_path / "v", tmp_path / "b").joined == {"queries": "ids", "passages": "ids"}


def test_vectors_are_known_by_all_that_made_them_and_by_no_name(tiny_encoder: Path, tmp_path: Path) -> None:
    write_texts(tmp_path / "b")
    made = made_of(tiny_encoder, tmp_path / "b", EXACT, (None, None))
    renamed = copy(
        tiny_encoder, tmp_path / "renamed", prompts=json.loads((tiny_encoder / CONFIG).read_text())["prompts"]
    )
    (renamed / CONFIG).write_bytes((tiny_encoder / CONFIG).read_bytes())
    (renamed / "README.md").write_text("another card")
    assert made_of(renamed, tmp_path / "b", EXACT, (None, None)) == made
    others = [
        made_of(tiny_encoder, tmp_path / "b", EXACT, ("q: ", None)),
        made_of(tiny_encoder, tmp_path / "b", EXACT, (None, "")),
        made_of(tiny_encoder, tmp_path / "b", EXACT.model_copy(update={"max_tokens": 63}), (None, None)),
        made_of(tiny_encoder, tmp_path / "b", EXACT.model_copy(update={"context": True}), (None, None)),
        made_of(copy(tiny_encoder, tmp_path / "other", prompts={}), tmp_path / "b", EXACT, (None, None)),
    ]
    weights = next(renamed.rglob("*.safetensors"))
    weights.chmod(0o644)
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    others.append(made_of(renamed, tmp_path / "b", EXACT, (None, None)))
    with (tmp_path / "b/queries.jsonl").open("a") as stream:
        stream.write("\n")
    others.append(made_of(tiny_encoder, tmp_path / "b", EXACT, (None, None)))
    assert len({json.dumps(one, sort_keys=True) for one in (made, *others)}) == len(others) + 1


def test_vectors_of_other_texts_are_refused(tiny_encoder: Path, tmp_path: Path) -> None:
    benchmark = write_texts(tmp_path / "b")
    made = made_of(tiny_encoder, tmp_path / "b", EXACT, (None, None))
    target = Target(tmp_path / "b", tmp_path / "v", made)
    embed_benchmarks(cached(tiny_encoder), [target], settings=EXACT, threads=1)
    other = benchmark.passages[0].__class__("p00", "en", "another text")
    write_benchmark(
        tmp_path / "b", Benchmark("b", benchmark.queries, (other, *benchmark.passages[1:]), benchmark.qrels)
    )
    with pytest.raises(
        UserError, match="v, b: these vectors were made of other texts than this benchmark's; embed the benchmark again"
    ):
        open_embeddings(tmp_path / "v", tmp_path / "b")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"similarity": "l3"}'])
def test_a_broken_record_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "vectors.json").write_text(text)
    with pytest.raises(UserError, match=r"vectors.json"):
        read_record(tmp_path)


def test_a_record_comes_back_as_written(tmp_path: Path) -> None:
    record = Record({"model": "x"}, "dot", {"query": "", "passage": "p: "}, 7, {"queries": 1}, {"queries": 0})
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record
    assert read_record(tmp_path / "nowhere") is None
