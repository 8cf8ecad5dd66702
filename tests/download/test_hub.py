import gzip
import hashlib
import json
import shutil
import socket
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hub import TOKEN, Hub

from babelmix.benchmarks.files import read_benchmark, write_benchmark
from babelmix.benchmarks.qrels import read_qrels
from babelmix.benchmarks.sources import miracl, nanobeir
from babelmix.common.errors import UserError
from babelmix.common.outputs import written_files
from babelmix.encoder.hub import hub_sentence_encoder
from babelmix.encoder.load import load_encoder

DATA, NAME = "one/data", "a/b.tsv"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    (tmp_path / "hub/datasets" / DATA / "a").mkdir(parents=True)
    (tmp_path / "hub/datasets" / DATA / NAME).write_text("eins\tzwei\n")
    (tmp_path / "hub/datasets" / DATA / "README.md").write_text("# Data\n")
    with Hub(tmp_path / "hub") as hub:
        yield hub


def run(code: str, environment: dict[str, str]) -> Any:
    """Run statements in a new process, since the client reads its variables once; return `result`.

    `told(call)` there gives the three parts of the UserError that a call raises.
    """
    lines = [
        "import json, os, time",
        "from pathlib import Path",
        "from babelmix.common.errors import UserError",
        "from babelmix.download import hub",
        "from babelmix.encoder.hub import hub_sentence_encoder",
        "def told(call):",
        "    try: call()",
        "    except UserError as error: return [error.what, error.where, error.how]",
        code,
        "print('\\n' + json.dumps(result))",
    ]
    command = [sys.executable, "-W", "error::UserWarning", "-c", "\n".join(lines)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_files_are_found_cached_and_pinned_by_the_client(hub: Hub, tmp_path: Path):
    code = f"""
commit, names = hub.look_up("{DATA}", "main", "dataset")
path = hub.hub_file("{DATA}", "{NAME}")
hub.fetch_from_hub(Path(os.environ["OUT"]), hub.Wanted("{DATA}", "main", lambda names: ["{NAME}"]))
result = [names, path.read_text(), str(path)]"""
    environment = hub.environment(tmp_path / "home", OUT=str(tmp_path / "raw"))
    names, text, path = run(code, environment)
    assert names == ["README.md", NAME]
    assert text == "eins\tzwei\n"
    assert str(tmp_path / "home") in path
    assert (tmp_path / "raw" / NAME).read_text() == text
    digest = hashlib.sha256(text.encode()).hexdigest()
    expected = {DATA: {"commit": hub.commit("datasets", DATA), "files": {NAME: digest}}}
    assert json.loads((tmp_path / "raw/manifest.json").read_text()) == expected
    assert {Path(name).name for name in written_files(tmp_path / "raw")} == {"b.tsv", "manifest.json"}
    assert sum("GET" in asked and "/resolve/" in asked for asked in hub.asked) == 1, "the second time from the cache"
    assert run(code, environment)[1] == text

    offline = hub.environment(tmp_path / "home", HF_HUB_OFFLINE="1")
    hub.asked.clear()
    code = f"""
result = [hub.hub_file("{DATA}", "{NAME}").read_text(), told(lambda: hub.hub_file("{DATA}", "README.md")),
          told(lambda: hub.look_up("{DATA}", "main", "dataset"))]"""
    cached, *errors = run(code, offline)
    assert cached == text
    assert hub.asked == []
    for what, _, how in errors:
        assert "switched off by HF_HUB_OFFLINE" in what
        assert how == "unset the variable"


def test_the_stand_in_serves_the_clients_other_calls(hub: Hub, tmp_path: Path):
    code = f"""
from huggingface_hub import list_repo_files, snapshot_download
folder = Path(snapshot_download("{DATA}", repo_type="dataset"))
result = [sorted(list_repo_files("{DATA}", repo_type="dataset")), (folder / "{NAME}").read_text()]"""
    assert run(code, hub.environment(tmp_path / "home")) == [["README.md", NAME], "eins\tzwei\n"]


def test_what_is_not_there_or_not_allowed_is_told(hub: Hub, tmp_path: Path):
    hub.gated.add(DATA)
    code = f"""
out = Path(os.environ["OUT"])
result = [told(lambda: hub.hub_file("one/nothing", "a")), told(lambda: hub.hub_file("{DATA}", "{NAME}")),
          told(lambda: hub.hub_file("{DATA}", "{NAME}", revision="old")), told(lambda: hub.hub_file("a b", "c")),
          told(lambda: hub.fetch_from_hub(out, hub.Wanted("{DATA}", "main", lambda _: ["../a"])))]"""
    out = str(tmp_path / "raw")
    nothing, gated, revision, name, outside = run(code, hub.environment(tmp_path / "home", OUT=out))
    assert nothing == [
        "no such dataset on the hub, or a private one",
        f"{hub.endpoint}/datasets/one/nothing",
        "check the name; for a private one set HF_TOKEN",
    ]
    assert gated[0] == "the repository is gated"
    assert f"accept its terms at {hub.endpoint}/datasets/{DATA}, and set HF_TOKEN" in gated[2]
    assert revision[0] == "no revision 'old'"
    assert name[0] == "not a name on the hub: 'a b'"
    assert "unsafe file name '../a'" in outside[0]
    assert not (tmp_path / "raw").exists()
    code = f"""
result = [hub.hub_file("{DATA}", "{NAME}").read_text(), told(lambda: hub.hub_file("{DATA}", "c.tsv"))]"""
    text, missing = run(code, hub.environment(tmp_path / "other", HF_TOKEN=TOKEN))
    assert text == "eins\tzwei\n"
    assert "no such file at revision" in missing[0]


def test_a_hub_that_does_not_answer_is_told_at_once(hub: Hub, tmp_path: Path):
    calls = f"""
hub.TIMEOUT_SECONDS = float(os.environ["PATIENCE"])
slept = []
time.sleep = slept.append
out = Path(os.environ["OUT"])
result = [told(lambda: hub.hub_file("{DATA}", "{NAME}")), told(lambda: hub_sentence_encoder("{DATA}")),
          told(lambda: hub.fetch_from_hub(out, hub.Wanted("{DATA}", "main", list))), slept]"""

    def ask(patience: str, **environment: str) -> Any:
        home, out = tmp_path / "home", str(tmp_path / "raw")
        return run(calls, hub.environment(home, OUT=out, PATIENCE=patience, **environment))

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"  # bound and not listening: refused
        results = [ask("60", HF_ENDPOINT=nobody)]
    for trouble, patience in (("500", "60"), ("silence", "0.5"), ("html", "60")):
        hub.trouble = trouble
        results.append(ask(patience))
    starts = (
        "the hub does not answer (",
        "the hub answers with an error (",
        "the hub does not answer (",
        "the answer is not",
    )
    for start, (*errors, slept) in zip(starts, results, strict=True):
        assert [error[0].startswith(start) for error in errors] == [True] * 3, errors
        assert slept == [], "it waited, to ask again"
    assert "500" in results[1][0][0]
    assert "set HF_ENDPOINT" in results[0][0][2]
    assert not (tmp_path / "raw").exists()


ALLOW = "hub.allow_hub(); result = os.environ.get('HF_HUB_OFFLINE')"


def test_only_our_own_offline_mode_is_taken_back(hub: Hub, tmp_path: Path):
    environment = hub.environment(tmp_path / "home", HF_HUB_OFFLINE="1", BABELMIX_HUB_OFF="1")
    assert run(f"{ALLOW}; hub.hub_file('{DATA}', '{NAME}')", environment) is None
    late = "import huggingface_hub\ntry: hub.allow_hub()\nexcept RuntimeError as error: result = str(error)"
    assert "before allow_hub()" in run(late, environment)
    del environment["BABELMIX_HUB_OFF"]
    assert run(ALLOW, environment) == "1"
    assert run(ALLOW, hub.environment(tmp_path / "home")) is None


@pytest.fixture
def connected(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    with hub.connected(tmp_path / "home", monkeypatch):
        yield monkeypatch


@pytest.mark.slow
def test_an_encoder_comes_from_the_hub_with_its_prompts(
    hub: Hub, tmp_path: Path, tiny_encoder: Path, connected: pytest.MonkeyPatch
):
    from huggingface_hub import constants
    from sentence_transformers import SentenceTransformer

    models = tmp_path / "hub/models/one"
    shutil.copytree(tiny_encoder, models / "tiny")
    (models / "tiny" / "pytorch_model.bin").write_bytes(b"not to be touched")
    (models / "tiny" / "code.py").write_text("raise SystemExit(3)\n")
    (models / "tiny" / "onnx").mkdir()
    (models / "tiny" / "onnx" / "model.json").write_text("{}")
    model = load_encoder(hub_sentence_encoder("one/tiny"))
    expected = SentenceTransformer(str(tiny_encoder), local_files_only=True)
    assert model.prompts == expected.prompts
    assert model.prompts["query"] == "query: "
    vector = expected.encode(["query: the file"])[0].tolist()
    assert model.encode(["the file"], prompt_name="query")[0].tolist() == pytest.approx(vector, abs=1e-5)
    assert not any(asked.endswith((".bin", ".py", "onnx/model.json")) for asked in hub.asked)

    connected.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.asked.clear()
    assert load_encoder(hub_sentence_encoder("one/tiny")).prompts == expected.prompts
    assert hub.asked == []
    with pytest.raises(UserError, match="not in the cache, and the hub is switched off"):
        hub_sentence_encoder("one/other")


def test_an_encoder_that_could_run_code_is_refused(
    hub: Hub, tmp_path: Path, tiny_encoder: Path, connected: pytest.MonkeyPatch
):
    models = tmp_path / "hub/models/one"
    shutil.copytree(tiny_encoder, models / "pickle")
    (models / "pickle/model.safetensors").rename(models / "pickle/pytorch_model.bin")
    shutil.copytree(tiny_encoder, models / "code")
    foreign = [{"idx": 0, "name": "0", "path": "", "type": "code.Transformer"}]
    (models / "code/modules.json").write_text(json.dumps(foreign))
    (models / "plain").mkdir()
    (models / "plain/config.json").write_text("{}")
    for name, what in {
        "pickle": "weights only as pickle, which can run code",
        "code": "module 'code.Transformer' is foreign code",
        "plain": "not a SentenceTransformer: modules.json is missing",
        "nothing": "no such model on the hub, or a private one",
    }.items():
        with pytest.raises(UserError) as caught:
            load_encoder(hub_sentence_encoder(f"one/{name}"))
        assert caught.value.what == what
    assert not any(asked.endswith(".bin") for asked in hub.asked)


CORPUS = {"en": {"1": "one", "2": "two", "10": "ten"}, "fr": {"1": "un", "2": "deux", "10": "dix"}}
QUERIES = {"en": {"q1": "one?", "q2": "two?"}, "fr": {"q1": "un ?", "q2": "deux ?"}}
QRELS = [("q1", "1", 1), ("q2", "2", 1), ("q2", "10", 2), ("q1", "10", 0)]
Layout = Callable[[str, str], str]
LAYOUTS: dict[str, Layout] = {
    "configuration": lambda part, lang: (
        f"NanoSciFact_{lang}/{part}-00000-of-00001.parquet" if part != "qrels" else
        f"NanoSciFact_{lang}_qrels/qrels-00000-of-00001.parquet"
    ),
    "converted": lambda part, lang: f"NanoSciFact_{lang}/{part}/0000.parquet",
    "shared qrels": lambda part, lang: f"NanoSciFact{'' if part == 'qrels' else '_' + lang}/{part}.jsonl",
    "folders": lambda part, lang: f"{lang}/NanoSciFact/{part}.jsonl",
}  # fmt: skip


def write_rows(file: Path, rows: list[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        from pyarrow import Table
        from pyarrow.parquet import write_table

        write_table(Table.from_pylist(rows), file)


def write_nano(
    root: Path,
    layout: Layout = LAYOUTS["folders"],
    corpus: dict[str, Any] = CORPUS,
    queries: dict[str, Any] = QUERIES,
    qrels: list[tuple[str, str, int]] = QRELS,
) -> Path:
    for lang in corpus:
        for part, texts in (("corpus", corpus), ("queries", queries)):
            rows = [{"_id": id_, "text": text} for id_, text in texts[lang].items()]
            write_rows(root / layout(part, lang), rows)
        rows = [{"query-id": query, "corpus-id": doc, "score": grade} for query, doc, grade in qrels]
        write_rows(root / layout("qrels", lang), rows)
    return root


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nanobeir_is_one_pool_of_all_languages(tmp_path: Path, layout: str):
    folder = write_nano(tmp_path / "raw", LAYOUTS[layout])
    write_rows(folder / "NanoNQ_de/corpus.jsonl", [{"_id": "1", "text": "another task"}])
    benchmark, counts = nanobeir.build(folder, "nanobeir-scifact")
    write_benchmark(tmp_path / "nanobeir-scifact", benchmark)
    assert read_benchmark(tmp_path / "nanobeir-scifact") == benchmark
    assert [passage.id for passage in benchmark.passages] == ["en:1", "en:10", "en:2", "fr:1", "fr:10", "fr:2"]
    assert [(query.id, query.parallel_id) for query in benchmark.queries][2:] == [("fr:q1", "q1"), ("fr:q2", "q2")]
    answers = {(qrel.parallel_id, qrel.passage): qrel.relevance for qrel in benchmark.qrels}
    expected = {("q1", "1"): 1, ("q2", "2"): 1, ("q2", "10"): 2}
    assert answers == {(q, f"{lang}:{doc}"): grade for (q, doc), grade in expected.items() for lang in CORPUS}
    assert {key: count for key, count in counts.items() if count} == {"queries": 4, "passages": 6}


def test_nanobeir_drops_what_is_empty_everywhere_and_merges_duplicates_in_their_language(tmp_path: Path):
    corpus = {
        "en": {"1": "one", "2": "two", "3": "three", "4": "four"},
        "fr": {"1": "un", "2": "un ", "3": " ", "4": "quatre"},
    }
    queries = {"en": {"q1": "a", "q2": "b", "q3": "c", "q4": "d"}, "fr": {"q1": "a", "q2": "b", "q3": "c", "q4": ""}}
    qrels = [("q1", "1", 1), ("q1", "2", 2), ("q2", "2", 1), ("q3", "3", 1), ("q4", "1", 1), ("q2", "99", 1)]
    folder = write_nano(tmp_path / "raw", corpus=corpus, queries=queries, qrels=qrels)
    benchmark, counts = nanobeir.build(folder, "nanobeir-scifact")
    assert [passage.id for passage in benchmark.passages] == ["en:1", "en:2", "en:4", "fr:1", "fr:4"]
    assert [query.id for query in benchmark.queries] == ["en:q1", "en:q2", "fr:q1", "fr:q2"]
    assert [(qrel.parallel_id, qrel.passage, qrel.relevance) for qrel in benchmark.qrels] == [
        ("q1", "en:1", 1),
        ("q1", "en:2", 2),
        ("q1", "fr:1", 2),
        ("q2", "en:2", 1),
        ("q2", "fr:1", 1),
    ]
    assert counts == {
        "queries": 4,
        "passages": 5,
        "empty_documents": 1,
        "empty_queries": 1,
        "duplicate_documents": 1,
        "dropped_qrels": 4,
        "unknown_qrels": 2,
        "unanswered_questions": 1,
    }
    write_benchmark(tmp_path / "out", benchmark)
    read_benchmark(tmp_path / "out")


def test_nanobeir_tells_what_is_wrong(tmp_path: Path):
    def told(folder: Path) -> str:
        with pytest.raises(UserError) as caught:
            nanobeir.build(folder, "nanobeir-scifact")
        return str(caught.value)

    assert "no files of scifact here" in told(tmp_path)
    lacking = CORPUS | {"fr": {"2": "deux"}}
    assert "corpus in fr lacks 2 ids of other languages, the first '1'" in told(
        write_nano(tmp_path / "a", corpus=lacking)
    )
    lacking = QUERIES | {"en": {"q2": "two?"}}
    assert "queries in en lacks 1 ids of other languages, the first 'q1'; fr has it" in told(
        write_nano(tmp_path / "b", queries=lacking)
    )
    folder = write_nano(tmp_path / "c")
    (folder / "fr/NanoSciFact/qrels.jsonl").unlink()
    assert "no qrels in fr" in told(folder)
    write_rows(folder / "fr/NanoSciFact/queries.jsonl", [{"_id": "q1", "body": "un ?"}])
    assert "queries.jsonl, line 1: no `_id` or no `text`" in told(folder)
    (folder / "fr/NanoSciFact/queries.jsonl").write_text('{"_id": "q1", "te')
    assert "queries.jsonl, line 1, column 15: not valid JSON" in told(folder)
    folder = write_nano(tmp_path / "d", LAYOUTS["converted"])
    (folder / "NanoSciFact_en/corpus/0001.parquet").write_bytes(b"PAR1 no")
    assert "damaged file" in told(folder)
    shutil.copy(folder / "NanoSciFact_en/corpus/0000.parquet", folder / "NanoSciFact_en/corpus/0001.parquet")
    assert "duplicate id '1' in en" in told(folder)


def test_nanobeir_finds_every_task_and_no_other():
    published = (
        *("NanoArguAna", "NanoClimateFEVER", "NanoDBPedia", "NanoFEVER", "NanoFiQA2018", "NanoHotpotQA", "NanoMSMARCO"),
        *("NanoNFCorpus", "NanoNQ", "NanoQuoraRetrieval", "NanoSCIDOCS", "NanoSciFact", "NanoTouche2020"),
    )
    for place, task in enumerate(nanobeir.TASKS):
        found = [name for name in published if nanobeir.find_place(f"{name}_fr/queries-00000-of-00001.parquet", task)]
        assert found == [published[place]]
    assert nanobeir.find_place("NanoNFCorpus_fr/README.md", "nfcorpus") is None
    assert nanobeir.find_place("NanoNFCorpus_fr/train-0.parquet", "nfcorpus") is None
    assert nanobeir.find_place("data/NanoNFCorpus/corpus-0.parquet", "nfcorpus") == ("corpus", "en")


def test_nanobeir_and_miracl_come_from_the_hub_at_their_pinned_commits(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    datasets = tmp_path / "hub/datasets"
    write_nano(datasets / nanobeir.REPO, LAYOUTS["configuration"])
    write_rows(datasets / nanobeir.REPO / "NanoNQ_en/corpus-0.jsonl", [])
    write_miracl(datasets, 30)
    write_miracl(datasets, 3, lang="fi")
    repositories = (nanobeir.REPO, miracl.TOPICS_REPO, miracl.CORPUS_REPO)
    pins = dict(zip(repositories, (nanobeir.COMMIT, miracl.TOPICS_COMMIT, miracl.CORPUS_COMMIT), strict=True))
    monkeypatch.setattr(hub, "commit", lambda kind, repo: pins[repo])
    code = """
from babelmix.benchmarks.sources import miracl
from babelmix.benchmarks.sources import nanobeir
nanobeir.fetch("scifact", Path(os.environ["OUT"]) / "nano")
miracl.fetch("sw", Path(os.environ["OUT"]) / "sw")
result = [told(lambda: nanobeir.fetch("nq", Path(os.environ["OUT"]) / "nq")),
          told(lambda: miracl.fetch("pt", Path(os.environ["OUT"]) / "pt"))]"""
    task, language = run(code, hub.environment(tmp_path / "home", OUT=str(tmp_path / "raw")))
    assert task[0].startswith("no qrels, queries of nq among its 7 files")
    assert "unknown language of MIRACL 'pt'" in language[0]
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == ["nano", "sw"]
    benchmark, _ = nanobeir.build(tmp_path / "raw/nano", "nanobeir-scifact")
    assert len(benchmark.passages) == 6
    manifest = json.loads((tmp_path / "raw/sw/manifest.json").read_text())
    assert {repo: entry["commit"] for repo, entry in manifest.items()} == dict(list(pins.items())[1:])
    assert [len(entry["files"]) for entry in manifest.values()] == [2, 11]
    assert miracl.stream(tmp_path / "raw/sw", "sw", tmp_path / "out")["passages"] == 30


def write_miracl(root: Path, passages: int, *, lang: str = "sw", shards: int = 11) -> None:
    """Made-up passages in shards, as the hub has them: topic t asks for passage 3t, and a last topic for none."""
    topics, corpus = root / "miracl/miracl", root / f"miracl/miracl-corpus/miracl-corpus-v1.0-{lang}"
    asked = passages // 3
    for name, lines in {
        "topics": [f"{topic}\tNini {topic}?" for topic in range(asked + 1)],
        "qrels": [
            f"{topic}\tQ0\t{3 * topic + extra}#0\t{1 - extra}" for topic in range(asked + 1) for extra in (0, 1)
            if topic < asked or extra
        ],
    }.items():  # fmt: skip
        file = topics / f"miracl-v1.0-{lang}/{name}/{name}.miracl-v1.0-{lang}-dev.tsv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines) + "\n")
    corpus.mkdir(parents=True, exist_ok=True)
    for shard in range(shards):
        with gzip.open(corpus / f"docs-{shard}.jsonl.gz", "wt", compresslevel=1) as stream:
            for row in range(shard * passages // shards, (shard + 1) * passages // shards):
                text = f"Maneno ya\u2028{row} " + "habari " * 60
                stream.write(json.dumps({"docid": f"{row}#0", "title": f"Kichwa {row}", "text": text}) + "\n")


def raw_miracl(tmp_path: Path, passages: int) -> Path:
    """The same as it lies after fetching: both repositories in one folder."""
    write_miracl(tmp_path / "made", passages)
    for repo in ("miracl", "miracl-corpus"):
        shutil.copytree(tmp_path / "made/miracl" / repo, tmp_path / "raw", dirs_exist_ok=True)
    return tmp_path / "raw"


def test_miracl_keeps_the_order_of_its_corpus_and_drops_what_has_no_answer(tmp_path: Path):
    raw = raw_miracl(tmp_path, 36)
    counts = miracl.stream(raw, "sw", tmp_path / "miracl-sw")
    benchmark = read_benchmark(tmp_path / "miracl-sw")
    assert [passage.id for passage in benchmark.passages] == [f"sw:{row:09d}:{row}#0" for row in range(36)]
    assert benchmark.passages[11].text.startswith("Kichwa 11 Maneno ya\u202811 habari")
    assert {query.id: query.text for query in benchmark.queries} == {f"sw:{t}": f"Nini {t}?" for t in range(12)}
    answers = {qrel.parallel_id: qrel.passage for qrel in benchmark.qrels}
    assert answers == {str(topic): f"sw:{3 * topic:09d}:{3 * topic}#0" for topic in range(12)}
    assert counts == {
        "queries": 12,
        "unanswered_topics": 1,
        "passages": 36,
        "empty_passages": 0,
        "repeated_passages": 0,
        "qrels": 12,
    }
    assert len(read_qrels(tmp_path / "miracl-sw").query) == 12


def test_miracl_leaves_out_empty_passages_and_repeated_answers(tmp_path: Path):
    raw = raw_miracl(tmp_path, 9)
    rows = [{"docid": "x#0", "title": "T", "text": " "}, {"docid": "0#0", "title": "again", "text": "t"}]
    last = raw / "miracl-corpus-v1.0-sw/docs-11.jsonl.gz"
    last.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode(), mtime=0))
    with (raw / "miracl-v1.0-sw/qrels/qrels.miracl-v1.0-sw-dev.tsv").open("a") as stream:
        stream.write("0\tQ0\t0#0\t1\n")
    counts = miracl.stream(raw, "sw", tmp_path / "out")
    assert (counts["passages"], counts["empty_passages"], counts["repeated_passages"]) == (9, 1, 1)
    assert len(read_benchmark(tmp_path / "out").qrels) == 3


def test_miracl_tells_what_is_wrong_and_leaves_nothing(tmp_path: Path):
    raw = raw_miracl(tmp_path, 12)
    qrels = raw / "miracl-v1.0-sw/qrels/qrels.miracl-v1.0-sw-dev.tsv"
    shard = raw / "miracl-corpus-v1.0-sw/docs-10.jsonl.gz"
    good = {file: file.read_bytes() for file in (qrels, shard)}
    row = json.dumps({"docid": "y#0", "title": "", "text": "t"}).encode()
    cases = [
        (qrels, good[qrels] + b"0\tQ0\tz#9\t1\n", "topic '0': passage 'z#9' is not in the corpus"),
        (qrels, good[qrels] + b"77\tQ0\t1#0\t1\n", "line 10: unknown topic '77'"),
        (qrels, b"0\tQ0\t1#0\n", "line 1: not 4 fields"),
        (qrels, b"0\tQ0\t1#0\tyes\n", "line 1: not a relevance: 'yes'"),
        (qrels, b"\xff\n", "not UTF-8"),
        (shard, good[shard][:-9], "docs-10.jsonl.gz, line 3: damaged file"),
        (shard, b"no gzip", "docs-10.jsonl.gz, line 1: damaged file"),
        (
            shard,
            gzip.compress(row + b"\n{}\n", mtime=0),
            "docs-10.jsonl.gz, line 2: not an object with docid, title and text",
        ),
        (shard, gzip.compress(b'["docid"]\n', mtime=0), "docs-10.jsonl.gz, line 1: not an object"),
        (shard, gzip.compress(row[:-2], mtime=0), "docs-10.jsonl.gz, line 1: not an object"),
    ]
    for file, content, told in cases:
        file.write_bytes(content)
        with pytest.raises(UserError) as caught:
            miracl.stream(raw, "sw", tmp_path / "out")
        assert told in str(caught.value)
        file.write_bytes(good[file])
    (raw / "miracl-corpus-v1.0-sw/docs-4.jsonl.gz").unlink()
    with pytest.raises(UserError, match=r"docs-4\.jsonl\.gz is missing"):
        miracl.stream(raw, "sw", tmp_path / "out")
    qrels.unlink()
    with pytest.raises(UserError, match="no such file; fetch it"):
        miracl.stream(raw, "sw", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "raw"]


@pytest.mark.slow
def test_miracl_needs_no_more_memory_for_ten_times_the_passages(tmp_path: Path):
    peaks: list[int] = []
    for passages in (2_000, 20_000):
        raw = raw_miracl(tmp_path / str(passages), passages)
        for file in raw.rglob("*.tsv"):  # as many topics in both: only the corpus grows
            lines = file.read_text().splitlines()
            file.write_text("\n".join(line for line in lines if int(line.split("\t")[0]) < 100) + "\n")
        tracemalloc.start()
        counts = miracl.stream(raw, "sw", tmp_path / str(passages) / "out")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert counts["passages"] == passages
    assert (tmp_path / "20000/out/passages.jsonl").stat().st_size > 9_000_000
    assert peaks[1] < peaks[0] + 200_000, peaks
