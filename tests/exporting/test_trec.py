"""Runs, qrels and topics: ir_measures scores them as we do, pyserini's readers read them, and no file is lost."""

import csv
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import AP, R, nDCG
from params_project import project_of_params
from scored import Given

from babelmix import cli
from babelmix.benchmarks.benchmark import Benchmark, Itself, Lost, Passage, Qrel, Query
from babelmix.benchmarks.files import write_benchmark
from babelmix.benchmarks.qrels import qrels_of
from babelmix.common.errors import UserError
from babelmix.evaluation.evaluate import evaluate
from babelmix.exporting.rankings import rankings
from babelmix.exporting.topics import topics_of
from babelmix.exporting.trec import Lines, claim_run, qrels_lines, strictly_falling, tag_of, write_run

LANGUAGES = ("de", "en", "zh")
PARTS = {"pool": ["multilingual"], "mono": ["monolingual"], "cross": ["crosslingual"]}
PARTS["pairs"] = [*PARTS["mono"], *PARTS["cross"]]
each_scope = pytest.mark.parametrize("scope", PARTS)


def graded(rng: np.random.Generator, *, itself: bool = False, lost: bool = False) -> Benchmark:
    """Six questions in three languages, each with up to nine answers of several grades among 36 passages."""
    names = [f"{lang}-p{i:02}" for lang in LANGUAGES for i in range(12)]
    qrels = [
        Qrel(f"q{q}", str(name), int(rng.integers(1, 4)))
        for q in range(6)
        for name in sorted(rng.choice(names, size=rng.integers(1, 10), replace=False))
    ]
    queries = [Query(f"{lang}-q{q}", f"q{q}", lang, f"what\t{q}\n?") for lang in LANGUAGES for q in range(6)]
    return Benchmark(
        "graded",
        tuple(queries),
        tuple(Passage(name, name[:2], f"answer {name}") for name in names),
        tuple(qrels),
        itself=(Itself("q1", "en-p00"), Itself("q2", "de-p03", "de-q2")) if itself else (),
        lost=(Lost("q0", "zh", 2), Lost("q5", "de")) if lost else (),
    )


def ids_of(benchmark: Benchmark) -> list[str]:
    return [passage.id for passage in benchmark.passages]


def read_back(folder: Path, benchmark: Benchmark, scorer: Given, scope: str, top: int = 1000) -> dict[str, dict]:
    """What ir_measures says of the files, for each topic: its measures of each query, by name."""
    qrels = qrels_of(benchmark)
    topics, ids = topics_of(qrels, scope), ids_of(benchmark)
    write_run(folder / "run.txt", topics, ids, rankings(scorer, qrels, topics, top), tag_of("a model"))
    Lines(folder / "qrels.txt", "--qrels", [*qrels_lines(topics, ids)]).write()
    judged, run = (
        list(ir_measures.read_trec_qrels(str(folder / "qrels.txt"))),
        list(ir_measures.read_trec_run(str(folder / "run.txt"))),
    )
    found: dict[str, dict] = {}
    for measure in (nDCG @ 10, AP, R @ 100):
        for value in ir_measures.iter_calc([measure], judged, run):
            found.setdefault(value.query_id, {})[str(measure)] = value.value
    return found


def ours(benchmark: Benchmark, scorer: Given, scope: str) -> dict[str, list[tuple[float, float, float]]]:
    """The same of our own evaluation, by scope, in any order of the queries."""
    scores = evaluate(qrels_of(benchmark), scorer).scores
    mine = np.isin(scores.scope, PARTS[scope])
    columns = (scores.ndcg_at_10[mine], scores.average_precision[mine], scores.recall_at_100[mine])
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


@each_scope
@settings(max_examples=8)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans(), st.sampled_from([3, 30, 10_000]))
def test_ir_measures_scores_a_run_as_we_do(
    scope: str, tmp_path_factory: pytest.TempPathFactory, seed: int, itself: bool, lost: bool, levels: int
) -> None:
    rng = np.random.default_rng(seed)
    benchmark = graded(rng, itself=itself, lost=lost)
    matrix = (
        rng.integers(0, levels, size=(len(benchmark.queries), len(benchmark.passages))) / levels
    )  # ties, on purpose
    for scorer in (Given(matrix), Given(matrix, not_found=0.0)):
        found = read_back(tmp_path_factory.mktemp("trec"), benchmark, scorer, scope)
        theirs = sorted((one["nDCG@10"], one["AP"], one["R@100"]) for one in found.values())
        np.testing.assert_allclose(theirs, ours(benchmark, scorer, scope), atol=1e-6)


@settings(max_examples=30)
@given(st.lists(st.floats(-2, 2, width=32), max_size=30))
def test_scores_fall_and_keep_their_order(values: list[float]) -> None:
    scores = np.sort(np.array(values, dtype=np.float32))[::-1].copy()
    falling = strictly_falling(scores)
    written = [np.float32(f"{value:.9g}") for value in falling.tolist()]
    assert all(one > other for one, other in pairwise(written))
    assert (falling <= scores).all()
    if len(set(values)) == len(values):
        assert (falling == scores).all()


def test_a_run_is_the_same_whatever_the_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    benchmark = graded(rng, itself=True)
    scorer = Given(rng.integers(0, 9, size=(len(benchmark.queries), len(benchmark.passages))) / 9)
    read_back(tmp_path, benchmark, scorer, "pairs", top=7)
    whole = (tmp_path / "run.txt").read_bytes()
    monkeypatch.setattr("babelmix.exporting.rankings.PASSAGES", 5)
    monkeypatch.setattr("babelmix.exporting.rankings.TOPICS", 4)
    read_back(tmp_path, benchmark, scorer, "pairs", top=7)
    assert (tmp_path / "run.txt").read_bytes() == whole


