"""The command line as a user meets it: exit codes, one-line errors, the evaluation contract."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from precision_note import PRECISION, note_on_bfloat16
from small_training import hashes, one_thread, write_project

from babelmix import cli
from babelmix.benchmarks.dev import dev_benchmark
from babelmix.benchmarks.files import write_benchmark
from babelmix.common.errors import UserError
from babelmix.corpus.records import Pair
from babelmix.encoder.precision import say_once
from babelmix.settings.params import load_settings
from babelmix.stages.pairs import all_pairs
from babelmix.training import step as engine

ROOT = Path(__file__).parents[2]


Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def babelmix(python: Path) -> Command:
    """Runs a command in a process of its own."""

    def run(*arguments: str | Path, python: Path = python) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
        command = [python, "-m", "babelmix", *map(str, arguments)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def own_benchmark(parallel_pairs: list[Pair], tmp_path: Path) -> Path:
    write_benchmark(tmp_path / "mine", dev_benchmark(parallel_pairs, 10))
    return tmp_path / "mine"


def test_help_is_quick_and_every_command_has_an_example(babelmix: Command) -> None:
    result = babelmix("--help", python=Path(sys.executable))
    assert result.returncode == 0 and "dvc repro" in result.stdout
    probe = """
import sys, babelmix.cli as cli
print([c.callback.__name__ for c in cli.app.registered_commands if "Example: babelmix" not in (c.epilog or "")])
print([name for name in ("torch", "mlflow", "sentence_transformers", "numpy") if name in sys.modules])"""
    found = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    assert found.split() == ["[]", "[]"]


def test_evaluate_keeps_its_contract(
    babelmix: Command, tiny_encoder: Path, own_benchmark: Path, tmp_path: Path
) -> None:
    output = tmp_path / "scores.json"
    result = babelmix("evaluate", "--model", tiny_encoder, "--benchmark", own_benchmark, "--output", output)
    assert result.returncode == 0, result.stderr
    note = note_on_bfloat16()
    said = f"{note}babelmix: {tiny_encoder}: embed.max_tokens 128 is more than the model reads: 64 tokens"
    assert result.stderr == f"{said} (the model's max_seq_length)\n" and result.stdout.count("\n") == 1
    scores = json.loads(output.read_text())
    assert scores["benchmark"] == "mine" and scores["system"] == str(tiny_encoder)
    measures = {"map", "map_at_20", "ndcg_at_10", "recall_at_1", "recall_at_10", "recall_at_100"}
    by = {"monolingual": {"de", "en", "fr"}, "multilingual": {"de", "en", "fr"},
          "crosslingual": {f"{a}-{b}" for a in ("de", "en", "fr") for b in ("de", "en", "fr") if a != b}}  # fmt: skip
    for setting, groups in by.items():
        assert measures <= scores["scopes"][setting].keys()
        assert scores["scopes"][setting]["by"].keys() == groups
        assert all(measures <= group.keys() for group in scores["scopes"][setting]["by"].values())
    assert "rank_distance" in scores["bias"] and scores["nonsense"]["same_first"] > 0


def test_embedding_first_gives_the_same_scores(
    babelmix: Command, tiny_encoder: Path, own_benchmark: Path, tmp_path: Path
) -> None:
    vectors, one, two = tmp_path / "vectors", tmp_path / "one.json", tmp_path / "two.json"
    assert babelmix("embed", "--model", tiny_encoder, "--benchmark", own_benchmark, "--output", vectors).returncode == 0
    babelmix(
        "evaluate",
        "--embeddings",
        vectors,
        "--benchmark",
        own_benchmark,
        "--output",
        one,
        "--per-query",
        tmp_path / "q.npz",
    )
    babelmix("evaluate", "--model", tiny_encoder, "--benchmark", own_benchmark, "--output", two)
    first, second = json.loads(one.read_text()), json.loads(two.read_text())
    assert first["scopes"] == second["scopes"] and first["bias"] == second["bias"]
    assert first["nonsense"] == second["nonsense"] | {"same_first": None, "distinct_top10": None}
    with np.load(tmp_path / "q.npz", allow_pickle=False) as columns:
        assert len(columns["average_precision"]) == 30 * (3 + 1)


def test_explore_shows_the_right_answers_in_every_language(
    babelmix: Command, tiny_encoder: Path, own_benchmark: Path
) -> None:
    query = json.loads((own_benchmark / "queries.jsonl").read_text().splitlines()[0])
    result = babelmix("explore", "--benchmark", own_benchmark, "--model", tiny_encoder, "--top", "3", query["id"])
    assert result.returncode == 0, result.stderr
    assert query["parallel_id"] in result.stdout and "rank distance" in result.stdout
    assert all(lang in result.stdout for lang in ("de", "en", "fr"))


def test_vectors_of_another_model_are_scored_in_any_order_with_their_ids(
    babelmix: Command, own_benchmark: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    found = []
    for order in (np.arange(30), rng.permutation(30)):
        folder = tmp_path / f"vectors{len(found)}"
        folder.mkdir()
        for name in ("queries", "passages"):
            rows = np.random.default_rng(len(name)).normal(size=(30, 8))  # of any length and precision
            ids = [json.loads(line)["id"] for line in (own_benchmark / f"{name}.jsonl").read_text().splitlines()]
            np.save(folder / f"{name}.npy", rows[order])
            (folder / f"{name}.txt").write_text("".join(f"{ids[i]}\n" for i in order))
        output = folder / "scores.json"
        result = babelmix("evaluate", "--embeddings", folder, "--benchmark", own_benchmark, "--output", output)
        assert result.returncode == 0, result.stderr
        found.append(json.loads(output.read_text())["scopes"])
    assert found[0] == found[1]


def test_word_overlap_and_files_of_the_users_own_need_no_model(babelmix: Command, tmp_path: Path) -> None:
    squad = {
        "data": [
            {
                "paragraphs": [
                    {
                        "context": f"The {animal} eats {food}.",
                        "qas": [
                            {
                                "id": str(number),
                                "question": f"What does the {animal} eat?",
                                "answers": [{"text": food, "answer_start": len(f"The {animal} eats ")}],
                            }
                        ],
                    }
                    for number, (animal, food) in enumerate((("cat", "fish"), ("horse", "hay"), ("bird", "corn")))
                ]
            }
        ]
    }
    (tmp_path / "animals.en.json").write_text(json.dumps(squad))
    (tmp_path / "beir/qrels").mkdir(parents=True)
    rows = [(paragraph["context"], paragraph["qas"][0]) for paragraph in squad["data"][0]["paragraphs"]]
    for name, texts in (("corpus", [text for text, _ in rows]), ("queries", [qa["question"] for _, qa in rows])):
        lines = [json.dumps({"_id": str(i), "title": "", "text": text}) for i, text in enumerate(texts)]
        (tmp_path / f"beir/{name}.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "beir/qrels/test.tsv").write_text("".join(f"{i}\t{i}\t2\n" for i in range(3)))
    for benchmark, headline in (("animals.en.json", "map"), ("beir", "ndcg_at_10")):
        output = tmp_path / f"{benchmark}.scores.json"
        result = babelmix("evaluate", "--model", "bm25", "--benchmark", tmp_path / benchmark, "--output", output)
        assert result.returncode == 0, result.stderr
        scores = json.loads(output.read_text())
        assert scores["main_score"] == headline
        assert scores["scopes"]["monolingual"][headline] == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("evaluate", "--model", "nowhere", "--benchmark", "{b}", "--output", "{o}"), "nowhere"),
        (
            ("evaluate", "--model", "x", "--benchmark", "gnome-hlep", "--output", "{o}"),
            "did you mean 'gnome-help'",
        ),
        (("evaluate", "--benchmark", "{b}", "--output", "{o}"), "give exactly one"),
        (("evaluate", "--embeddings", "nowhere", "--benchmark", "{b}", "--output", "{o}"), "no such file"),
        (("evaluate", "--model", "models/hybird", "--benchmark", "{b}", "--output", "{o}"), "models/hybird"),
        (
            ("evaluate", "--model", "bm25", "--lir", "d.npz", "--benchmark", "{b}", "--output", "{o}"),
            "BM25 has no vectors",
        ),
        (("evaluate", "--model", "bm25", "--benchmark", "{b}/..", "--output", "{o}"), "no benchmark in a known form"),
        (("compare", "--benchmark", "xquad-r", "no-such-experiment"), "no-such-experiment"),
        (("plan", "--objective", "hybird"), "did you mean 'hybrid'"),
        (("fetch", "gnome"), "did you mean 'gnome-help'"),
        (("translate", "pairs", "--source", "libreoffice-help", "--language", "xx"), "unknown language 'xx'"),
        (("translate", "compare", "--language", "xx"), "unknown language 'xx'"),
        (("pairs", "squadshift"), "did you mean 'squadshifts'"),
        (("plan", "--steps", "0"), "--steps"),
        (("train", "--objective", "hybird"), "did you mean 'hybrid'"),
        (("embed", "--system", "hybird"), "unknown system 'hybird'; did you mean 'hybrid'"),
        (("lir", "--system", "hybird"), "unknown system 'hybird'; did you mean 'hybrid'"),
        (("evaluate", "--system", "bm2"), "unknown system 'bm2'; did you mean 'bm25'"),
        (("embed", "--system", "bm25"), "BM25 has no vectors"),
        (("embed", "--system", "hybrid", "--benchmark", "{b}"), "--system already says what is read and written"),
        (("evaluate", "--system", "hybrid", "--benchmark", "{b}"), "--system already says what is read and written"),
        (("embed", "--model", "m", "--output", "{o}"), "missing option '--benchmark'"),
        (("teach", "lareg"), "did you mean 'large'"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(
    babelmix: Command, arguments: tuple[str, ...], told: str, own_benchmark: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out" / "scores.json"
    result = babelmix(*(part.format(b=own_benchmark, o=output) for part in arguments))
    assert result.returncode == 2
    assert told in result.stderr and "Traceback" not in result.stderr
    assert not output.parent.exists()


def test_debug_shows_the_traceback(babelmix: Command) -> None:
    result = babelmix("--debug", "plan", "--objective", "hybird")
    assert result.returncode != 0 and "Traceback" in result.stderr


@pytest.fixture
def project(
    tiny_encoder: Path, parallel_pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A project's folder, and the test in it."""
    folder = write_project(tmp_path / "project", tiny_encoder, parallel_pairs, dropout=0.1)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    with one_thread():
        yield folder


