"""The command line: every stage of dvc.yaml is one command here, and each does nothing but read, call and write.

    babelmix plan --steps 5
    babelmix evaluate --model models/hybrid --benchmark gnome-help --output scores.json
    babelmix explore --benchmark gnome-help "How do I print a page?"

Modules are imported inside the commands: `babelmix --help` must not wait for torch.
"""

import os
import re
import sys
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

# Set before any library is imported: nothing is reported home, and no hub is asked for a file that is not here. What
# the user asks of the hub by name calls sources.hub.allow_hub, which takes our own switch back.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "1")
if "HF_HUB_OFFLINE" not in os.environ:
    os.environ["HF_HUB_OFFLINE"] = os.environ["BABELMIX_HUB_OFF"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # what does not fit is told in one line by us

import typer

from babelmix.benchmarks.own import own_files, unknown_benchmark
from babelmix.benchmarks.registry import BEIR, BENCHMARKS
from babelmix.common.ending import ended
from babelmix.common.errors import UserError, unknown_name
from babelmix.common.files import project_root, temporary_folder
from babelmix.common.outputs import claim_file, claim_folder
from babelmix.common.progress import done, progress, say, terminal
from babelmix.settings.params import Objective, Preset, Settings, load_settings

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Train a retriever that works across languages, and see what the batches did. The whole of it: dvc repro",
)

translation = typer.Typer(no_args_is_help=True, help="Machine translation: of pairs, and which route is best.")
app.add_typer(translation, name="translate")

DATA = Path("data")
MODELS = Path("models")
METRICS = Path("metrics")

BM25 = "bm25"
# What is counted of a benchmark and loses nothing: it is kept, it belongs to another split, or it says "not relevant".
NOTHING_LOST = {"documents with the text of another", "judgements below 1", "queries without judgements"}

Name = Annotated[str, typer.Argument(help="A source or benchmark, such as gnome-help.")]
ObjectiveName = Annotated[str, typer.Option("--objective", help="A batch recipe of params.yaml, such as hybrid.")]
ModelName = Annotated[str, typer.Option("--model", help="A SentenceTransformer folder, or its name on the hub.")]
BenchmarkName = Annotated[
    str,
    typer.Option(
        "--benchmark",
        help="gnome-help, debian-handbook, xquad-r, mlqa-r, nfcorpus, nanobeir-TASK, miracl-LANGUAGE; or a path: a "
        "benchmark folder, a folder in BEIR form, a SQuAD-form file or a folder of them.",
    ),
]

QueryPrompt = Annotated[
    str | None, typer.Option("--query-prompt", help="What stands before each query; the model's own unless given.")
]
PassagePrompt = Annotated[
    str | None, typer.Option("--passage-prompt", help="What stands before each passage; the model's own unless given.")
]
Split = Annotated[
    str | None, typer.Option("--split", help="Judgements of a folder in BEIR form, qrels/SPLIT.tsv; test unless given.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Refuse a benchmark of which anything would be left out.")]


