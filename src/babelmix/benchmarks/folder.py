"""A benchmark from a user's own files: in babelmix's form, BEIR's or SQuAD's.

benchmark, about = read_folder(Path("data/own/faq"))
"""

from pathlib import Path

from babelmix.benchmarks.benchmark import About, Benchmark
from babelmix.benchmarks.sources import beir, own, squad
from babelmix.common.errors import UserError


def read_folder(path: Path, *, name: str | None = None, split: str | None = None) -> tuple[Benchmark, About]:
    """Build a benchmark from a user's own files; return it with its form, its split and what it leaves out.

    `path` is a folder in babelmix's own form (passages.jsonl, see `own`) or in BEIR's (corpus.jsonl, see `beir`), or a
    file in SQuAD form or a folder of them (see `squad`). `name` is the folder's unless given. `split` names the
    judgements of a BEIR folder. It writes nothing. UserError for any other form, and for a split of another than BEIR.
    """
    chosen, name = None, name or path.resolve().name
    if own.find_own(path, "passages").is_file():
        form = "own"
        built, left_out = own.build(path, name)
    elif any([*path.glob("corpus*.jsonl"), *path.glob("corpus*.jsonl.gz")]):
        form, (chosen, _) = "beir", beir.find_qrels(path, split)
        built, left_out = beir.build(path, name, split=chosen)
    elif squad.squad_files(path):
        form = "squad"
        built, left_out = squad.build(path, name)
    else:
        what = "no benchmark in a known form" if path.exists() else "no such file or folder"
        how = "give a folder with passages.jsonl or corpus.jsonl (BEIR), or *.json (SQuAD), see data/README.md"
        raise UserError(what, where=str(path), how=how)
    if split is not None and form != "beir":
        raise UserError("only a folder in BEIR form has splits", where=str(path), how=f"ask for no {split!r} of it")
    return built, About(form, chosen, left_out)
