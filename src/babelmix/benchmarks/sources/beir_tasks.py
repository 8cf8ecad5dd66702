"""The public tasks of BEIR by name, from their official archives: 14 tasks, and the 12 forums of CQADupStack.

    fetch("nfcorpus", Path("data/raw/nfcorpus"))
    fetch("cqadupstack-android", Path("data/raw/cqadupstack-android"))      # one of the forums of one archive

Thakur et al., NeurIPS 2021 (arXiv:2104.08663). BioASQ, Signal-1M, TREC-NEWS and Robust04 are not public, so they are
not here.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from babelmix.benchmarks.known import NDCG, Ask, KnownBenchmark
from babelmix.benchmarks.sources.beir import stream
from babelmix.common.errors import UserError, unknown_name
from babelmix.common.files import cache_dir, new_folder
from babelmix.download.https import Checksum, fetch_large_file, unpack_zip

ADDRESS = "https://public.ukp.informatik.tu-darmstadt.de/thakur/BEIR/datasets"
MAX_ARCHIVE_BYTES = 8 << 30  # CQADupStack's has 5.3 GB, MS MARCO's 1.1
MAX_UNPACKED_BYTES = 16 << 30  # of the files of one task
FORUMS = (
    *("android", "english", "gaming", "gis", "mathematica", "physics"),
    *("programmers", "stats", "tex", "unix", "webmasters", "wordpress"),
)


@dataclass(frozen=True, slots=True)
class Task:
    """One task: its archive, and what BEIR's authors say of it."""

    archive: str  # the name of the zip
    checksum: Checksum
    licence: str  # as appendix E of BEIR's paper or the publisher has it
    splits: tuple[str, ...] = ("test",)  # the default first
    folder: str = ""  # in the archive; the archive's own name unless given


def _md5(value: str) -> Checksum:
    return Checksum("md5", value)


_SEE = "no licence stated; see the publisher"
_CQADUPSTACK = _md5("4e41456d7df8ee7760a7f866133bda78")
# BEIR publishes md5 alone: the table of datasets in the README and the wiki of github.com/beir-cellar/beir. NFCorpus,
# whose md5 there is a89dba18a62ef92f7d323ec890a0d38d, is checked by the sha256 of the archive with that md5.
_NFCORPUS = Checksum("sha256", "efe5be03f8c5b86a5870102d0599d227c8c6e2484328e68c6522560385671b0b")
TASKS = {
    "msmarco": Task(
        "msmarco",
        _md5("444067daf65d982533ea17ebd59501e4"),
        "research, not commercial",
        ("dev", "test", "train"),  # test is TREC DL 2019: BEIR reports dev
    ),
    "trec-covid": Task("trec-covid", _md5("ce62140cb23feb9becf6270d0d1fe6d1"), "CORD-19's licence agreement"),
    "nfcorpus": Task("nfcorpus", _NFCORPUS, "for academic use", ("test", "dev", "train")),
    "nq": Task("nq", _md5("d4d3d2e48787a744b6f6e691ff534307"), "CC BY-SA 3.0"),
    "hotpotqa": Task("hotpotqa", _md5("f412724f78b0d91183a0e86805e16114"), "CC BY-SA 4.0", ("test", "dev", "train")),
    "fiqa": Task("fiqa", _md5("17918ed23cd04fb15047f73e6c3bd9d9"), _SEE, ("test", "dev", "train")),
    "arguana": Task("arguana", _md5("8ad3e3c2a5867cdced806d6503f29b99"), "CC BY 4.0"),
    "webis-touche2020": Task("webis-touche2020", _md5("46f650ba5a527fc69e0a6521c5a23563"), "CC BY 4.0"),
    "quora": Task("quora", _md5("18fb154900ba42a600f84b839c173167"), _SEE, ("test", "dev")),
    "dbpedia-entity": Task("dbpedia-entity", _md5("c2a39eb420a3164af735795df012ac2c"), "CC BY-SA 3.0", ("test", "dev")),
    "scidocs": Task("scidocs", _md5("38121350fc3a4d2f48850f6aff52e4a9"), "GPL-3.0"),
    "fever": Task("fever", _md5("5a818580227bfb4b35bb6fa46d9b6c03"), "CC BY-SA 3.0", ("test", "dev", "train")),
    "climate-fever": Task("climate-fever", _md5("8b66f0a9126c521bae2bde127b4dc99d"), _SEE),
    "scifact": Task(
        "scifact",
        _md5("5f7d1de60b170fc8027bb7898e2efca1"),
        "claims CC BY 4.0, abstracts ODC-By 1.0",
        ("test", "train"),
    ),
    **{
        f"cqadupstack-{forum}": Task("cqadupstack", _CQADUPSTACK, "Apache-2.0", folder=f"cqadupstack/{forum}")
        for forum in FORUMS
    },
}


def fetch(name: str, folder: Path) -> None:
    """Download the official archive of a task, check it, unpack the task, and replace the folder as a whole.

    `folder` then holds `corpus.jsonl`, `queries.jsonl` and `qrels/<split>.tsv`. An archive that several tasks share is
    kept in `.babelmix/archives` once it is checked. UserError for an unknown name, for an archive without a file that
    the task needs, and as in `fetch_large_file` and `unpack_zip`.
    """
    if name not in TASKS:
        raise unknown_name("BEIR dataset", name, TASKS, where="fetch")
    task = TASKS[name]
    inside, address = task.folder or task.archive, f"{ADDRESS}/{task.archive}.zip"

    def keep(path: str) -> bool:
        qrels = path.startswith(f"{inside}/qrels/") and path.endswith(".tsv")
        return qrels or path in (f"{inside}/corpus.jsonl", f"{inside}/queries.jsonl")

    with new_folder(folder) as staging:
        archive, unpacked = staging / "archive", staging / "unpacked"
        if task.folder:
            archive = cache_dir() / "archives" / f"{task.checksum.value}.zip"
        if not archive.is_file():  # it is renamed to that name when its checksum is right
            fetch_large_file(address, task.checksum, archive, max_bytes=MAX_ARCHIVE_BYTES)
        unpack_zip(archive, unpacked, keep=keep, max_bytes=MAX_UNPACKED_BYTES)
        for file in ("corpus.jsonl", "queries.jsonl", f"qrels/{task.splits[0]}.tsv"):
            if not (unpacked / inside / file).is_file():
                how = "its layout is not the expected one: report it"
                raise UserError(f"no {inside}/{file} in the archive", where=address, how=how)
        for path in sorted((unpacked / inside).iterdir()):
            path.rename(staging / path.name)
        (staging / "archive").unlink(missing_ok=True)
        shutil.rmtree(unpacked)


def _stream(name: str, folder: Path, output: Path, split: str | None, ask: Ask) -> Mapping[str, int]:
    return stream(folder, output, split=split or TASKS[name].splits[0], ask=ask)


BENCHMARKS = tuple(
    KnownBenchmark(
        name=name,
        licence=f"{name} (BEIR): {task.licence}",
        fetch=partial(fetch, name),
        stream=partial(_stream, name),
        splits=len(task.splits) > 1,
        translated_queries=True,
        main_score=NDCG,
    )
    for name, task in TASKS.items()
)