@app.callback()
def _options(  # pyright: ignore[reportUnusedFunction]
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Options of every command; `main` reads `--debug` itself."""


@app.command(epilog="Example: babelmix fetch xquad-r")
def fetch(name: Name) -> None:
    """Download the raw files of a source into data/raw/NAME."""
    folder = DATA / "raw" / name
    claim_folder(folder)
    _fetch(name, folder, load_settings())
    done(f"wrote {folder}", "dvc repro")


@app.command(epilog="Example: babelmix pairs libreoffice-help")
def pairs(name: Annotated[str, typer.Argument(help="A source of pairs, such as libreoffice-help.")]) -> None:
    """Make question-passage pairs out of a source, in every language it has, split into train and dev."""
    from babelmix.common.files import write_json
    from babelmix.corpus.records import write_pairs
    from babelmix.stages import build_source

    claim_folder(DATA / "pairs" / "human" / name)
    claim_file(METRICS / "pairs" / f"{name}.json")
    kept, counts = build_source(name, DATA / "raw" / name, load_settings())
    write_pairs(DATA / "pairs" / "human" / name, kept)
    write_json(METRICS / "pairs" / f"{name}.json", counts)
    done(f"wrote {len(kept):,} pairs in {len(counts)} languages to data/pairs/human/{name}", "dvc repro translate")


@app.command(epilog="Example: babelmix dev")
def dev() -> None:
    """Make a benchmark of the dev split, on which recipes are chosen."""
    from babelmix.benchmarks.benchmark import write_benchmark
    from babelmix.benchmarks.dev import dev_benchmark

    settings = load_settings()
    claim_folder(DATA / "dev")
    write_benchmark(DATA / "dev", dev_benchmark(read_human_pairs(settings), settings.pairs.dev_questions))
    done("wrote data/dev", "dvc repro")


@translation.command("pairs", epilog="Example: babelmix translate pairs --source libreoffice-help --language pt")
def translate_pairs(
    source: Annotated[str, typer.Option(help="A source of pairs, such as libreoffice-help.")],
    language: Annotated[str, typer.Option(help="A language of translate.routes.")],
) -> None:
    """Machine-translate the pairs of a source into one language, and keep what passes the quality gate.

    What was translated is kept in .babelmix/translations: a run that was stopped goes on from there.
    """
    from babelmix.common.files import store, write_json
    from babelmix.translate import engine as translate
    from babelmix.translate.pairs import translate_pairs as run
    from babelmix.translate.route import Route

    settings = load_settings()
    translate.allow_models(settings)
    reason = settings.untranslated(source, language)
    legs = settings.route(source, language)
    route = reason or Route(legs, threads=settings.threads, cache=store() / "translations")
    kept, rejected = (DATA / "pairs" / kind / source / f"{language}.jsonl" for kind in ("machine", "rejected"))
    for file in (kept, rejected, METRICS / "translate" / source / f"{language}.json"):
        claim_file(file)
    counts = run(
        DATA / "pairs" / "human" / source / f"{settings.source_language(source)}.jsonl",
        route,
        language,
        settings.translate.gate,
        limit=settings.translate.units,
        kept=kept,
        rejected=rejected,
    )
    write_json(METRICS / "translate" / source / f"{language}.json", counts)
    if reason:
        say(f"{source} is not translated into {language}: {reason}")
    thrown = sum(counts["rejected"].values())
    done(f"wrote {counts['kept']:,} pairs to {kept} and {thrown:,} to {rejected}", "dvc repro train")


@translation.command("index", epilog="Example: babelmix translate index")
def translate_index() -> None:
    """Write which sources are translated into which languages, by which routes, or why they are not."""
    from babelmix.common.files import write_json
    from babelmix.translate.index import index_translations

    index = index_translations(load_settings())
    for folder in (DATA / "pairs" / "machine", METRICS / "translate"):
        write_json(folder / "index.json", index)
    done("wrote data/pairs/machine/index.json and metrics/translate/index.json", "dvc repro translate")


@translation.command("bench", epilog="Example: babelmix translate bench --language es --apply")
def translate_bench(
    language: Annotated[
        list[str] | None, typer.Option(help="Only these; all of translate.candidates if not given.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Put the best routes into params.yaml.")] = False,
    into: Annotated[list[Path] | None, typer.Option(help="Also put the table into these Markdown files.")] = None,
) -> None:
    """Score the routes of translate.candidates against human translations, with chrF and BLEU."""
    from babelmix.common.files import store
    from babelmix.reporting.experiments import check_into, write_into
    from babelmix.translate import compare as bench
    from babelmix.translate import engine as translate

    settings = load_settings()
    check_into(into or (), "routes")
    translate.allow_models(settings)
    with temporary_folder() as scratch:
        scores = bench.score_routes(settings, language, raw=Path(scratch), cache=store() / "translations")
    bench.render(scores, terminal())
    for file in into or ():
        write_into(file, "routes", bench.to_markdown(scores))
    best = bench.best_routes(scores)
    if apply:
        bench.apply_routes(Path("params.yaml"), best)
    told = f"wrote the best of {len(best)} languages to params.yaml" if apply else f"scored {len(scores)} routes"
    done(told, "dvc repro translate" if apply else "babelmix translate bench --apply")


@app.command(epilog="Example: babelmix encoder")
def encoder() -> None:
    """Make the starting encoder of the chosen model.size; one that its preset takes from the hub is downloaded."""
    from babelmix.encoder.build import build_encoder

    settings = load_settings()
    claim_folder(MODELS / "untrained")
    _allow_hub_of(settings.preset())
    build_encoder(settings.preset(), MODELS / "untrained")
    done(f"wrote models/untrained ({settings.model.size})", "dvc repro train")


@app.command(epilog="Example: babelmix tokenise")
def tokenise() -> None:
    """Turn the pairs into the starting encoder's token ids, once for all trainings."""
    from babelmix.encoder.build import load_encoder
    from babelmix.training.tokenized_pairs import write_corpus

    os.environ["TOKENIZERS_PARALLELISM"] = "true"  # nothing is forked here
    settings = load_settings()
    claim_folder(DATA / "tokens")
    model = load_encoder(MODELS / "untrained")
    with progress("tokenise", None) as step:
        number = write_corpus(DATA / "tokens", read_pairs_of_all(settings), model, settings.train, step)
    done(f"wrote {number:,} pairs to data/tokens", "dvc repro train")


@app.command(epilog="Example: babelmix teach large")
def teach(size: Annotated[str, typer.Argument(help="A preset of model.presets, such as large.")]) -> None:
    """Encode the training pairs in the language they were written in with the encoder of another size, a teacher."""
    from babelmix.corpus.records import read_pairs
    from babelmix.encoder.build import build_encoder, load_encoder
    from babelmix.training import teacher as teaching

    settings, output = load_settings(), DATA / "teacher" / f"{size}.npz"
    claim_file(output)
    presets = settings.model.presets
    if size not in presets:
        raise unknown_name("size", size, presets, where="params.yaml, model.presets")
    written = [DATA / "pairs" / "human" / name / f"{settings.source_language(name)}.jsonl" for name in settings.sources]
    known = [pair for pair in read_pairs(*written) if pair.split == "train"]
    _allow_hub_of(presets[size])
    with temporary_folder() as scratch:
        build_encoder(presets[size], Path(scratch) / size)
        model = load_encoder(Path(scratch) / size)
        with progress(f"teach {size}", 2 * len(known)) as step:
            vectors = teaching.teach(model, known, settings=settings.embed, threads=settings.threads, told=step)
    teaching.write_teacher(output, vectors)
    done(f"wrote {output}, {len(vectors.units):,} units of {vectors.queries.shape[1]} dimensions", "dvc repro train")


@app.command(epilog="Example: babelmix train --objective hybrid, or torchrun --nproc-per-node 2 -m babelmix train ...")
def train(objective: ObjectiveName) -> None:
    """Train the starting encoder with one objective; one that was stopped goes on from its last look.

    Started by torchrun or `accelerate launch`, it trains in several processes, with the same batches.
    """
    from babelmix.common.files import new_folder, store
    from babelmix.encoder.build import load_encoder, save_encoder
    from babelmix.training import loop as training
    from babelmix.training.checkpoint import Keeper
    from babelmix.training.distributed import Team, workers
    from babelmix.training.model_card import model_card
    from babelmix.training.tokenized_pairs import read_corpus

    settings = load_settings()
    recipe, start = settings.objective(objective), MODELS / "untrained"
    claim_folder(MODELS / objective)
    claim_file(METRICS / "history" / f"{objective}.csv")

    def keeper_of(team: Team) -> Keeper:
        files = [file for file in _extra_files(recipe) if file]
        inputs = training.inputs(objective, settings, start, DATA / "tokens", files, team)
        return Keeper(store() / "training", inputs)

    keepers: list[Keeper] = []
    with ExitStack() as stack:
        team = stack.enter_context(
            workers(settings.threads, lambda team: keepers.append(stack.enter_context(keeper_of(team).alone(say))))
        )
        corpus = read_corpus(DATA / "tokens")
        extras = _extras(recipe, corpus.index)
        model = load_encoder(start)
        keeper = keeper_of(team)
        if keepers and keeper.fingerprint != keepers[0].fingerprint:
            how = "run the same command again"
            raise UserError("what it trains on was changed while it waited", where=f"train {objective}", how=how)
        keeper = keepers[0] if keepers else keeper
        if team.first:
            say(f"training on {team.describe(settings.train.bfloat16)}")
            if kept := keeper.step():
                say(f"going on after step {kept}, from {keeper.file}")
            for other in keeper.others():
                say(f"not gone on from: {other}")
        with progress(f"train {objective}", settings.train.steps) as step:
            told = step if team.first else _silent
            history = training.train(
                model, corpus, recipe, settings, team=team, extras=extras, keeper=keeper, told=told
            )
        if not team.first:
            return
        with new_folder(MODELS / objective) as folder:
            save_encoder(model, folder, model_card(objective, settings))
        training.write_history(history, METRICS / "history" / f"{objective}.csv")
        keeper.forget()
    done(f"wrote models/{objective}, last loss {history[-1].loss:.3f}", "dvc repro")


@app.command(epilog="Example: babelmix benchmark gnome-help")
def benchmark(name: Name, strict: Strict = False) -> None:
    """Build a benchmark from its raw files into data/benchmarks/NAME."""
    from babelmix.stages import build_benchmark
    from babelmix.translate.engine import allow_models

    settings, output = load_settings(), DATA / "benchmarks" / name
    claim_folder(output)
    allow_models(settings)
    if strict:
        with temporary_folder() as scratch:
            _tell(build_benchmark(name, DATA / "raw" / name, Path(scratch) / name, settings), strict=True, where=name)
    _tell(build_benchmark(name, DATA / "raw" / name, output, settings))
    done(f"wrote {output}", "dvc repro")


@app.command(epilog="Example: babelmix embed --model models/hybrid --benchmark gnome-help --output vectors")
def embed(
    model: ModelName,
    benchmark: BenchmarkName,
    output: Annotated[Path, typer.Option(help="Folder to write.")],
    query_prompt: QueryPrompt = None,
    passage_prompt: PassagePrompt = None,
    split: Split = None,
    strict: Strict = False,
) -> None:
    """Encode the queries and passages of a benchmark once, for every setting."""
    claim_folder(output, inputs=[Path(model), Path(benchmark)])
    with _benchmark(benchmark, split, strict=strict) as folder:
        queries, passages = _embed(model, folder, output, query_prompt, passage_prompt)
    done(f"wrote {queries} + {passages} rows to {output}", "babelmix evaluate")


@app.command(epilog="Example: babelmix directions --model models/hybrid --output directions.npz")
def directions(
    model: ModelName,
    output: Annotated[Path, typer.Option(help="File to write, .npz.")],
    query_prompt: QueryPrompt = None,
    passage_prompt: PassagePrompt = None,
) -> None:
    """Find the directions of each language in unlabelled training passages, for `evaluate --directions` (LIR)."""
    from babelmix.corpus.index import index_pairs, training_rows
    from babelmix.encoder.usage import similarity_of
    from babelmix.retrieval import lir as debias
    from babelmix.retrieval.embed_benchmark import encode

    settings = load_settings()
    claim_file(output, inputs=[Path(model)], written=debias.ARRAYS)
    known = list(read_pairs_of_all(settings))
    train = [known[row][0] for row in training_rows(index_pairs(known))]
    passages = debias.sample(train, settings.evaluate.debias_units)
    encoder = _encoder(model, query_prompt, passage_prompt)
    if (similarity := similarity_of(encoder)[0]) != "cosine":
        raise _no_directions(similarity, model)
    with progress(f"directions of {model}", len(passages)) as step:
        texts = [pair.passage for pair in passages]
        vectors = encode(encoder, texts, prompt="passage", settings=settings.embed, threads=settings.threads, told=step)
    found = debias.directions(vectors, [pair.lang for pair in passages], settings.evaluate.debias_rank)
    debias.write_directions(output, found)
    done(f"wrote {output}, from {len(passages)} passages in {len(found.by_language)} languages", "babelmix evaluate")


@app.command(epilog="Example: babelmix mine --model models/contrastive --output data/negatives/contrastive.npz")
def mine(
    model: ModelName,
    output: Annotated[Path, typer.Option(help="File to write, .npz.")],
    languages: Annotated[list[str] | None, typer.Option(help="Only these; all unless given.")] = None,
    number: Annotated[int, typer.Option(help="Negatives of each pair.", min=1)] = 1,
    share: Annotated[
        float, typer.Option(help="What scores above this share of the right passage's score is left out.", min=0)
    ] = 0.95,
    query_prompt: QueryPrompt = None,
    passage_prompt: PassagePrompt = None,
) -> None:
    """Find hard negatives: passages that a model takes for the answer of a training pair (objective.*.negatives)."""
    import numpy as np

    from babelmix.batches.sampler import index_units
    from babelmix.corpus.index import index_pairs, training_rows
    from babelmix.encoder.usage import similarity_of
    from babelmix.training import hard_negatives as mining

    settings = load_settings()
    claim_file(output, inputs=[Path(model)], written=mining.ARRAYS)
    known = list(read_pairs_of_all(settings))
    index = index_pairs(known)
    rows = training_rows(index)
    units = index_units(index, rows)
    if languages:
        for lang in languages:
            if lang not in index.languages:
                raise unknown_name("language", lang, index.languages, where="--languages")
        rows = rows[np.isin(index.lang[rows], [index.languages.index(lang) for lang in languages])]
    encoder, embedding, threads = _encoder(model, query_prompt, passage_prompt), settings.embed, settings.threads
    if (similarity := similarity_of(encoder)[0]) != "cosine":
        say(f"{model}: mined by cosine, though its file names the similarity {similarity!r}")
    with progress(f"mine with {model}", 3 * len(rows)) as step:
        pairs = [pair for pair, _ in known]
        found = mining.mine(
            encoder, pairs, index, rows, units, number, share=share, settings=embedding, threads=threads, told=step
        )
    mining.write_negatives(output, found)
    count = np.count_nonzero(found.negatives >= 0)
    done(f"wrote {output}, {count:,} negatives of {len(rows):,} pairs", "name it in params.yaml, objective, negatives")


@app.command(epilog="Example: babelmix evaluate --model models/hybrid --benchmark gnome-help --output scores.json")
def evaluate(
    benchmark: BenchmarkName,
    output: Annotated[Path, typer.Option(help="JSON file to write.")],
    model: Annotated[str | None, typer.Option(help="A SentenceTransformer folder, its hub name, or bm25; or")] = None,
    embeddings: Annotated[Path | None, typer.Option(help="a folder with queries.npy and passages.npy.")] = None,
    directions: Annotated[Path | None, typer.Option(help="Take these directions out first (LIR).")] = None,
    per_query: Annotated[Path | None, typer.Option(help="Also write the scores of every query, .npz.")] = None,
    similarity: Annotated[
        str | None, typer.Option(help="Of --embeddings: cosine, dot or euclidean; what vectors.json says, or cosine.")
    ] = None,
    query_prompt: QueryPrompt = None,
    passage_prompt: PassagePrompt = None,
    split: Split = None,
    strict: Strict = False,
) -> None:
    """Score a model on a benchmark: monolingual, cross-lingual, multilingual, and its language bias."""
    from babelmix.benchmarks.benchmark import read_about, read_judged
    from babelmix.evaluation import evaluate as evaluation

    if (model is None) == (embeddings is None):
        raise UserError("one of --model and --embeddings is needed", where="evaluate", how="give exactly one")
    if similarity and not embeddings:
        how = "leave it out: a model is scored by the similarity that its own file names"
        raise UserError("a similarity is for --embeddings", where="--similarity", how=how)
    if (query_prompt is not None or passage_prompt is not None) and model in (None, BM25):
        raise UserError("prompts are for a model", where="--query-prompt, --passage-prompt", how="leave them out")
    inputs = [Path(name) for name in (benchmark, model, embeddings, directions) if name]
    claim_file(output, inputs=inputs, written=evaluation.KEYS)
    if per_query:
        claim_file(per_query, inputs=[*inputs, output], written=evaluation.COLUMNS, what="--per-query")
        if per_query.resolve() == output.resolve():
            raise UserError("--output and --per-query are one file", where=str(output), how="give each its own name")
    name = f"{model or embeddings}{'+lir' if directions else ''}"
    with _benchmark(benchmark, split, strict=strict) as folder, temporary_folder() as scratch:
        judged, told = read_judged(folder), read_about(folder)
        new = {reason: number for reason, number in judged.left_out.items() if reason not in told.left_out}
        _tell(new, strict=strict, where=benchmark)
        vectors = embeddings
        if model and model != BM25:
            vectors = Path(scratch) / "vectors"
            _embed(model, folder, vectors, query_prompt, passage_prompt)
        scores, about = _scores(folder, vectors, directions, similarity)
        if not embeddings:
            about.pop("vectors", None)
        if told.split is not None:
            about["split"] = told.split
        result = evaluation.evaluate(judged, scores)
    evaluation.write_evaluation(result, name, output, per_query, left_out=told.left_out, **about)
    done(f"wrote {output}", "babelmix report" if per_query else f"look into {output}")


@app.command(epilog='Example: babelmix explore --benchmark gnome-help "How do I print a page?"')
def explore(
    query: Annotated[str, typer.Argument(help="A text of your own, or the id of a query or question.")],
    benchmark: BenchmarkName,
    model: Annotated[
        list[str] | None, typer.Option(help="One or two models; models/contrastive and models/hybrid unless given.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="Of a question that is asked in several.")] = None,
    top: Annotated[int, typer.Option(help="How many passages to show.", min=1)] = 10,
    query_prompt: QueryPrompt = None,
    passage_prompt: PassagePrompt = None,
    split: Split = None,
    strict: Strict = False,
) -> None:
    """Show what two models find for one query, and where the right answers stand in every language."""
    from babelmix.benchmarks.benchmark import Query, read_benchmark
    from babelmix.reporting import explore as look
    from babelmix.reporting.explore_terminal import render
    from babelmix.retrieval.embed_benchmark import encode, encode_raw
    from babelmix.retrieval.embeddings import open_embeddings
    from babelmix.retrieval.vector_record import is_made_of, made_of, read_record
    from babelmix.retrieval.vectors import Rows

    settings, models = load_settings(), model or [str(MODELS / "contrastive"), str(MODELS / "hybrid")]
    prompts = query_prompt, passage_prompt
    with (
        _benchmark(benchmark, split, strict=strict) as folder,
        temporary_folder() as scratch,
    ):
        read = read_benchmark(folder)
        asked = look.find_query(read, query, language)
        systems: list[tuple[str, Any, Rows]] = []
        folders = [_model_folder(name) for name in models]  # all of the hub, before a library is loaded offline
        for number, name in enumerate(models):
            vectors = DATA / "embeddings" / Path(name).name / folder.name
            cached = is_made_of(vectors, made_of(folders[number], folder, settings.embed, prompts))
            if not cached:
                vectors = Path(scratch) / str(number)
                _embed(name, folder, vectors, *prompts)
            row, queries = 0, None
            if asked is None:
                record = read_record(vectors)
                how = encode if record is None or record.similarity == "cosine" else encode_raw
                encoder = _encoder(name, *prompts, quiet=not cached)
                queries = how(encoder, [query], prompt="query", settings=settings.embed, threads=settings.threads)
            else:
                row = next(row for row, known in enumerate(read.queries) if known.id == asked.id)
            opened = open_embeddings(vectors, folder, queries=queries)
            for note in opened.notes:
                say(note)
            systems.append((Path(name).name, opened.queries[row : row + 1][0], opened.passages))
        render(look.show(read, asked or Query("", "", "", query), systems, top=top), terminal())


@app.command(epilog="Example: babelmix report")
def report() -> None:
    """Write metrics/headline.json, metrics/by_language.csv and reports/report.md with its figures."""
    from babelmix.reporting.report import write_report

    claim_folder(Path("reports"))
    write_report(Path(), load_settings())
    done("wrote reports/report.md and metrics/headline.json", "make ui")


@app.command(epilog="Example: babelmix compare --benchmark xquad-r small-s13 base-s13 large-s13")
def compare(
    benchmark: Annotated[str, typer.Option(help="The benchmark whose scores are compared.")],
    experiments: Annotated[
        list[str] | None,
        typer.Argument(help="DVC experiments; unless given, all of this commit's that have it."),
    ] = None,
    into: Annotated[list[Path] | None, typer.Option(help="Also put the tables into these Markdown files.")] = None,
    name: Annotated[str | None, typer.Option(help="The place in those files, the benchmark's unless given.")] = None,
) -> None:
    """Put DVC experiments of several sizes and seeds side by side, with intervals over questions and seeds."""
    from babelmix.reporting import experiments as across

    across.check_into(into or (), name or benchmark)
    names = experiments or across.experiment_names(Path(), benchmark)
    text = across.to_markdown(across.read_experiments(Path(), names, benchmark))
    typer.echo(text)
    for file in into or ():
        across.write_into(file, name or benchmark, text)
    wrote = f", wrote {', '.join(map(str, into))}" if into else ""
    done(f"compared {len(names)} experiments{wrote}", "make ui")


@app.command(epilog="Example: babelmix verify, or babelmix verify --against v0.1.0")
def verify(
    against: Annotated[str, typer.Option(help="A commit whose metrics are compared, such as a release.")] = "HEAD",
) -> None:
    """Compare what the last run made with what is committed: exit code 0 if reproduced, 1 if not, 2 if unknown."""
    from babelmix.reporting import verify as verification

    found = verification.verify(Path(), against)
    verification.render(found, terminal())
    if not found.reproduced:
        raise typer.Exit(1)


@app.command(epilog="Example: babelmix track")
def track() -> None:
    """Bring MLflow up to date with dvc.lock: one run for each trained variant, none twice."""
    from babelmix.reporting import mlflow_runs as tracking

    result = tracking.track(Path(), load_settings(), project_root())
    done(f"MLflow: {result.created} new runs, {result.updated} renewed", "make ui")


@app.command(epilog="Example: babelmix ui --port 5000")
def ui(port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65535)] = 5000) -> None:
    """Open MLflow on loopback at the comparison of all runs."""
    from babelmix.reporting import mlflow_runs as tracking

    tracking.serve_ui(project_root(), port)


@app.command(epilog="Example: babelmix plan --steps 5 --objective hybrid")
def plan(
    steps: Annotated[int, typer.Option(help="Batches to show.", min=1)] = 5,
    objective: ObjectiveName = "hybrid",
) -> None:
    """Print the first batches that an objective would train on, and an audit of all of them; needs no model."""
    from functools import partial
    from itertools import islice

    from babelmix.batches.audit import audit, render
    from babelmix.batches.sampler import describe, index_units
    from babelmix.batches.sampler import plan as make_plan
    from babelmix.corpus.index import index_pairs, training_rows

    settings = load_settings()
    recipe, seed, total = settings.objective(objective), settings.seed, settings.train.steps
    index = index_pairs(read_pairs_of_all(settings))
    units = index_units(index, training_rows(index, recipe))
    batches = partial(make_plan, units, recipe, batch_size=settings.train.batch_size, seed=seed, steps=total)
    typer.echo(f"{objective}: {recipe.describe()}")
    for number, batch in enumerate(islice(batches(), steps), start=1):
        typer.echo(f"{number:4} {describe(batch)}")
    render(audit(index, units, batches(), seed=seed), terminal())
    done(f"planned {total:,} batches of {settings.train.batch_size}", "dvc repro")


def read_pairs_of_all(settings: Settings) -> Generator[tuple[Any, bool]]:
    """Yield (pair, whether a machine translated it), from every source that the settings name, people's first."""
    from babelmix.corpus.records import iterate_pairs

    human = [DATA / "pairs" / "human" / source for source in settings.sources]
    machine = [
        DATA / "pairs" / "machine" / source / f"{language}.jsonl"
        for source in settings.sources
        for language in settings.translate.languages
    ]
    for translated, files in ((False, human), (True, machine)):
        if files:  # translate.languages may be empty
            yield from ((pair, translated) for _, pair in iterate_pairs(*files))


def _allow_hub_of(preset: Preset) -> None:
    """Switch the hub on where a preset is of it."""
    if preset.hub is not None:
        from babelmix.download.hub import allow_hub

        allow_hub()


def _silent(_: int) -> None:
    """Tell nothing: one process of several shows the progress."""


def _extra_files(objective: Objective) -> tuple[Path | None, Path | None]:
    """Return the files of the teacher's vectors and the hard negatives of an objective; None where it has none."""
    return DATA / "teacher" / f"{objective.teacher}.npz" if objective.teacher else None, objective.negatives


def _extras(objective: Objective, index: Any) -> Any:
    """Read the teacher's vectors and the hard negatives of an objective, as the index numbers units."""
    from babelmix.training import hard_negatives as mine
    from babelmix.training import teacher as teach
    from babelmix.training.step import Extras

    teacher, negatives = _extra_files(objective)
    return Extras(
        teacher=teach.aligned(teach.read_teacher(teacher), index) if teacher else None,
        negatives=mine.aligned(mine.read_negatives(negatives), index) if negatives else None,
    )


def read_human_pairs(settings: Settings) -> list[Any]:
    """Read the pairs of every source that the settings name, as people wrote them."""
    from babelmix.corpus.records import read_pairs

    return read_pairs(*(DATA / "pairs" / "human" / source for source in settings.sources))


def _fetch(name: str, folder: Path, settings: Settings) -> None:
    from babelmix.stages import asks_hub, fetch_source

    if asks_hub(name, settings):
        from babelmix.download.hub import allow_hub

        allow_hub()
    notice = fetch_source(name, folder, settings)
    if notice:
        say(notice)


@contextmanager
def _benchmark(name: str, split: str | None = None, *, strict: bool = False) -> Generator[Path]:
    """Yield a benchmark's folder: given, made by the pipeline, or built for this once from files or a known name.

    `split` names the judgements of a folder in BEIR form; `strict` refuses what would leave anything out.
    """
    from babelmix.benchmarks.benchmark import is_built, read_about
    from babelmix.stages import build_benchmark, build_folder

    path = Path(name)
    if path.name in ("", ".."):  # "." and "..": scored under the folder's real name
        path = path.resolve()
    elif path.name == name and not path.exists() and (DATA / "benchmarks" / name).is_dir():
        path = DATA / "benchmarks" / name
    if is_built(path):
        told = read_about(path)
        if split is not None and told.split != split:
            how = "leave it out, or give the folder that the benchmark was built from"
            raise UserError("a split is chosen where a folder in BEIR form is read", where="--split", how=how)
        if strict:
            _tell(told.left_out, strict=True, where=name)
        yield path
        return
    if not path.exists() and name not in BENCHMARKS and own_files(name) is None:
        raise unknown_benchmark(name, "--benchmark")
    with temporary_folder() as scratch:
        built = Path(scratch) / ((path.name.split(".json")[0] if path.is_file() else path.name) or "benchmark")
        if path.exists():
            left_out = build_folder(path, built, split=split)
        else:
            settings = _with_split(load_settings(), name, split)
            _fetch(name, Path(scratch) / "raw" / name, settings)
            left_out = build_benchmark(name, Path(scratch) / "raw" / name, built, settings)
        _tell(left_out, strict=strict, where=name)
        if split is None and (taken := read_about(built).split) not in (None, "test"):
            say(f"{name}: there are no judgements named test; those of {taken!r} are taken")
        yield built


def _with_split(settings: Settings, name: str, split: str | None) -> Settings:
    """Return the settings with the split of a benchmark that is known by its name; UserError where it has none."""
    if split is None:
        return settings
    if name in BENCHMARKS and name not in BEIR:
        raise UserError(f"{name} has no splits", where="--split", how="leave it out: only BEIR form has splits")
    splits = settings.benchmark.splits | {name: split}
    return settings.model_copy(update={"benchmark": settings.benchmark.model_copy(update={"splits": splits})})


def _tell(left_out: Mapping[str, int], *, strict: bool = False, where: str = "") -> None:
    """Say what a benchmark was built, or is scored, without; `strict` refuses instead."""
    told = ", ".join(f"{number:,} {what.replace('_', ' ')}" for what, number in left_out.items() if number)
    lost = [what for what, number in left_out.items() if number and what not in NOTHING_LOST]
    if strict and lost:
        how = "mend the files, or leave --strict out"
        others = f" (all in all: {told})" if "," in told else ""
        raise UserError(f"{left_out[lost[0]]:,} {lost[0]} would be left out{others}", where=where, how=how)
    if told:
        say(f"counted and cleaned: {told}")


def _model_folder(name: str) -> Path:
    """Return a SentenceTransformer's folder: given or, for org/name where no folder `org` is here, of the hub."""
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name) and not Path(name).parent.is_dir():
        from babelmix.download.hub import allow_hub, hub_sentence_encoder

        allow_hub()
        return hub_sentence_encoder(name)
    return Path(name)


def _encoder(
    name: str, query_prompt: str | None = None, passage_prompt: str | None = None, *, quiet: bool = False
) -> Any:
    """Load a SentenceTransformer, with these prompts in place of its own; `quiet` does not say that it has none."""
    from babelmix.encoder.build import load_encoder
    from babelmix.encoder.usage import set_prompts

    folder = _model_folder(name)
    encoder = load_encoder(folder)
    note = set_prompts(encoder, folder, query=query_prompt, passage=passage_prompt)
    if note and not quiet:
        say(f"{name}: {note}")
    return encoder


def _embed(
    model: str, benchmark: Path, output: Path, query_prompt: str | None = None, passage_prompt: str | None = None
) -> tuple[int, int]:
    from babelmix.benchmarks.benchmark import read_passages, read_queries
    from babelmix.retrieval.embed_benchmark import embed_benchmark
    from babelmix.retrieval.vector_record import made_of

    settings, encoder = load_settings(), _encoder(model, query_prompt, passage_prompt)
    made = made_of(_model_folder(model), benchmark, settings.embed, (query_prompt, passage_prompt))
    total = len({query.text for query in read_queries(benchmark)}) + sum(1 for _ in read_passages(benchmark))
    said: list[str] = []
    with progress(f"embed {benchmark.name}", total) as step:
        counts = embed_benchmark(
            encoder,
            benchmark,
            output,
            settings=settings.embed,
            threads=settings.threads,
            made_of=made,
            told=step,
            say=said.append,
        )
    for line in said:
        say(f"{model}: {line}")
    return counts


def _scores(
    benchmark: Path, embeddings: Path | None, directions: Path | None, similarity: str | None
) -> tuple[Any, dict[str, Any]]:
    """Return the scores of vectors on disk, debiased where directions are given, or of BM25 where no vectors are.

    And what is to be told of them: their similarity, and how vectors were joined to the texts.
    """
    if embeddings is None:
        from babelmix.benchmarks.benchmark import read_benchmark
        from babelmix.retrieval.bm25 import Bm25Scores

        if directions:
            raise UserError("BM25 has no vectors to debias", where="--directions", how="leave it out")
        return Bm25Scores.build(read_benchmark(benchmark)), {"similarity": BM25}
    from babelmix.evaluation.ranks import Cosines
    from babelmix.retrieval.embeddings import open_embeddings
    from babelmix.retrieval.similarity import named_similarity

    opened = open_embeddings(embeddings, benchmark, named_similarity(similarity))
    for note in opened.notes:
        say(note)
    queries, passages = opened.queries, opened.passages
    if directions:
        from babelmix.benchmarks.benchmark import read_passages, read_queries
        from babelmix.retrieval.lir import read_directions, remove

        if opened.similarity != "cosine":
            raise _no_directions(opened.similarity, "--directions")
        found = read_directions(directions)
        queries = remove(queries[:], [query.lang for query in read_queries(benchmark)], found)
        passages = remove(passages[:], [passage.lang for passage in read_passages(benchmark)], found)
    about = {"similarity": opened.similarity, "vectors": opened.joined}
    return Cosines(queries, passages, where=str(embeddings)), about


