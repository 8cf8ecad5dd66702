"""Systems, all that is scored: their names, their vectors, and where languages lie in them (LIR, offsets)."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babelmix.benchmarks.files import read_passages, read_queries
from babelmix.common.errors import UserError, unknown_name
from babelmix.common.outputs import claim_file, claim_folder
from babelmix.common.progress import progress, say
from babelmix.settings.params import Settings
from babelmix.stages.benchmarks import open_benchmark
from babelmix.workspace import BM25, DEV, HERE, START, UNTRAINED, remade_by, vector_store

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from babelmix.corpus.records import Pair
    from babelmix.encoder.vector_store import VectorStore

Prompts = tuple[str | None, str | None]  # the text before each query and passage; None: the model's own


def check_system(name: str, settings: Settings, *, where: str, encoder: bool) -> None:
    """Raise UserError unless `name` is a system of the pipeline; `encoder`: one that has vectors."""
    if encoder and name == BM25:
        how = f"name an encoder: {UNTRAINED}, or an objective or average of params.yaml"
        raise UserError("BM25 has no vectors", where=where, how=how)
    names = [UNTRAINED, *settings.objective_presets, *settings.average, *([] if encoder else [BM25])]
    if name not in names:
        raise unknown_name("system", name, names, where=where)


def benchmarks_of(system: str, settings: Settings) -> list[str]:
    """Return the benchmarks that a system of the pipeline is scored on; an encoder also on the dev split."""
    return [*settings.benchmarks, *([] if system == BM25 else [DEV])]


def model_folder(name: str) -> Path:
    """Return a SentenceTransformer's folder: given or, for org/name where no folder `org` is here, of the hub.

    `models/NAME` is always an encoder of the pipeline: UserError if it is not there.
    """
    path = Path(name)
    if path.parent == HERE.models and not path.exists():
        made = {UNTRAINED: remade_by("encoder"), START: remade_by("pretrain")}
        how = made.get(path.name, "run `dvc repro`; objectives: and averages: of params.yaml name what it trains")
        raise UserError("no such model", where=name, how=how)
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name) and not path.parent.is_dir():
        from babelmix.download.hub import allow_hub
        from babelmix.encoder.hub import hub_sentence_encoder

        allow_hub()
        return hub_sentence_encoder(name)
    return path


def load_model(name: str, prompts: Prompts = (None, None), *, quiet: bool = False) -> "SentenceTransformer":
    """Load a SentenceTransformer, with these prompts in place of its own.

    It says what the user should know of the model, unless `quiet`: that it has no prompts, or is slower than others.
    """
    folder = model_folder(name)
    from babelmix.encoder.load import load_encoder
    from babelmix.encoder.packing import note_on_layers
    from babelmix.encoder.usage import set_prompts

    encoder = load_encoder(folder).eval()
    notes = (set_prompts(encoder, folder, query=prompts[0], passage=prompts[1]), note_on_layers(encoder))
    for note in () if quiet else filter(None, notes):
        say(f"{name}: {note}")
    return encoder


def embed_into(
    model: str,
    benchmark: Path,
    output: Path,
    settings: Settings,
    prompts: Prompts = (None, None),
    nonsense: Path | None = None,
) -> str:
    """Encode the queries and passages of a benchmark folder into a folder; return what was written.

    With `nonsense`, also encode the nonsense queries into that file.
    """
    from babelmix.retrieval.nonsense import write_nonsense

    encoder = load_model(model, prompts)
    (counts,), _ = _embed(encoder, model, [(benchmark, output)], settings, prompts, quiet=True)
    if nonsense is not None:
        write_nonsense(nonsense, encoder, settings.embed, settings.threads)
    return f"wrote {counts[0]} + {counts[1]} rows to {output}"


def embed_system(system: str, settings: Settings) -> str:
    """Encode all benchmarks of the pipeline with one of its encoders, and find where languages lie in its vectors.

    That is their directions (LIR) and their means (offsets), both in training text. One process does all of it, so the
    model is loaded once and equal texts are encoded once. Returns what was written.
    """
    from babelmix.encoder.usage import similarity_of
    from babelmix.retrieval import language_means, lir, nonsense

    names, model = benchmarks_of(system, settings), str(HERE.model(system))
    directions, means = HERE.lir(system), HERE.offsets(system)
    folders = [(HERE.benchmark(name), HERE.embeddings(system, name)) for name in names]
    for _, output in folders:
        claim_folder(output)
    claim_file(directions, written=lir.ARRAYS)
    claim_file(means, written=language_means.ARRAYS)
    claim_file(HERE.nonsense(system), written=(nonsense.NAME,))
    sample = _sample(settings)
    encoder = load_model(model)
    if (similarity := similarity_of(encoder)[0]) != "cosine":
        raise no_directions(similarity, model)
    counts, vectors = _embed(encoder, model, folders, settings, (None, None), _texts(sample), quiet=False)
    _write_directions(directions, vectors["passage"], sample, settings)
    _write_means(means, vectors, sample)
    nonsense.write_nonsense(HERE.nonsense(system), encoder, settings.embed, settings.threads)
    rows = sum(queries + passages for queries, passages in counts)
    written = f"{HERE.embeddings(system, names[0]).parent}, and {directions} and {means}"
    return f"wrote {rows} rows of {len(names)} benchmarks to {written}"


def embed_model(
    model: str, benchmark: str, output: Path, settings: Settings, *, prompts: Prompts, split: str | None, strict: bool
) -> str:
    """Encode any benchmark with any model; return what was written."""
    claim_folder(output, inputs=[Path(model), Path(benchmark)])
    with open_benchmark(benchmark, split, strict=strict) as folder:
        return embed_into(model, folder, output, settings, prompts)


def find_directions(model: str, output: Path, settings: Settings, prompts: Prompts = (None, None)) -> str:
    """Find the directions of each language in unlabelled training passages (LIR); return what was written."""
    from babelmix.retrieval import lir

    claim_file(output, inputs=[Path(model)], written=lir.ARRAYS)
    sample = _sample(settings)
    vectors = _encode_sample(model, {"passage": _texts(sample)["passage"]}, settings, prompts)
    languages = _write_directions(output, vectors["passage"], sample, settings)
    return f"wrote {output}, from {len(sample)} passages in {languages} languages"


def find_means(model: str, output: Path, settings: Settings, prompts: Prompts = (None, None)) -> str:
    """Find the mean vector of each language in unlabelled training text (offsets); return what was written."""
    from babelmix.retrieval import language_means

    claim_file(output, inputs=[Path(model)], written=language_means.ARRAYS)
    sample = _sample(settings)
    vectors = _encode_sample(model, _texts(sample), settings, prompts)
    languages = _write_means(output, vectors, sample)
    return f"wrote {output}, from {len(sample)} queries and passages in {languages} languages"


def store_of(
    encoder: "SentenceTransformer", weights: str, settings: Settings, *, unit: bool, quiet: bool = False
) -> "VectorStore | None":
    """Return where the vectors of a loaded model are kept; `weights` is its `hash_model`.

    None if they may not be kept, which is said unless `quiet`.
    """
    from babelmix.encoder.keep import open_store

    store = open_store(encoder, weights, vector_store(), settings.embed, threads=settings.threads, unit=unit)
    if store is None and not quiet:
        say("no vectors are kept for the next run: here a vector depends on the texts that are encoded beside it")
    return store


def no_directions(similarity: str, where: str) -> UserError:
    """Return the error for language directions, or means, of vectors that are not compared by cosine."""
    how = "leave them out, or use a model that is scored by cosine"
    return UserError(f"directions are taken out of cosines alone, not of {similarity!r}", where=where, how=how)


def _embed(
    encoder: "SentenceTransformer",
    model: str,
    folders: Sequence[tuple[Path, Path]],
    settings: Settings,
    prompts: Prompts,
    sample: Mapping[str, Sequence[str]] | None = None,
    *,
    quiet: bool,
) -> tuple[list[tuple[int, int]], Any]:
    """Encode (benchmark, output) folders and a sample of texts; see `embed_benchmarks`."""
    from babelmix.encoder.fingerprint import hash_model
    from babelmix.encoder.usage import similarity_of
    from babelmix.retrieval.embed_benchmark import Target, embed_benchmarks
    from babelmix.retrieval.vector_record import made_of

    weights = hash_model(model_folder(model))
    targets = [Target(*pair, made_of(weights, pair[0], settings.embed, prompts)) for pair in folders]
    store = store_of(encoder, weights, settings, unit=similarity_of(encoder)[0] == "cosine", quiet=quiet)
    total = sum(len({query.text for query in read_queries(benchmark)}) for benchmark, _ in folders)
    total += sum(1 for benchmark, _ in folders for _ in read_passages(benchmark))
    total += sum(map(len, (sample or {}).values()))
    notes: list[str] = []
    with progress(f"embed {', '.join(benchmark.name for benchmark, _ in folders)}", total) as step:
        found = embed_benchmarks(
            encoder,
            targets,
            settings=settings.embed,
            threads=settings.threads,
            sample=sample,
            store=store,
            on_progress=step,
            say=notes.append,
        )
    if store is not None and store.closed:
        notes.append(f"no further vectors are kept for the next run: {store.closed}")
    for note in notes:
        say(f"{model}: {note}")
    return found


def _sample(settings: Settings) -> "list[Pair]":
    """Return the training pairs, of texts, that language directions and means are estimated on."""
    from babelmix.corpus.index import index_pairs, train_rows
    from babelmix.corpus.records import of_words
    from babelmix.retrieval import lir
    from babelmix.stages.pairs import all_pairs

    known = [(pair, machine) for pair, machine in all_pairs(settings) if not of_words(pair.parallel_id)]
    train = [known[row][0] for row in train_rows(index_pairs(known))]
    return lir.sample_pairs(train, settings.evaluate.lir_passages)


def _texts(sample: "Sequence[Pair]") -> dict[str, list[str]]:
    """Return the queries and passages of pairs, by their prompt."""
    return {"query": [pair.query for pair in sample], "passage": [pair.passage for pair in sample]}


def _encode_sample(
    model: str, texts: Mapping[str, Sequence[str]], settings: Settings, prompts: Prompts
) -> dict[str, Any]:
    """Encode texts by their prompt with any model that is scored by cosine."""
    from babelmix.encoder.encode import encode
    from babelmix.encoder.fingerprint import hash_model
    from babelmix.encoder.usage import similarity_of

    encoder = load_model(model, prompts)
    if (similarity := similarity_of(encoder)[0]) != "cosine":
        raise no_directions(similarity, model)
    store = store_of(encoder, hash_model(model_folder(model)), settings, unit=True, quiet=True)
    with progress(f"languages of {model}", sum(map(len, texts.values()))) as step:
        return {
            prompt: encode(
                encoder,
                part,
                prompt=prompt,
                settings=settings.embed,
                threads=settings.threads,
                on_progress=step,
                store=store,
            )
            for prompt, part in texts.items()
        }


def _write_directions(output: Path, vectors: Any, sample: "Sequence[Pair]", settings: Settings) -> int:
    """Estimate and write the directions; return their number of languages."""
    from babelmix.retrieval import lir

    found = lir.find_directions(vectors, [pair.lang for pair in sample], settings.evaluate.lir_rank)
    lir.write_directions(output, found)
    return len(found.by_language)


def _write_means(output: Path, vectors: Mapping[str, Any], sample: "Sequence[Pair]") -> int:
    """Estimate and write the means of languages; return their number."""
    from babelmix.retrieval.language_means import LanguageRows, Means, language_means, write_means

    spoken = [pair.lang for pair in sample]
    both = [
        language_means(LanguageRows.of(vectors[prompt], spoken), where=f"vectors of training text, {prompt}")
        for prompt in ("query", "passage")
    ]
    write_means(output, Means(*both))
    return len(both[0].by_language)