def change(**values: Any) -> None:
    """Change parameters of the project: `train__steps=3`."""
    raw = yaml.safe_load(Path("params.yaml").read_text())
    for name, value in values.items():
        *path, last = name.split("__")
        inner = raw
        for part in path:
            inner = inner[part]
        inner[last] = value
    Path("params.yaml").write_text(yaml.safe_dump(raw))


def test_train_writes_the_model_and_its_history_and_leaves_no_checkpoint(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.run(["tokenise"])
    assert "babelmix: wrote 240 pairs to data/tokens; next: dvc repro train" in capsys.readouterr().out
    tokens = hashes(project / "data/tokens")
    cli.run(["tokenise"])
    assert hashes(project / "data/tokens") == tokens.copy()
    say_once.cache_clear()
    note = note_on_bfloat16()
    for name in ("first", "second"):
        cli.run(["train", "--objective", "hybrid"])
        told = capsys.readouterr()
        slower = "its own layers are used, slower than fused ones: it trains with dropout"
        note, first = "", note
        assert told.err == f"{first}babelmix: training on cpu, 1 threads, {PRECISION}\nbabelmix: {slower}\n"
        assert "babelmix: wrote models/hybrid, last loss " in told.out
        Path("models/hybrid").rename(name)
        Path("metrics/history/hybrid.csv").rename(f"{name}/history.csv")
    assert hashes(project / "first") == hashes(project / "second")
    assert "`hybrid`: a batch is monolingual" in Path("first/README.md").read_text()
    assert list(Path(".babelmix/training").iterdir()) == []


def test_a_training_that_fails_keeps_its_checkpoint_and_the_next_resumes(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.run(["tokenise"])
    cli.run(["train", "--objective", "hybrid"])
    whole = hashes(Path("models/hybrid")) | {"history": Path("metrics/history/hybrid.csv").read_text()}
    capsys.readouterr()
    right, calls = engine.batch_loss, 0

    def broken(*args: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return right(*args) * (float("nan") if calls == 8 else 1)

    monkeypatch.setattr(engine, "batch_loss", broken)
    Path("models/hybrid").rename("models/before")
    with pytest.raises(UserError, match=r"train, step 8 .* no model was written; the last checkpoint is"):
        cli.run(["train", "--objective", "hybrid"])
    assert not Path("models/hybrid").exists()
    (folder,) = Path(".babelmix/training").iterdir()
    monkeypatch.setattr(engine, "batch_loss", right)
    change(seed=14)
    with monkeypatch.context() as patch, pytest.raises(UserError, match="out of memory"):
        patch.setattr(engine, "batch_loss", lambda *args: (_ for _ in ()).throw(MemoryError()))
        cli.run(["train", "--objective", "hybrid"])
    told = capsys.readouterr().err
    assert f"babelmix: not resuming from {folder.absolute()} (step 5; different: seed); " in told
    assert "resuming after" not in told
    change(seed=13)
    cli.run(["train", "--objective", "hybrid"])
    assert f"babelmix: resuming after step 5, from {folder.absolute()}" in capsys.readouterr().err
    assert hashes(Path("models/hybrid")) | {"history": Path("metrics/history/hybrid.csv").read_text()} == whole
    assert not folder.exists()


def test_what_a_training_needs_and_has_not_is_told(project: Path) -> None:
    with pytest.raises(UserError, match="data/tokens: no tokenised pairs; run `dvc repro tokenise`"):
        cli.run(["train", "--objective", "hybrid"])
    cli.run(["tokenise"])
    change(model__teachers=["large"], objective__hybrid__teacher="large")
    with pytest.raises(UserError, match=r"data/teacher/large.npz: no such file; run `babelmix teach`"):
        cli.run(["train", "--objective", "hybrid"])
    change(objective__hybrid__teacher=None, objective__hybrid__negatives="data/own/hard.npz")
    with pytest.raises(UserError, match=r"data/own/hard.npz: no such file; run `babelmix mine`"):
        cli.run(["train", "--objective", "hybrid"])
    Path("models/start").rename("models/elsewhere")
    change(objective__hybrid__negatives=None)
    with pytest.raises(UserError, match="models/start: no encoder to start from; run `dvc repro pretrain`"):
        cli.run(["train", "--objective", "hybrid"])
    assert not Path("models/hybrid").exists() and not Path("metrics").exists()


def test_teachers_and_hard_negatives_reach_the_training(project: Path) -> None:
    from babelmix.corpus.index import index_pairs
    from babelmix.encoder.encode import encode
    from babelmix.encoder.load import load_encoder
    from babelmix.training.teacher import TeacherVectors, write_teacher

    cli.run(["tokenise"])
    cli.run(["train", "--objective", "hybrid"])
    plain = Path("metrics/history/hybrid.csv").read_text()
    settings = load_settings()
    index = index_pairs(all_pairs(settings))
    vectors = encode(
        load_encoder(Path("models/hybrid")), [f"the file {number}" for number in range(60)],
        prompt="query", settings=settings.embed, threads=1,
    )  # fmt: skip
    write_teacher(Path("data/teacher/large.npz"), TeacherVectors(index.units, vectors, vectors, layers=12))
    cli.run(
        ["mine", *["--model", "models/hybrid", "--output", "data/own/hard.npz", "--number", "2", "--share", "0.99"]]
    )
    change(model__teachers=["large"], objective__hybrid__teacher="large")
    cli.run(["train", "--objective", "hybrid"])
    taught = Path("metrics/history/hybrid.csv").read_text()
    change(objective__hybrid__negatives="data/own/hard.npz")
    cli.run(["train", "--objective", "hybrid"])
    both = Path("metrics/history/hybrid.csv").read_text()
    first = [float(history.splitlines()[1].split(",")[2]) for history in (plain, taught, both)]
    assert first[0] < first[1] < first[2]
    card = Path("models/hybrid/README.md").read_text()
    assert (
        "Distilled from the vectors of `large`, weight 1." in card and "Hard negatives from data/own/hard.npz." in card
    )