def test_a_scope_without_answers_is_refused() -> None:
    alone = Benchmark("alone", (Query("q", "q", "de", "?"),), (Passage("p", "en", "!"),), (Qrel("q", "p"),))
    assert topics_of(qrels_of(alone), "cross").names == ("q@en",)
    with pytest.raises(UserError, match="nothing is answered in the scope mono"):
        topics_of(qrels_of(alone), "mono")
    with pytest.raises(UserError, match="unknown scope 'all'"):
        topics_of(qrels_of(alone), "all")


def test_a_run_of_another_tool_stays(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("q1 Q0 d1 1 0.5 their-system\n")
    (tmp_path / "ours").write_text("q1 Q0 d1 1 0.5 babelmix-models-hybrid\n")
    claim_run(tmp_path / "ours")
    claim_run(tmp_path / "new")
    with pytest.raises(UserError, match="is not what babelmix would write"):
        claim_run(tmp_path / "theirs")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the parameters and a benchmark "graded", and the test in it."""
    with project_of_params(tmp_path / "project", monkeypatch) as folder:
        write_benchmark(Path("graded"), graded(np.random.default_rng(1), lost=True))
        yield folder


def run(*options: str, benchmark: str = "graded", model: str = "bm25") -> None:
    cli.run(["run", "--model", model, "--benchmark", benchmark, "--trec", "run.txt", *options])


def test_the_command_writes_files_that_the_other_tools_read(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("--qrels", "qrels.txt", "--topics", "topics.tsv")
    assert "wrote run.txt, qrels.txt, topics.tsv: 18 topics; next: ir_measures qrels.txt" in capsys.readouterr().out
    cli.run(["evaluate", "--model", "bm25", "--benchmark", "graded", "--output", "scores.json"])
    pool = json.loads(Path("scores.json").read_text())["scopes"]["multilingual"]
    judged, listed = ir_measures.read_trec_qrels("qrels.txt"), ir_measures.read_trec_run("run.txt")
    found = ir_measures.calc_aggregate([nDCG @ 10, AP, R @ 100], judged, listed)
    names = {"ndcg_at_10": nDCG @ 10, "map": AP, "recall_at_100": R @ 100}
    assert {name: found[measure] for name, measure in names.items()} == pytest.approx(
        {name: pool[name] for name in names}, abs=1e-6
    )


def test_pyserini_reads_qrels_and_topics(project: Path) -> None:
    """Its forms, by its documentation: tsv topics `id<TAB>text`, and qrels of four columns parted by blanks."""
    run("--qrels", "qrels.txt", "--topics", "topics.tsv", "--scope", "cross")
    with Path("topics.tsv").open(encoding="utf-8", newline="") as stream:
        topics = dict(csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    rows = [line.split() for line in Path("qrels.txt").read_text(encoding="utf-8").splitlines()]
    assert topics["de-q0@en"] == "what 0 ?"
    assert {len(row) for row in rows} == {4} and {row[0] for row in rows} == set(topics)
    assert all(row[1] == "0" and int(row[3]) >= 1 for row in rows)
    assert sum(row[2].startswith("babelmix-lost-") for row in rows) == 4  # q0 in zh of two languages, q5 in de of two


def test_the_same_command_writes_the_same_bytes(project: Path) -> None:
    options = ("--qrels", "qrels.txt", "--topics", "topics.tsv", "--scope", "pairs", "--top", "5")
    run(*options)
    before = {file.name: file.read_bytes() for file in project.glob("*.t*")}
    run(*options)
    assert {file.name: file.read_bytes() for file in project.glob("*.t*")} == before and len(before) == 3


def test_a_cut_ranking_is_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("--top", "5", "--scope", "mono")
    said = capsys.readouterr().err
    assert "lists the best 5 of 36 passages: measures without a cutoff see no others" in said
    assert "topics without an answer in the scope mono are not in the files" in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--scope", "all"], "unknown scope 'all'"),
        (["--qrels", "run.txt"], "--trec and --qrels are one file"),
        (["--qrels", "graded"], "the --qrels is or holds graded"),
        (["--qrels", "mine.txt"], "the --qrels exists, and is not what babelmix would write there"),
        (["--topics", "mine.txt"], "the --topics exists, and is not what babelmix would write there"),
        (["--embeddings", "vectors"], "one of --model and --embeddings is needed"),
        (["--similarity", "dot"], "a similarity is for --embeddings"),
        (["--query-prompt", "query: "], "prompts are for a model"),
    ],
    ids=["scope", "one-file", "input", "qrels", "topics", "two-systems", "similarity", "prompt"],
)
def test_the_command_refuses(project: Path, options: list[str], message: str) -> None:
    Path("mine.txt").write_text("mine\n")
    before = sorted(project.rglob("*"))
    with pytest.raises(UserError, match=message):
        run(*options)
    assert sorted(project.rglob("*")) == before and Path("mine.txt").read_text() == "mine\n"


def test_an_id_with_a_blank_is_named(project: Path) -> None:
    spaced = Benchmark(
        "spaced",
        (Query("q", "q", "de", "?"),),
        (Passage("p 1", "de", "!"), Passage("p2", "de", "!")),
        (Qrel("q", "p2"),),
    )
    write_benchmark(Path("spaced"), spaced)
    with pytest.raises(UserError, match="spaced, passages: a blank in the id 'p 1'"):
        run(benchmark="spaced")
