"""No wrong number in silence: what the commands that score say, refuse and write, from the user's own files on."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from params_project import project_of_params

from babelmix import cli
from babelmix.benchmarks.benchmark import Benchmark, Passage, Qrel, Query
from babelmix.benchmarks.files import write_benchmark
from babelmix.common.errors import UserError
from babelmix.evaluation.query_scores import short_id
from babelmix.evaluation.score_files import read_query_scores
from babelmix.retrieval.vector_record import FILE
from babelmix.stages import systems

Rows = list[dict[str, Any]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the parameters alone, and the test in it."""
    with project_of_params(tmp_path / "project", monkeypatch) as folder:
        yield folder


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("embed", ("--query-prompt=x", "--passage-prompt=x", "--split=dev", "--strict")),
        ("evaluate", ("--similarity=dot", "--query-prompt=x", "--passage-prompt=x", "--split=dev", "--strict")),
        ("lir", ("--query-prompt=x", "--passage-prompt=x")),
        ("offsets", ("--query-prompt=x", "--passage-prompt=x")),
    ],
)
def test_a_system_takes_no_option_of_any_model(command: str, options: tuple[str, ...]) -> None:
    for option in options:
        with pytest.raises(UserError, match=f"^{command} --system hybrid: --system already says what is read"):
            cli.run([command, "--system", "hybrid", option])


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("hybrid", "run `dvc repro`; objectives: and averages: of params.yaml name what it trains"),
        ("hybrid-start", "run `dvc repro`; objectives: and averages:"),
        ("untrained", "run `dvc repro encoder`"),
    ],
)
def test_a_model_of_the_pipeline_is_not_looked_up_on_the_hub(name: str, how: str) -> None:
    with pytest.raises(UserError, match=f"^models/{name}: no such model; {how}"):
        systems.model_folder(f"models/{name}")


def lines(rows: Rows) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write_beir(
    folder: Path, documents: dict[str, str], queries: dict[str, str], *judged: str, split: str = "test"
) -> Path:
    """A folder in BEIR form, in the order given; a judgement is `query document score`."""
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    corpus = [{"_id": id_, "title": "", "text": text} for id_, text in documents.items()]
    (folder / "corpus.jsonl").write_text(lines(corpus), encoding="utf-8")
    asked = [{"_id": id_, "text": text} for id_, text in queries.items()]
    (folder / "queries.jsonl").write_text(lines(asked), encoding="utf-8")
    rows = ["query-id\tcorpus-id\tscore", *("\t".join(row.split()) for row in judged)]
    (folder / f"qrels/{split}.tsv").write_text("\n".join(rows) + "\n")
    return folder


def flags(options: dict[str, Any]) -> list[str]:
    """Options of a command as a user types them: {"strict": True, "model": ["a", "b"]}."""
    found: list[str] = []
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        for one in value if isinstance(value, list) else [value]:
            found += [] if one in (None, False) else [flag] if one is True else [flag, str(one)]
    return found


def scored(benchmark: Path | str, **options: Any) -> dict[str, Any]:
    """The JSON of `babelmix evaluate`; BM25 unless a model or vectors are given."""
    if "model" not in options and "embeddings" not in options:
        options["model"] = "bm25"
    output = Path("scores.json")
    cli.run(["evaluate", "--benchmark", str(benchmark), "--output", str(output), *flags(options)])
    return json.loads(output.read_text())


def ndcg(found: dict[str, Any]) -> float:
    return found["scopes"]["multilingual"]["ndcg_at_10"]


SHELVES = {str(n): f"Shelf {n} holds the books of author number {n}." for n in range(1, 13)}
ASKED = {name: f"Where do the books of author number {n} stand?" for name, n in (("a", 2), ("b", 10), ("c", 3))}
JUDGED = ("a 2 1", "b 10 1", "c 3 1")


def save(folder: Path, name: str, ids: list[str], said: list[str] | None = None) -> None:
    """Vectors in which a query stands by its own shelf alone."""
    place = {"a": 2, "b": 10, "c": 3} | {number: int(number) for number in SHELVES}
    folder.mkdir(exist_ok=True)
    np.save(folder / f"{name}.npy", np.array([np.eye(13)[place.get(id_, 0)] for id_ in ids], dtype=np.float32))
    if said:
        (folder / f"{name}.txt").write_text("".join(f"{id_}\n" for id_ in said))


