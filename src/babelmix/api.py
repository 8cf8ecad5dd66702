"""The public API: the rooms' functions with the arguments that a user has at hand. `babelmix.NAME` is `api.NAME`.

Most of its more than 300 lines are docstrings. Their examples run as tests, in a folder where `models/untrained` is an
encoder and `tests/golden` is the project's.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from babelmix.batches.audit import Audit
from babelmix.batches.audit import audit as audit_batches
from babelmix.batches.objective import Objective
from babelmix.batches.sampler import Batch
from babelmix.batches.sampler import plan as plan_batches
from babelmix.batches.units import Units, index_units, training_rows
from babelmix.benchmarks import files
from babelmix.benchmarks.benchmark import Benchmark
from babelmix.benchmarks.folder import read_folder
from babelmix.benchmarks.qrels import qrels_of
from babelmix.common.errors import UserError, quoted, shown
from babelmix.common.similarities import Similarity, named_similarity
from babelmix.corpus.index import PairIndex, index_pairs
from babelmix.corpus.records import Pair
from babelmix.encoder.settings import Embed
from babelmix.evaluation import evaluate as evaluation
from babelmix.evaluation.evaluate import Evaluation
from babelmix.evaluation.query_scores import SCOPES, QueryScores
from babelmix.evaluation.settings import EQUIVALENCE_BOUND
from babelmix.evaluation.significance import Difference, holm, paired_difference
from babelmix.retrieval.bm25 import Bm25Scorer
from babelmix.retrieval.scorers import CosineScorer, Scorer
from babelmix.retrieval.similarity import comparable

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from babelmix.searching.index import Hit, SearchIndex


def read_benchmark(path: str | Path) -> Benchmark:
    """Read a benchmark of any form: babelmix's own, BEIR, a SQuAD-form file or a folder of them (see docs/data.md).

    Rows that no ranking can use are left out; the command `babelmix evaluate` counts them. Raises UserError for a path
    without such files, and for a broken line with its file, line and field.

    >>> benchmark = read_benchmark("tests/golden/xquad-r-60")
    >>> benchmark.languages, len(benchmark.queries)
    (('ar', 'de', 'en', 'th', 'zh'), 300)
    """
    path = Path(path)
    return files.read_benchmark(path) if files.is_built(path) else read_folder(path)[0]


def load_encoder(folder: str | Path) -> "SentenceTransformer":
    """Load a SentenceTransformer folder onto the GPU if there is one, else the CPU. Needs `babelmix[encoder]`.

    Asks no hub and runs no code from the folder; raises UserError for a folder that is no whole model. `encode` and
    `evaluate` take any other SentenceTransformer too.

    >>> model = load_encoder("models/untrained")
    >>> model.prompts["query"]
    'query: '
    """
    from babelmix.encoder.load import load_encoder as load

    return load(Path(folder))


def encode(
    model: "SentenceTransformer",
    texts: Sequence[str],
    *,
    prompt: Literal["query", "passage"],
    max_tokens: int = 512,
    threads: int | None = None,
) -> NDArray[np.float16]:
    """Return float16 [texts, dimensions] unit vectors of the texts, each behind the model's own prompt of that name.

    `threads` are torch's, all cores by default; their number is part of the last bits of the result.

    >>> model = load_encoder("models/untrained")
    >>> vectors = encode(model, ["the file opens", "die datei"], prompt="passage")
    >>> vectors.dtype.name, len(vectors)
    ('float16', 2)
    """
    from babelmix.encoder.encode import encode as encode_texts

    texts = _several(texts, "texts")
    return encode_texts(model, texts, prompt=prompt, settings=_embed(max_tokens), threads=threads or _cores())


def evaluate(
    benchmark: Benchmark,
    system: "SentenceTransformer | tuple[NDArray[Any], NDArray[Any]] | Literal['bm25']",
    *,
    similarity: Similarity = "cosine",
    max_tokens: int = 512,
    threads: int | None = None,
) -> Evaluation:
    """Rank all passages for every query and score the rankings: monolingual, cross-lingual, multilingual, and bias.

    Args:
        benchmark: what `read_benchmark` returned.
        system: a SentenceTransformer, scored by the similarity that its file names; or vectors of the queries [Q, d]
            and of the passages [P, d], in the order of the benchmark; or "bm25".
        similarity: of the vectors: "cosine", "dot" or "euclidean".
        max_tokens: what the model reads of a text at most.
        threads: of torch, all cores by default.

    Raises:
        UserError: not a system, an unknown similarity, vectors that do not fit the benchmark, a zero vector, a value
            that is not finite.

    >>> benchmark = read_benchmark("tests/golden/xquad-r-60")
    >>> found = evaluate(benchmark, "bm25")
    >>> round(found.mean("monolingual"), 2), round(found.mean("crosslingual"), 2)
    (0.83, 0.12)
    >>> sorted(found.by_language_pair())[:3]
    [('ar', 'ar'), ('ar', 'de'), ('ar', 'en')]
    """
    return evaluation.evaluate(qrels_of(benchmark), _scores(benchmark, system, similarity, max_tokens, threads))


def compare(
    first: Evaluation | Sequence[Evaluation],
    second: Evaluation | Sequence[Evaluation],
    *,
    bound: float = EQUIVALENCE_BOUND,
) -> dict[str, Difference]:
    """Return first minus second in mAP, by scope, with a 95 % interval over questions and a p corrected by Holm.

    The verdict is "better", "worse", "equivalent" (the difference is shown to be less than `bound`, either way) or "no
    difference shown".

    Give several evaluations of each, one a training seed in the same order, and the interval is over seeds too. Scopes
    that the benchmark lacks are left out. Raises UserError for two systems that were scored on different queries, or
    with other numbers of seeds.

    >>> benchmark = read_benchmark("tests/golden/xquad-r-60")
    >>> rng = np.random.default_rng(13)
    >>> vectors = rng.normal(size=(len(benchmark.queries), 8)), rng.normal(size=(len(benchmark.passages), 8))
    >>> difference = compare(evaluate(benchmark, "bm25"), evaluate(benchmark, vectors))["monolingual"]
    >>> difference.verdict, difference.low > 0.5
    ('better', True)
    """
    one, other = _by_seed(first), _by_seed(second)
    scopes = [scope for scope in SCOPES if one[0].groups(scope)[0].any()]
    found = holm([paired_difference(one, other, scope, bound=bound) for scope in scopes])
    return dict(zip(scopes, found, strict=True))


def plan(
    pairs: Iterable[Pair], objective: Objective, *, steps: int, batch_size: int = 32, seed: int = 13
) -> Iterator[Batch]:
    """Yield the batches that an objective trains on, without a model; equal arguments give equal batches.

    A row of a batch is (unit, language of the query, language of the passage). Pairs of one unit are translations of
    one another; its number is its place among the sorted ids. Dev pairs take no part. Raises UserError, before the
    first batch, where the pairs cannot fill a batch that the objective asks for.

    >>> pairs = [Pair(f"page{n}", lang, "train", f"what {n} {lang}", f"it is {n} {lang}", "human")
    ...          for n in range(8) for lang in ("de", "en", "fr")]
    >>> for batch in plan(pairs, Objective(alpha=0.5), steps=3, batch_size=2):
    ...     print(batch.kind, batch.rows)
    crosslingual ((0, 'fr', 'de'), (7, 'fr', 'en'))
    monolingual ((6, 'en', 'en'), (3, 'en', 'en'))
    monolingual ((0, 'en', 'en'), (7, 'en', 'en'))
    """
    _, units = _indexed(pairs, objective)
    return plan_batches(units, objective, batch_size=batch_size, seed=seed, steps=steps)


def audit(pairs: Iterable[Pair], objective: Objective, *, steps: int, batch_size: int = 32, seed: int = 13) -> Audit:
    """Count what the batches of `plan` hold: kinds, languages, repeats, and negatives that are answers after all.

    >>> pairs = [Pair(f"page{n}", lang, "train", f"what {n} {lang}", f"it is {n} {lang}", "human")
    ...          for n in range(8) for lang in ("de", "en", "fr")]
    >>> found = audit(pairs, Objective(alpha=0.5), steps=100, batch_size=4)
    >>> found.batches["monolingual"] + found.batches["crosslingual"], found.false_negatives
    (100, 0)
    """
    index, units = _indexed(pairs, objective)
    batches = plan_batches(units, objective, batch_size=batch_size, seed=seed, steps=steps)
    return audit_batches(index, units, batches, seed=seed)


def build_index(
    texts: str | Path | Iterable[str],
    model: str | Path,
    output: str | Path,
    *,
    language: str | None = None,
    threads: int | None = None,
) -> "SearchIndex":
    """Make an index of texts to search, and open it. Needs `babelmix[encoder,search]`.

    Empty and repeated texts are left out; the command `babelmix index` counts them.

    Args:
        texts: a file or folder of texts (see docs/search.md), or the texts themselves; their ids are then "0", "1", ...
        model: a SentenceTransformer folder.
        output: the folder to write; an older index there is replaced.
        language: of all texts that name none; recognised unless given, but `corpus.jsonl` of a folder is English.
        threads: of torch, all cores by default; their number is part of the last bits of the vectors.

    Raises:
        UserError: a row or page that cannot be read, no text, an output that babelmix did not write, or that is the
            model or the texts.

    >>> index = build_index(["the file opens in a window", "die Datei wird geöffnet"], "models/untrained", "my-index")
    >>> dict(index.languages), len(index)
    ({'de': 1, 'en': 1}, 2)
    """
    from collections import Counter

    from babelmix.searching.build import claim_index, index_documents
    from babelmix.searching.folder import documents_of, read_documents
    from babelmix.searching.queries import passage_encoder

    claim_index(Path(output), inputs=[Path(model), *([Path(texts)] if isinstance(texts, str | Path) else [])])
    counts: Counter[str] = Counter()
    if isinstance(texts, str | Path):
        documents = read_documents(Path(texts), counts, language=language)
    else:
        documents = documents_of(texts, counts, language=language)
    encoder = passage_encoder(Path(model), str(Path(model).resolve()), threads=threads)
    index_documents(documents, encoder, Path(output))
    return open_index(output)


def open_index(folder: str | Path) -> "SearchIndex":
    """Open an index of `build_index` or `babelmix index`.

    UserError for a folder that is no whole index of this version.

    >>> index = build_index(["the file opens in a window"], "models/untrained", "my-index", language="en")
    >>> open_index("my-index").languages
    {'en': 1}
    """
    from babelmix.searching.index import SearchIndex

    return SearchIndex.open(Path(folder))


def search(
    index: "SearchIndex",
    queries: Sequence[str],
    k: int = 10,
    *,
    languages: Iterable[str] | None = None,
    equal_share: bool = False,
    shift: float = 0.0,
    model: str | Path | None = None,
) -> "list[list[Hit]]":
    """Return the k best passages of each query, in any language, best first.

    Args:
        index: what `open_index` returned; it keeps its model in memory after the first search.
        queries: questions.
        k: how many hits a query gets.
        languages: search only the passages of these.
        equal_share: give each language as many hits.
        shift: from 0 to 1, move each language's passages this share of the way to where all languages are. It lifts
            answers in other languages than the query's, and lowers them where only the query's language has the answer.
        model: where the index's model is now, if it is not where it was.

    Raises:
        UserError: another model than the index's, a language that the index does not have, a blank query.

    >>> index = build_index(["the file opens in a window", "die Datei wird geöffnet"], "models/untrained", "my-index")
    >>> hits = search(index, ["the file opens"], languages=["en"])[0]
    >>> [(hit.rank, hit.id, hit.language, hit.text) for hit in hits]
    [(1, '0', 'en', 'the file opens in a window')]
    """
    from babelmix.searching.queries import checked_query

    asked = [checked_query(query) for query in _several(queries, "queries")]
    chosen = None if languages is None else _several(languages, "languages")
    vectors = _query_encoder(index, model)(asked)
    return index.search(vectors, k, languages=chosen, equal_share=equal_share, shift=shift)


@lru_cache(maxsize=4)
def _query_encoder(index: "SearchIndex", model: str | Path | None) -> "Callable[[Sequence[str]], NDArray[np.float32]]":
    from babelmix.searching.queries import query_encoder

    return query_encoder(index, Path(model) if model else None)


def _indexed(pairs: Iterable[Pair], objective: Objective) -> tuple[PairIndex, Units]:
    index = index_pairs((pair, pair.origin != "human") for pair in pairs)
    return index, index_units(index, training_rows(index, objective))


def _by_seed(found: Evaluation | Sequence[Evaluation]) -> list[QueryScores]:
    return [found.scores] if isinstance(found, Evaluation) else [of_seed.scores for of_seed in found]


def _scores(benchmark: Benchmark, system: Any, similarity: Similarity, max_tokens: int, threads: int | None) -> Scorer:
    """Return a scorer for what `evaluate` takes."""
    similarity = named_similarity(similarity, "similarity") or "cosine"
    if isinstance(system, str) and system == "bm25":
        return Bm25Scorer.build(benchmark)
    if isinstance(system, tuple) and len(system) == 2:
        queries, passages = system
    elif not hasattr(system, "encode") or isinstance(system, str):
        how = 'give "bm25", an encoder (load_encoder), or vectors as a tuple of queries and passages'
        raise UserError(f"not a system: {shown(repr(system))}", where="evaluate", how=how)
    else:
        from babelmix.encoder.encode import encode, encode_raw
        from babelmix.encoder.usage import similarity_of

        encoder: Any = system
        similarity, _ = similarity_of(encoder)
        run = partial(encode if similarity == "cosine" else encode_raw, encoder, settings=_embed(max_tokens))
        queries, passages = (
            run([text.text for text in texts], prompt=prompt, threads=threads or _cores())
            for prompt, texts in (("query", benchmark.queries), ("passage", benchmark.passages))
        )
    return CosineScorer(*comparable(queries, passages, similarity))


def _several(texts: Iterable[str], name: str) -> list[str]:
    """Return a list of what should be several texts; UserError for a single one, which would be read by its letters."""
    if isinstance(texts, str):
        raise UserError(f"one text in place of several {name}", where=name, how=f"give a list: [{quoted(texts)}]")
    return list(texts)


def _embed(max_tokens: int) -> Embed:
    return Embed(max_tokens=max_tokens, precision="float32", context=False)


def _cores() -> int:
    return os.cpu_count() or 1
