"""Benchmarks: built of raw files, of the dev split, or of what a command names."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from babelmix.benchmarks.benchmark import Query
from babelmix.benchmarks.dev import dev_benchmark
from babelmix.benchmarks.files import is_built, read_about, write_benchmark
from babelmix.benchmarks.folder import read_folder
from babelmix.benchmarks.known import Ask
from babelmix.benchmarks.own import benchmark_of, own_files, unknown_benchmark
from babelmix.benchmarks.registry import BENCHMARKS
from babelmix.common.errors import UserError
from babelmix.common.files import cache_dir, temporary_folder
from babelmix.common.outputs import claim_folder
from babelmix.common.progress import say
from babelmix.settings.params import Settings, load_settings
from babelmix.workspace import DEV, HERE

# What is counted of a benchmark and loses nothing: it is kept, it belongs to another split, or it says "not relevant".
NOTHING_LOST = {"documents with the text of another", "judgements below 1", "queries without judgements"}


def build_benchmark(name: str, settings: Settings, *, strict: bool = False) -> str:
    """Build a benchmark of its raw files; return what was written. `strict` refuses one that leaves anything out."""
    output = HERE.benchmark(name)
    claim_folder(output)
    if strict:
        with temporary_folder() as scratch:
            tell_left_out(build_into(name, HERE.raw(name), Path(scratch) / name, settings), strict=True, where=name)
    tell_left_out(build_into(name, HERE.raw(name), output, settings))
    return f"wrote {output}"


def build_dev(settings: Settings) -> str:
    """Make a benchmark of the dev split; return what was written."""
    from babelmix.stages.pairs import human_pairs

    output = HERE.benchmark(DEV)
    claim_folder(output)
    write_benchmark(output, dev_benchmark(human_pairs(settings), settings.pairs.dev_questions))
    return f"wrote {output}"


def build_into(name: str, raw: Path, output: Path, settings: Settings) -> Mapping[str, int]:
    """Build a benchmark of its raw files into `output`, and return what was left out, by reason.

    The English queries of BEIR, and of `benchmark.translated`, are asked in `benchmark.query_languages` too, translated
    by machine. UserError for an unknown name.
    """
    known = benchmark_of(name)
    ask = (
        _ask_in_more_languages(settings) if known.translated_queries or name in settings.benchmark.translated else _ask
    )
    split = settings.benchmark.splits.get(name)
    if known.stream is not None:
        return known.stream(raw, output, split, ask)
    if known.build is None:
        raise ValueError(f"{name} has neither `build` nor `stream`")
    benchmark, about = known.build(raw, settings.benchmark, split)
    queries, unasked = ask(benchmark.queries)
    about = replace(about, left_out={**about.left_out, **unasked})
    write_benchmark(output, replace(benchmark, queries=tuple(queries)), about)
    return about.left_out


def _ask(queries: Sequence[Query]) -> tuple[Sequence[Query], dict[str, int]]:
    """Return the queries as the benchmark has them."""
    return queries, {}


def _ask_in_more_languages(settings: Settings) -> Ask:
    """Return what adds machine translations to English queries."""
    from babelmix.translate.queries import translate_queries
    from babelmix.translate.route import allow_models

    allow_models(settings.translate)
    return partial(
        translate_queries,
        languages=settings.benchmark.query_languages,
        translate=settings.translate,
        threads=settings.threads,
        cache=cache_dir() / "translations",
    )


@contextmanager
def open_benchmark(name: str, split: str | None = None, *, strict: bool = False) -> Generator[Path]:
    """Yield a benchmark's folder: given, made by the pipeline, or built for this once from files or a known name.

    `split` names the qrels of a folder in BEIR form; `strict` refuses what would leave anything out.
    """
    path = Path(name)
    if path.name in ("", ".."):  # "." and "..": scored under the folder's real name
        path = path.resolve()
    elif path.name == name and not path.exists() and HERE.benchmark(name).is_dir():
        path = HERE.benchmark(name)
    if is_built(path):
        about = read_about(path)
        if split is not None and about.split != split:
            how = "leave it out, or give the folder that the benchmark was built from"
            raise UserError("a split is chosen where a folder in BEIR form is read", where="--split", how=how)
        if strict:
            tell_left_out(about.left_out, strict=True, where=name)
        yield path
        return
    if not path.exists() and name not in BENCHMARKS and own_files(name) is None:
        raise unknown_benchmark(name, "--benchmark")
    with temporary_folder() as scratch:
        built = Path(scratch) / ((path.name.split(".json")[0] if path.is_file() else path.name) or "benchmark")
        if path.exists():
            benchmark, about = read_folder(path, name=built.name, split=split)
            write_benchmark(built, benchmark, about)
            left_out = about.left_out
        else:
            from babelmix.stages.raw import fetch_into

            settings = _with_split(load_settings(), name, split)
            fetch_into(name, Path(scratch) / "raw" / name, settings)
            left_out = build_into(name, Path(scratch) / "raw" / name, built, settings)
        tell_left_out(left_out, strict=strict, where=name)
        if name not in BENCHMARKS and split is None and (taken := read_about(built).split) not in (None, "test"):
            say(f"{name}: there are no judgements named test; those of {taken!r} are taken")
        yield built


def tell_left_out(left_out: Mapping[str, int], *, strict: bool = False, where: str = "") -> None:
    """Say what a benchmark is built, or scored, without; `strict` refuses instead."""
    counted = ", ".join(f"{number:,} {what.replace('_', ' ')}" for what, number in left_out.items() if number)
    lost = [what for what, number in left_out.items() if number and what not in NOTHING_LOST]
    if strict and lost:
        how = "mend the files, or leave --strict out"
        others = f" (all in all: {counted})" if "," in counted else ""
        raise UserError(f"{left_out[lost[0]]:,} {lost[0]} would be left out{others}", where=where, how=how)
    if counted:
        say(f"counted and cleaned: {counted}")


def _with_split(settings: Settings, name: str, split: str | None) -> Settings:
    """Return the settings with the split of a benchmark that is known by its name; UserError where it has none."""
    if split is None:
        return settings
    if name in BENCHMARKS and not BENCHMARKS[name].splits:
        raise UserError(f"{name} has no splits", where="--split", how="leave it out: only BEIR form has splits")
    splits = settings.benchmark.splits | {name: split}
    return settings.model_copy(update={"benchmark": settings.benchmark.model_copy(update={"splits": splits})})