@pytest.mark.parametrize("ids", ["none", "own", "language", "train queries", "train queries by id"])
def test_vectors_belong_to_the_users_texts(ids: str, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = {"t1": "Which shelf is the highest one?"} if "train" in ids else {}
    folder = write_beir(project / "beir", SHELVES, train | ASKED, *JUDGED)
    passages, queries = list(SHELVES), [*train, *ASKED]
    by_ids = ids in ("own", "language", "train queries by id")
    if by_ids:
        passages, queries = passages[::-1], queries[::-1]
    form = (lambda id_: f"en:{id_}") if ids == "language" else str
    save(project / "v", "passages", passages, [form(id_) for id_ in passages] if by_ids else None)
    save(project / "v", "queries", queries, [form(id_) for id_ in queries] if by_ids else None)
    found = scored(folder, embeddings=project / "v")
    assert ndcg(found) == 1 and found["similarity"] == "cosine"
    assert found["vectors"] == dict.fromkeys(("queries", "passages"), "ids" if by_ids else "order")
    told = capsys.readouterr().err
    assert ("no passages.txt: rows of passages.npy are taken in the order" in told) == (not by_ids)
    assert ("1 of 4" in told) == bool(train)


def test_numbers_of_rows_that_do_not_fit_are_told_with_a_way_out(project: Path) -> None:
    folder = write_beir(project / "beir", SHELVES, ASKED, *JUDGED)
    save(project / "v", "passages", list(SHELVES)[:-1])
    save(project / "v", "queries", list(ASKED))
    with pytest.raises(UserError, match=r"11 rows for the 12 passages of the file; write passages.txt too"):
        scored(folder, embeddings=project / "v")
    assert not Path("scores.json").exists()


WORDS = "the file menu opens a cell with text and prints every page of your table"
ARGUMENTS = {
    "rain-pro": "Cities should collect rain water because it spares the rivers in summer.",
    "rain-con": "Collected rain water in cities breeds mosquitoes and the tanks cost more than they spare.",
    "bike-pro": "Bicycle lanes make the centre quieter because fewer people need a car there.",
    "bike-con": "Bicycle lanes take room from buses, and the centre grows louder at its edges.",
}


def test_a_query_that_is_a_document_does_not_find_itself(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = {name: text for name, text in ARGUMENTS.items() if name.endswith("pro")}
    folder = write_beir(project / "beir", ARGUMENTS, asked, "rain-pro rain-con 1", "bike-pro bike-con 1")
    found = scored(folder)
    assert ndcg(found) == 1 and found["left_out"] == {"passages that are their own query": 2}
    assert capsys.readouterr().err.count("2 passages that are their own query") == 1
    with pytest.raises(UserError, match="2 passages that are their own query would be left out"):
        scored(folder, strict=True)
    chance = write_beir(project / "chance", {"1": "The museum opens at ten.", "2": "The pool opens at seven."},
                        {"1": "When does the museum open?"}, "1 1 1")  # fmt: skip
    assert ndcg(found := scored(chance, strict=True)) == 1 and found["left_out"] == {}


@pytest.mark.parametrize("name", ["a", "z"])
def test_word_overlap_gains_nothing_by_the_alphabet(name: str, project: Path) -> None:
    documents = {name: "The pool is closed.", "m": "A museum.", "n": "A theatre."}
    found = scored(write_beir(project / "b", documents, {"q": "Swimming lessons?"}, f"q {name} 1"))
    measures = {key: value for key, value in found["scopes"]["multilingual"].items() if "_at_" in key or key == "map"}
    assert set(measures.values()) == {0.0}
    assert found["bias"]["max_rank"] == 3 and found["bias"]["language_share_top10"] == {"en": 0}


@pytest.mark.parametrize(
    ("query", "passage"),
    [
        ("Hochspannungsnetzgerät", "Das Hoch\u00adspannungs\u00adnetz\u00adgerät wird geprüft."),
        ("Hochspannungsnetzgerät", "Das Hoch\u200bspannungsnetzgera\u0308t wird geprüft."),
        ("ＡＢＣ Straße", "Die ABC STRASSE"),
        ("ISPARTA ırmağı", "Isparta irmaği"),
        ("\ufeffnetz", "Ein Netz."),
    ],
)
def test_words_that_look_alike_are_alike(query: str, passage: str, project: Path) -> None:
    others = {"0": "Die Bücherei hat neue Stühle.", "1": "Der Garten ist am Abend offen."}
    found = scored(write_beir(project / "b", others | {"z": passage}, {"q": query}, "q z 1"))
    assert found["scopes"]["multilingual"]["recall_at_1"] == 1


def test_the_judgements_of_a_split_are_chosen_and_named(project: Path) -> None:
    folder = write_beir(project / "b", SHELVES, ASKED, "a 2 1", split="test")
    write_beir(project / "b", SHELVES, ASKED, "b 10 1", "c 3 1", split="dev")
    assert [scored(folder, split=split)["split"] for split in (None, "dev")] == ["test", "dev"]
    assert scored(folder, split="dev")["scopes"]["multilingual"]["queries"] == 2
    assert scored(folder, split="dev", strict=True)["left_out"] == {"queries without judgements": 1}
    own = own_benchmark(project / "own")
    with pytest.raises(UserError, match=r"--split: "):
        scored(own, split="dev")


def test_a_benchmark_above_is_scored_under_its_real_name(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_beir(project / "shelves", SHELVES, ASKED, *JUDGED)
    (folder / "inside").mkdir()
    monkeypatch.chdir(folder / "inside")
    monkeypatch.setenv("TMPDIR", str(project))
    before = sorted(project.rglob("*"))
    for name in ("..", "../../shelves/."):
        assert scored(name)["benchmark"] == "shelves"
    assert [path for path in before if not path.exists()] == []


def own_benchmark(folder: Path, texts: tuple[str, ...] = ("the file opens", "every page prints", "a menu")) -> Path:
    words = WORDS.split()
    queries = tuple(Query(f"en:q{n}", f"q{n}", "en", text) for n, text in enumerate(texts))
    passages = tuple(Passage(f"en:{n:02}", "en", " ".join(words[n % 9 : n % 9 + 2 + n % 5])) for n in range(20))
    qrels = tuple(Qrel(f"q{n}", f"en:{3 * n:02}") for n in range(len(texts)))
    write_benchmark(folder, Benchmark(folder.name, queries, passages, qrels))
    return folder


def copy(encoder: Path, folder: Path, *, normalised: bool = True, **config: Any) -> Path:
    shutil.copytree(encoder, folder)
    file = folder / "config_sentence_transformers.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | config))
    if not normalised:
        modules = json.loads((folder / "modules.json").read_text())
        (folder / "modules.json").write_text(json.dumps(modules[:-1]))
    return folder


def test_a_model_without_prompts_is_told_and_given_them_scores_as_before(
    project: Path, tiny_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = own_benchmark(project / "b")
    bare = copy(tiny_encoder, project / "bare", prompts={})
    right = scored(folder, model=str(tiny_encoder))["scopes"]
    assert capsys.readouterr().err == ""
    without = scored(folder, model=str(bare))["scopes"]
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert f"{bare}: no prompts for queries and passages in its files; if its card asks for some, give --query" in told
    given = scored(folder, model=str(bare), query_prompt="query: ", passage_prompt="passage: ")["scopes"]
    assert capsys.readouterr().err == "" and given == right != without
    with pytest.raises(UserError, match="prompts are for a model"):
        scored(folder, query_prompt="query: ")


def test_more_tokens_than_the_model_reads_are_not_asked_of_it(
    project: Path, tiny_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = yaml.safe_load(Path("params.yaml").read_text())
    raw["embed"]["max_tokens"] = 1024
    Path("params.yaml").write_text(yaml.safe_dump(raw))
    folder = own_benchmark(project / "b", ("the file", "a page " * 90))
    scored(folder, model=str(tiny_encoder))
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "embed.max_tokens 1,024 is more than the model reads: 64 tokens" in told
    assert "1 of 22 texts were cut at 64 tokens, all that the model can read" in told


def test_explore_shows_the_model_it_was_given_whatever_its_folder_is_called(
    project: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own_benchmark(project / "data/benchmarks/b")
    copy(tiny_encoder, project / "models/hybrid")
    copy(tiny_encoder, project / "other/hybrid", prompts={"query": "page of your table ", "document": "a a a "})
    copy(tiny_encoder, project / "other/renamed", prompts={"query": "page of your table ", "document": "a a a "})
    cli.run(["embed", "--model", "models/hybrid", "--benchmark", "b", "--output", "data/embeddings/hybrid/b"])
    embedded: list[str] = []
    real = systems.embed_into
    monkeypatch.setattr(systems, "embed_into", lambda model, *rest: embedded.append(model) or real(model, *rest))

    def explored(*models: str, query: str = "en:q1", **options: Any) -> list[str]:
        capsys.readouterr()
        cli.run(["explore", query, "--benchmark", "b", *flags({"model": list(models)} | options)])
        return capsys.readouterr().out.replace("renamed", "hybrid").split()

    same = explored("models/hybrid", "other/hybrid")
    assert embedded == ["other/hybrid"] and same == explored("models/hybrid", "other/renamed")
    assert same != explored("models/hybrid", "models/hybrid")
    embedded.clear()
    free = "the file opens every page"
    assert explored("models/hybrid", "other/hybrid", query=free) == explored(
        "models/hybrid", "other/renamed", query=free
    )
    assert embedded == ["other/hybrid", "other/renamed"]
    explored("models/hybrid", query_prompt="a a ")
    assert embedded[2:] == ["models/hybrid"]
    own_benchmark(project / "data/benchmarks/b", ("the file closes", "every page prints"))  # the text has changed since
    explored("models/hybrid")
    assert embedded[3:] == ["models/hybrid"]
    with pytest.raises(UserError, match="made of other texts than this benchmark's"):
        scored("b", embeddings=project / "data/embeddings/hybrid/b")


@pytest.mark.parametrize("named", ["dot", "euclidean"])
def test_a_model_is_scored_by_the_similarity_its_file_names_and_explored_by_it(
    named: str, project: Path, tiny_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = own_benchmark(project / "b")
    model = str(copy(tiny_encoder, project / "m", normalised=False, similarity_fn_name=named))
    found = scored(folder, model=model)
    cosine = scored(folder, model=str(tiny_encoder))
    assert found["similarity"] == named and cosine["similarity"] == "cosine"
    cli.run(["embed", "--model", model, "--benchmark", str(folder), "--output", str(project / "v")])
    assert scored(folder, embeddings=project / "v")["scopes"] == found["scopes"]
    again = scored(folder, embeddings=project / "v", similarity="cosine")
    assert again["similarity"] == "cosine" and again["scopes"] == cosine["scopes"] != found["scopes"]
    capsys.readouterr()
    for query in ("en:q1", "the file opens"):
        cli.run(["explore", query, "--benchmark", str(folder), "--model", model])
        assert "-" in capsys.readouterr().out or named == "dot"
    directions = project / "d.npz"
    with pytest.raises(UserError, match=f"directions are taken out of cosines alone, not of '{named}'"):
        scored(folder, embeddings=project / "v", lir=directions)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"similarity": "dot"}, "a similarity is for --embeddings"),
        ({"embeddings": Path("v"), "similarity": "dots"}, "did you mean 'dot'"),
        ({"embeddings": Path("v"), "passage_prompt": ""}, "prompts are for a model"),
    ],
)
def test_options_that_mean_nothing_here_are_told(options: dict[str, Any], told: str, project: Path) -> None:
    with pytest.raises(UserError, match=told):
        scored(own_benchmark(project / "b"), **options)


def test_vectors_of_any_origin_are_scored_by_the_similarity_that_is_asked_for(project: Path) -> None:
    folder = write_beir(project / "beir", {"1": "x", "2": "y"}, {"q": "z"}, "q 2 1")
    (project / "v").mkdir()
    np.save(project / "v/queries.npy", np.array([[1.0, 0.1]]))
    np.save(project / "v/passages.npy", np.array([[1.0, 0.1], [9.0, 9.0]]))
    ranks = {name: ndcg(scored(folder, embeddings=project / "v", similarity=name)) for name in ("cosine", "dot")}
    assert ranks["dot"] == 1 > ranks["cosine"]
    (project / "v" / FILE).write_text("{}")
    with pytest.raises(UserError, match="not a record of"):
        scored(folder, embeddings=project / "v")


def test_a_long_id_makes_no_giant_of_the_scores_of_queries(project: Path) -> None:
    long = "q" * 900
    folder = write_beir(project / "beir", SHELVES, ASKED | {long: "Which shelf is 5?"}, *JUDGED, f"{long} 5 1")
    scored(folder, per_query=Path("q.npz"))
    found = read_query_scores(Path("q.npz"), "q.npz")
    assert found.parallel_id.dtype.itemsize <= 4 * 100 and short_id(long) in found.parallel_id.tolist()
    assert short_id("q" * 100) == "q" * 100 and len(set(map(short_id, (long, long * 300)))) == 2


def test_explore_without_models_of_the_pipeline_says_what_makes_them(project: Path) -> None:
    with pytest.raises(UserError, match=r"models/contrastive: no such model; run `dvc repro train@contrastive`"):
        cli.run(["explore", "a text", "--benchmark", str(own_benchmark(project / "b"))])
