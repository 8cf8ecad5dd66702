"""The tasks of BEIR by name: which there are, and what is taken from their archives."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest

from babelmix.benchmarks.benchmark import About
from babelmix.benchmarks.files import read_about, read_benchmark, write_benchmark
from babelmix.benchmarks.registry import BENCHMARKS
from babelmix.benchmarks.sources import beir, beir_tasks
from babelmix.benchmarks.sources.beir_tasks import FORUMS, TASKS, fetch
from babelmix.common.errors import UserError
from babelmix.download.https import Checksum

HOST = "public.ukp.informatik.tu-darmstadt.de/thakur/BEIR/datasets"
OF_ONE = {
    *("msmarco", "trec-covid", "nfcorpus", "nq", "hotpotqa", "fiqa", "arguana", "webis-touche2020", "quora"),
    *("dbpedia-entity", "scidocs", "fever", "climate-fever", "scifact"),
}


def test_every_public_task_is_known_by_its_official_name():
    forums = {f"cqadupstack-{forum}" for forum in FORUMS}
    assert len(OF_ONE) == 14 and len(forums) == 12
    assert set(TASKS) == OF_ONE | forums == {one.name for one in beir_tasks.BENCHMARKS} <= BENCHMARKS.keys()
    assert {name for name in TASKS if BENCHMARKS[name].splits} == {
        *("msmarco", "nfcorpus", "hotpotqa", "fiqa", "quora", "dbpedia-entity", "fever", "scifact")
    }
    assert all(BENCHMARKS[name].translated_queries and not BENCHMARKS[name].hub for name in TASKS)
    assert {name for name, task in TASKS.items() if task.splits[0] != "test"} == {"msmarco"}
    assert BENCHMARKS["msmarco"].licence == "msmarco (BEIR): research, not commercial"


def test_every_archive_has_one_checksum_of_its_own():
    sums = {task.archive: task.checksum for task in TASKS.values()}
    assert all(task.checksum == sums[task.archive] for task in TASKS.values())
    assert len(set(sums.values())) == len(sums) == 15
    for algorithm, value in sums.values():
        assert len(bytes.fromhex(value)) == hashlib.new(algorithm).digest_size


Mirror = Callable[..., bytes]


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mirror:
    """Return what puts an archive of these inner folders and splits into a mirror, as the one that is expected."""
    monkeypatch.setenv("BABELMIX_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "project"))

    def put(name: str, *insides: str, splits: Iterable[str] = ("test",), without: str = "") -> bytes:
        file = tmp_path / "mirror" / HOST / f"{TASKS[name].archive}.zip"
        file.parent.mkdir(parents=True, exist_ok=True)
        with ZipFile(file, "w") as archive:
            for inside in insides:
                files = {
                    "corpus.jsonl": json.dumps({"_id": "d", "title": "Bread", "text": f"Of {inside}."}) + "\n",
                    "queries.jsonl": json.dumps({"_id": "q", "text": "How?"}) + "\n",
                    **{f"qrels/{split}.tsv": "query-id\tcorpus-id\tscore\nq\td\t1\n" for split in splits},
                    "notes/README.md": "not taken",
                }
                for path, text in files.items():
                    if path != without:
                        archive.writestr(f"{inside}/{path}", text)
        content = file.read_bytes()
        for task, one in TASKS.items():
            if one.archive == TASKS[name].archive:
                checksum = Checksum("md5", hashlib.md5(content, usedforsecurity=False).hexdigest())
                monkeypatch.setitem(TASKS, task, replace(one, checksum=checksum))
        return content

    return put


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("[!.]*") if path.is_file())


def test_a_task_is_fetched_and_streamed_with_its_default_split(tmp_path: Path, mirror: Mirror):
    for name, split in (("quora", "test"), ("msmarco", "dev")):
        mirror(name, name, splits=("dev", "test"))
        fetch(name, tmp_path / name / "raw")
        assert names(tmp_path / name / "raw") == ["corpus.jsonl", "qrels/dev.tsv", "qrels/test.tsv", "queries.jsonl"]
        stream = BENCHMARKS[name].stream
        assert stream is not None
        stream(tmp_path / name / "raw", tmp_path / name / "out", None, lambda queries: (queries, {}))
        assert [row.text for row in read_benchmark(tmp_path / name / "out").passages] == [f"Bread Of {name}."]
        assert read_about(tmp_path / name / "out").split == split
        stream(tmp_path / name / "raw", tmp_path / name / "out", "test", lambda queries: (queries, {}))
        assert read_about(tmp_path / name / "out").split == "test"


def test_the_forums_of_one_archive_share_one_download(tmp_path: Path, mirror: Mirror):
    mirror("cqadupstack-tex", *(f"cqadupstack/{forum}" for forum in FORUMS))
    fetch("cqadupstack-tex", tmp_path / "tex")
    assert names(tmp_path / "tex") == ["corpus.jsonl", "qrels/test.tsv", "queries.jsonl"]
    assert "Of cqadupstack/tex." in (tmp_path / "tex/corpus.jsonl").read_text()
    (tmp_path / "mirror" / HOST / "cqadupstack.zip").unlink()
    fetch("cqadupstack-unix", tmp_path / "unix")
    assert "Of cqadupstack/unix." in (tmp_path / "unix/corpus.jsonl").read_text()
    kept = list((tmp_path / "project/.babelmix/archives").iterdir())
    assert [path.name for path in kept] == [f"{TASKS['cqadupstack-unix'].checksum.value}.zip"]


@pytest.mark.parametrize("name", ["scifact", "cqadupstack-tex"])
def test_an_archive_with_another_checksum_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirror: Mirror, name: str
):
    expected, inside = TASKS[name], TASKS[name].folder or name
    content = mirror(name, inside)
    monkeypatch.setitem(TASKS, name, expected)
    with pytest.raises(UserError) as caught:
        fetch(name, tmp_path / "raw")
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    assert str(caught.value) == (
        f"{tmp_path}/mirror/{HOST}/{expected.archive}.zip: wrong checksum: md5 is {found}, expected "
        f"{expected.checksum.value}; the file was changed or cut short: replace it, or fetch it again"
    )
    assert not (tmp_path / "raw").exists()
    assert not list((tmp_path / "project").rglob("*.zip"))


@pytest.mark.parametrize("missing", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_an_archive_without_a_file_of_the_task_is_refused(tmp_path: Path, mirror: Mirror, missing: str):
    mirror("fiqa", "fiqa", splits=("dev", "test"), without=missing)
    with pytest.raises(UserError) as caught:
        fetch("fiqa", tmp_path / "raw")
    assert str(caught.value) == (
        f"https://{HOST}/fiqa.zip: no fiqa/{missing} in the archive; its layout is not the expected one: report it"
    )
    assert not (tmp_path / "raw").exists()


def test_a_split_that_the_archive_lacks_is_refused(tmp_path: Path, mirror: Mirror):
    mirror("fiqa", "fiqa", splits=("dev", "test"))
    fetch("fiqa", tmp_path / "raw")
    stream = BENCHMARKS["fiqa"].stream
    assert stream is not None
    with pytest.raises(UserError) as caught:
        stream(tmp_path / "raw", tmp_path / "out", "train", lambda queries: (queries, {}))
    assert str(caught.value) == f"{tmp_path}/raw/qrels: unknown split 'train'; valid: dev, test"


def test_an_archive_that_unpacks_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirror: Mirror):
    mirror("fiqa", "fiqa")
    monkeypatch.setattr(beir_tasks, "MAX_UNPACKED_BYTES", 10)
    with pytest.raises(UserError, match="more than 10 bytes unpacked"):
        fetch("fiqa", tmp_path / "raw")


def test_an_unknown_task_is_refused_before_anything_is_downloaded(tmp_path: Path):
    with pytest.raises(UserError, match=r"unknown BEIR dataset 'nf-corpus'; did you mean 'nfcorpus'"):
        fetch("nf-corpus", tmp_path / "raw")
    assert list(tmp_path.iterdir()) == []


def test_nfcorpus_is_streamed_to_the_bytes_of_the_build_in_memory(tmp_path: Path):
    if not os.environ.get("BABELMIX_MIRROR"):
        pytest.skip("BABELMIX_MIRROR is not set: the published files are not at hand")
    fetch("nfcorpus", tmp_path / "raw")
    benchmark, counts = beir.build(tmp_path / "raw", "nfcorpus")
    write_benchmark(tmp_path / "built", benchmark, About(split="test", left_out=counts))
    stream = BENCHMARKS["nfcorpus"].stream
    assert stream is not None
    assert stream(tmp_path / "raw", tmp_path / "streamed", None, lambda queries: (queries, {})) == counts
    for file in (tmp_path / "built").iterdir():
        assert (tmp_path / "streamed" / file.name).read_bytes() == file.read_bytes()


def test_the_published_md5_of_nfcorpus_belongs_to_the_pinned_sha256():
    root = os.environ.get("BABELMIX_MIRROR")
    if not root:
        pytest.skip("BABELMIX_MIRROR is not set: the published files are not at hand")
    content = (Path(root) / HOST / "nfcorpus.zip").read_bytes()
    assert hashlib.md5(content, usedforsecurity=False).hexdigest() == "a89dba18a62ef92f7d323ec890a0d38d"
    assert hashlib.sha256(content).hexdigest() == TASKS["nfcorpus"].checksum.value
