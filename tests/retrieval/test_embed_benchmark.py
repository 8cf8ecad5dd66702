"""A benchmark is embedded in its order, in shards if it is large, and with its context if asked."""

from pathlib import Path

import numpy as np
import pytest

from babelmix.benchmarks.benchmark import Benchmark, Passage, Qrel, Query
from babelmix.benchmarks.dev import dev_benchmark
from babelmix.benchmarks.files import write_benchmark
from babelmix.common.errors import UserError
from babelmix.corpus.records import Pair
from babelmix.encoder.encode import encode
from babelmix.encoder.load import load_encoder
from babelmix.encoder.settings import Embed
from babelmix.retrieval import embed_benchmark as embed
from babelmix.retrieval.embed_benchmark import Target, embed_benchmarks
from babelmix.retrieval.vector_record import read_record

EXACT = Embed(max_tokens=64, precision="float32", context=False)


def test_a_passage_is_read_with_its_context_only_when_asked(tiny_encoder: Path, tmp_path: Path) -> None:
    model = load_encoder(tiny_encoder)
    benchmark = Benchmark(
        "b",
        (Query("q", "q", "en", "the file"),),
        (Passage("p", "en", "the cell", "opens every page"),),
        (Qrel("q", "p"),),
    )
    write_benchmark(tmp_path / "b", benchmark)
    for context in (False, True):
        settings = EXACT.model_copy(update={"context": context})
        embed_benchmarks(model, [Target(tmp_path / "b", tmp_path / str(context))], settings=settings, threads=1)
    alone, within = (np.load(tmp_path / str(context) / "passages.npy") for context in (False, True))
    assert np.array_equal(alone, encode(model, ["the cell"], prompt="passage", settings=EXACT, threads=1))
    joined = encode(model, ["the cell opens every page"], prompt="passage", settings=EXACT, threads=1)
    assert np.array_equal(within, joined)


def test_a_benchmark_is_embedded_in_its_order_and_in_shards_where_it_is_large(
    tiny_encoder: Path, parallel_pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, benchmark = load_encoder(tiny_encoder), dev_benchmark(parallel_pairs, 10)
    write_benchmark(tmp_path / "b", benchmark)
    done: list[int] = []
    one, many = (Target(tmp_path / "b", tmp_path / name) for name in ("one", "many"))
    counts, _ = embed_benchmarks(model, [one], settings=EXACT, threads=1, on_progress=done.append)
    assert counts == [(30, 30)] and 0 < sum(done) <= 60
    texts = [passage.text for passage in benchmark.passages]
    whole = np.load(tmp_path / "one/passages.npy")
    assert np.array_equal(whole, encode(model, texts, prompt="passage", settings=EXACT, threads=1))
    monkeypatch.setattr(embed, "SHARD", 12)
    embed_benchmarks(model, [many], settings=EXACT, threads=1)
    shards = sorted(path.name for path in (tmp_path / "many").glob("passages*.npy"))
    assert shards == [f"passages-{number:05}.npy" for number in range(3)]
    joined = np.concatenate([np.load(tmp_path / "many" / name) for name in shards])
    np.testing.assert_allclose(joined.astype(float), whole.astype(float), atol=1e-3)


def test_two_benchmarks_and_a_sample_at_once_get_the_vectors_of_each_alone(
    tiny_encoder: Path, parallel_pairs: list[Pair], tmp_path: Path
) -> None:
    model = load_encoder(tiny_encoder)
    for name, number in (("b", 10), ("c", 6)):
        write_benchmark(tmp_path / name, dev_benchmark(parallel_pairs, number))
    together = [Target(tmp_path / name, tmp_path / "together" / name, {"name": name}) for name in ("b", "c")]
    sample = {
        "query": [pair.query for pair in parallel_pairs[:8]],
        "passage": [pair.passage for pair in parallel_pairs[:20]],
    }
    done = list[int]()
    counts, sampled = embed_benchmarks(
        model, together, settings=EXACT, threads=1, sample=sample, on_progress=done.append
    )
    assert counts == [(30, 30), (18, 18)] and sum(done) < 2 * 48 + 28  # the small one's texts are the other's too
    assert sampled.keys() == sample.keys()
    for prompt, texts in sample.items():
        expected = encode(model, texts, prompt=prompt, settings=EXACT, threads=1)
        np.testing.assert_allclose(sampled[prompt].astype(float), expected.astype(float), atol=1e-3)
    for target in together:
        alone = Target(target.benchmark, tmp_path / "alone" / target.benchmark.name)
        embed_benchmarks(model, [alone], settings=EXACT, threads=1)
        for name in ("queries", "passages"):
            one, other = (np.load(folder / f"{name}.npy").astype(float) for folder in (target.output, alone.output))
            np.testing.assert_allclose(one, other, atol=1e-3)
            assert (target.output / f"{name}.txt").read_bytes() == (alone.output / f"{name}.txt").read_bytes()
        record = read_record(target.output)
        assert record is not None and record.made_of == {"name": target.benchmark.name}


def test_what_fails_in_one_of_several_benchmarks_leaves_all_outputs_as_they_were(
    tiny_encoder: Path, parallel_pairs: list[Pair], tmp_path: Path
) -> None:
    write_benchmark(tmp_path / "b", dev_benchmark(parallel_pairs, 10))
    targets = [Target(tmp_path / name, tmp_path / "out" / name) for name in ("b", "missing")]
    with pytest.raises(UserError, match="missing"):
        embed_benchmarks(load_encoder(tiny_encoder), targets, settings=EXACT, threads=1)
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []
