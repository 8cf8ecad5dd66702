"""Where everything of a project lies. No other file has path literals or names of DVC stages.

HERE.human_pairs("libreoffice-help")          # data/pairs/human/libreoffice-help
HERE.scores("hybrid+lir", "xquad-r")          # metrics/evaluation/hybrid+lir/xquad-r.json
remade_by("train", "hybrid")                  # "run `dvc repro train@hybrid`"
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from babelmix.common.files import cache_dir

BM25, UNTRAINED, START, LIR, DEV = "bm25", "untrained", "start", "+lir", "dev"
NATIVE_DEV = "native-dev"  # the dev split of the native pool: recipes are chosen on it too where it is built
# What is done to an encoder's vectors without training: by training text, or by the passages of the index.
BY_TEXT, BY_INDEX = (LIR, "+shift", "+centre"), ("+shift-index", "+centre-index", "+centre-asked")
DEBIASINGS = (*BY_TEXT, *BY_INDEX)


@dataclass(frozen=True, slots=True)
class Workspace:
    """The files of one project, by what they hold; `root` is the project's folder."""

    root: Path = Path()

    @property
    def params(self) -> Path:
        """Every setting of the experiment."""
        return self.root / "params.yaml"

    @property
    def lock(self) -> Path:
        """What DVC made of what, by hash."""
        return self.root / "dvc.lock"

    @property
    def data(self) -> Path:
        """Everything that models are trained and scored on."""
        return self.root / "data"

    @property
    def own(self) -> Path:
        """The user's own pairs and benchmarks."""
        return self.data / "own"

    def raw(self, name: str) -> Path:
        """The raw files of a source or benchmark, as published."""
        return self.data / "raw" / name

    @property
    def lexicons(self) -> Path:
        """The raw files of all lexicons."""
        return self.data / "lexicons"

    def lexicon(self, name: str) -> Path:
        """The raw files of a lexicon, as published."""
        return self.lexicons / name

    def human_pairs(self, source: str) -> Path:
        """A folder with the pairs of a source that people wrote, a file for each language."""
        return self.data / "pairs" / "human" / source

    def machine_pairs(self, source: str, language: str) -> Path:
        """The pairs of a source that a machine translated into a language."""
        return self.data / "pairs" / "machine" / source / f"{language}.jsonl"

    def rejected_pairs(self, source: str, language: str) -> Path:
        """The translations that the filter rejected, each with its reason."""
        return self.data / "pairs" / "rejected" / source / f"{language}.jsonl"

    @property
    def translation_index(self) -> Path:
        """Which source is translated into which language, by which route."""
        return self.data / "pairs" / "machine" / "index.json"

    @property
    def tokens(self) -> Path:
        """The pairs as token ids of the starting encoder."""
        return self.data / "tokens"

    def teacher(self, size: str) -> Path:
        """A teacher's vectors of the training pairs."""
        return self.data / "teacher" / f"{size}.npz"

    def benchmark(self, name: str) -> Path:
        """A built benchmark; "dev" is that of the dev split."""
        return self.data / "benchmarks" / name

    def embeddings(self, system: str, benchmark: str) -> Path:
        """A system's vectors of a benchmark."""
        return self.data / "embeddings" / system / benchmark

    def nonsense(self, system: str) -> Path:
        """A system's vectors of the nonsense queries (benchmarks/nonsense.py)."""
        return self.data / "embeddings" / system / "nonsense.npz"

    def lir(self, system: str) -> Path:
        """The directions of each language in a system's vectors."""
        return self.data / "lir" / f"{system}.npz"

    def offsets(self, system: str) -> Path:
        """The mean vector of each language in a system's vectors of training text."""
        return self.data / "offsets" / f"{system}.npz"

    @property
    def models(self) -> Path:
        """All encoders."""
        return self.root / "models"

    def model(self, system: str) -> Path:
        """An encoder: before training ("untrained"), after it (an objective's name), or a weight average."""
        return self.models / system

    @property
    def start(self) -> Path:
        """The encoder that every training starts from: the untrained one, pre-trained where `pretrain` says so."""
        return self.model(START)

    @property
    def metrics(self) -> Path:
        """Everything measured."""
        return self.root / "metrics"

    @property
    def encoder_metrics(self) -> Path:
        """The number of parameters of the starting encoder."""
        return self.metrics / "encoder.json"

    def pair_counts(self, source: str) -> Path:
        """How many pairs of a source were kept and dropped, by language."""
        return self.metrics / "pairs" / f"{source}.json"

    def translation_counts(self, source: str, language: str) -> Path:
        """How many translations were kept and rejected."""
        return self.metrics / "translate" / source / f"{language}.json"

    @property
    def translation_metrics(self) -> Path:
        """The same as `translation_index`, beside the counts."""
        return self.metrics / "translate" / "index.json"

    def average_scores(self, name: str) -> Path:
        """The dev scores that the share of a weight average was chosen by."""
        return self.metrics / "average" / f"{name}.json"

    @property
    def pretrain_history(self) -> Path:
        """The losses of the pre-training, step by step."""
        return self.metrics / "pretrain" / "history.csv"

    def pretrain_scores(self, name: str) -> Path:
        """How often a pre-training finds masked texts: of "start", or of one "without-el" to be measured."""
        return self.metrics / "pretrain" / f"{name}.json"

    def history(self, objective: str) -> Path:
        """The losses of a training, step by step."""
        return self.metrics / "history" / f"{objective}.csv"

    @property
    def evaluations(self) -> Path:
        """The scores of all systems."""
        return self.metrics / "evaluation"

    def scores(self, system: str, benchmark: str) -> Path:
        """A system's scores on a benchmark."""
        return self.evaluations / system / f"{benchmark}.json"

    def query_scores(self, system: str, benchmark: str) -> Path:
        """The scores of every query."""
        return self.scores(system, benchmark).with_suffix(".npz")

    def debiasing(self, system: str) -> Path:
        """The strength of each debiasing of an encoder, and the dev scores that it was chosen by."""
        return self.metrics / "debiasing" / f"{system}.json"

    def probes(self, system: str) -> Path:
        """What a system knows of words."""
        return self.metrics / "probes" / f"{system}.json"

    @property
    def study(self) -> Path:
        """What each finished run of the study left: two files a run, committed."""
        return self.metrics / "study"

    @property
    def words(self) -> Path:
        """What encoders know of words: a file of `babelmix probe --output` each, committed."""
        return self.metrics / "words"

    @property
    def main_scores(self) -> Path:
        """A few numbers of the objective under study, for DVC."""
        return self.metrics / "main_score.json"

    @property
    def score_table(self) -> Path:
        """The main score of each encoder on each benchmark in each scope."""
        return self.metrics / "scores.csv"

    @property
    def by_language(self) -> Path:
        """A row for each system, benchmark, scope and language or pair of languages."""
        return self.metrics / "by_language.csv"

    @property
    def reports(self) -> Path:
        """What people read."""
        return self.root / "reports"

    @property
    def report(self) -> Path:
        """The report: what the study says."""
        return self.reports / "report.md"

    @property
    def report_page(self) -> Path:
        """The same as one page with charts."""
        return self.reports / "report.html"

    @property
    def run_report(self) -> Path:
        """The report of the last run of the pipeline."""
        return self.reports / "run.md"

    @property
    def figures(self) -> Path:
        """The figures of the run's report."""
        return self.reports / "figures"

    @property
    def explore(self) -> Path:
        """Single queries through two systems, a page for each benchmark."""
        return self.reports / "explore"

    @property
    def explore_questions(self) -> Path:
        """What those pages show, as JSON: the report takes single questions from it."""
        return self.explore / "questions.json"

    @property
    def samples(self) -> Path:
        """Translated pairs beside their source, for people to judge."""
        return self.reports / "samples"


HERE = Workspace()


def dev_benchmarks(benchmarks: Sequence[str]) -> tuple[str, ...]:
    """Return the dev splits, which choose everything: that of the pairs, and the native pool's if it is scored."""
    return (DEV, NATIVE_DEV) if NATIVE_DEV in benchmarks else (DEV,)


def vector_store() -> Path:
    """Return the folder of vectors kept by what made them; runs in temporary copies share it."""
    return cache_dir() / "vectors"


def encoder_of(system: str) -> str:
    """Return the system whose vectors are debiased: "hybrid" of "hybrid+shift", and of "hybrid"."""
    return next((system.removesuffix(form) for form in DEBIASINGS if system.endswith(form)), system)


def evaluation_stage(system: str, averages: Collection[str] = ()) -> str:
    """Return the name of the DVC stage that scores a system on all benchmarks; `averages` are names of such."""
    name = encoder_of(system)
    if name == BM25:
        return "evaluate-bm25"
    if name in averages:
        return f"evaluate-average@{name}"
    return f"evaluate-untrained@{name}" if name == UNTRAINED else f"evaluate@{name}"


def remade_by(stage: str, *items: str) -> str:
    """Return the advice to run a DVC stage: "run `dvc repro train@hybrid`"."""
    name = f"{stage}@{'-'.join(items)}" if items else stage
    return f"run `dvc repro {name}`"