def _no_directions(similarity: str, where: str) -> UserError:
    how = "leave them out, or use a model that is scored by cosine"
    return UserError(f"directions are taken out of cosines alone, not of {similarity!r}", where=where, how=how)


def run(arguments: list[str]) -> int:
    """Run one command and return the exit code; what it cannot do is raised, wrong arguments as a UserError."""
    for argument in arguments:
        if re.search("[\udc80-\udcff]", argument):  # bytes that Python could not decode
            how = "rename it, or set LC_ALL to C.UTF-8 where the terminal's encoding is another"
            raise UserError("a name that is not in UTF-8", where=argument, how=how)
    command = typer.main.get_command(app)
    try:
        with command.make_context("babelmix", arguments) as context:
            command.invoke(context)
    except typer.Exit as ended:
        return ended.exit_code
    except typer.TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # the help stands there
            return 2
        raise _wrong_usage(error, arguments) from error
    return 0


def _wrong_usage(error: typer.TyperException, arguments: list[str]) -> UserError:
    """Return the error for arguments that no command takes: what is wrong, what may be meant, where the help is."""
    context: Any = getattr(error, "ctx", None)
    path: str = context.command_path if context else " ".join(["babelmix", *arguments[:1]])
    what, _, meant = error.format_message().partition(" (Possible options: ")
    if meant:
        meant = f"did you mean {meant.removesuffix(')')}? "
    elif ". Did you mean " in what:
        what, _, meant = what.partition(". D")
        meant = f"d{meant} "
    what = f"{what[:1].lower()}{what[1:]}".rstrip(".")
    where = path.partition(" ")[2] or "command line"
    return UserError(what, where=where, how=f"{meant}see `{path} --help`")


def main() -> NoReturn:
    """Run the command line and end the program; `babelmix.__main__` does so before anything heavy is imported."""
    ended(run, sys.argv[1:])
