"""dvc.yaml keeps its promises: a stage names every room that its code reaches and every parameter that it reads.

DVC follows no imports. A room that is missing from `deps:` would let a changed program pass for an unchanged result.
`cli`, `settings` and `workspace` are no rooms of a stage: they carry names, settings and paths, and these are in the
stage's command, `params:` and `outs:`.
"""

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
FRAME = {"cli", "settings", "workspace.py", "__init__.py"}
STAGES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
# The function of a command that does the work where the command chooses one by its options.
CHOSEN = {
    "embed": ("systems", "embed_system"),
    "evaluate": ("scoring", "evaluate_system"),
    "report": ("results", "study_report"),
    "report run": ("results", "run_report"),
    "report scores": ("results", "scores"),
    "report explore": ("results", "explore_pages"),
    "report samples": ("results", "samples"),
    "fetch": ("raw", "fetch_pairs"),
    "pairs": ("pairs", "make_pairs"),
    "dev": ("benchmarks", "build_dev"),
    "benchmark": ("benchmarks", "build_benchmark"),
    "translate pairs": ("pairs", "translate_pairs"),
    "translate index": ("pairs", "index_translations"),
    "encoder": ("encoders", "make_encoder"),
    "tokenise": ("encoders", "tokenise"),
    "teach": ("teaching", "teach"),
    "pretrain": ("pretraining", "pretrain"),
    "train": ("training", "train"),
    "average": ("averaging", "average_system"),
    "probe": ("probing", "probe_system"),
    "track": ("results", "track"),
}
# The same for the stages whose command is `fetch` too.
FETCHED = {"fetch-benchmark": ("raw", "fetch_benchmark"), "fetch-lexicon": ("raw", "fetch_lexicon")}
# The modules that a registry finds for a stage: no import names them.
FOUND = {"fetch-lexicon": "lexicon", "probe": "probes"}
FOUND |= dict.fromkeys(("fetch-benchmark", "benchmark"), "benchmarks/sources")
# What a method of Settings reads.
METHODS = {
    "preset": {"model"},
    "learning_rate": {"train", "model"},
    "training": {"train", "model"},
    "pretraining": {"pretrain", "train", "model"},
    "source_language": {"source"},
    "untranslated": {"source", "translate"},
    "route": {"source", "translate"},
}
Function = tuple[str, str]  # a module of stages, and a function in it


def command(stage: str) -> str:
    found = re.search(
        r"(?:babelmix|\$\{launch\}) ([a-z]+(?: (?:pairs|index|run|scores|explore|samples))?)", STAGES[stage]["cmd"]
    )
    assert found, stage
    return found.group(1)


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def imports(tree: ast.AST) -> dict[str, set[Path]]:
    """name in the code -> the project's files that its import reads; nothing that is for type checking alone."""
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    found: dict[str, set[Path]] = {}
    for node in ast.walk(tree):
        if id(node) not in skipped and isinstance(node, ast.ImportFrom) and (node.module or "").startswith("babelmix"):
            for alias in node.names:
                base = SOURCE / f"{node.module}.{alias.name}".replace(".", "/")
                files = {file for file in (base.with_suffix(".py"), base / "__init__.py") if file.is_file()}
                package = SOURCE / str(node.module).replace(".", "/")
                files = files or {
                    file for file in (package.with_suffix(".py"), package / "__init__.py") if file.is_file()
                }
                found.setdefault(alias.asname or alias.name, set()).update(files)
    return found


def functions(module: str) -> dict[str, ast.AST]:
    tree = tree_of(SOURCE / f"babelmix/stages/{module}.py")
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


@cache
def reached(stage: str) -> tuple[frozenset[Path], frozenset[str]]:
    """The files that a stage's code reaches, and the settings that it reads."""
    files = set((SOURCE / "babelmix" / FOUND[stage]).glob("*.py")) if stage in FOUND else set[Path]()
    read: set[str] = set()
    waiting: list[Function] = [FETCHED.get(stage) or CHOSEN[command(stage)]]
    done: set[Function] = set()
    while waiting:
        module, name = waiting.pop()
        if (module, name) in done:
            continue
        done.add((module, name))
        file = SOURCE / f"babelmix/stages/{module}.py"
        files.add(file)
        tree, own = tree_of(file), functions(module)
        known = imports(ast.Module(body=[node for node in tree.body if not isinstance(node, ast.FunctionDef)]))
        if name not in own:  # a type or a constant, which the imports of its module are for
            files.update(*known.values())
            continue
        known |= imports(own[name])
        read |= settings_read(own[name])
        for node in ast.walk(own[name]):
            used = node.id if isinstance(node, ast.Name) else None
            if used in own:
                waiting.append((module, used))
            for target in known.get(used or "", ()):
                if target.parent.name == "stages" and target.name != "__init__.py":
                    waiting.append((target.stem, used or ""))
                else:
                    files.add(target)
    rooms = [file for file in files if file.parent.name != "stages"]
    seen: set[Path] = set()
    while rooms:
        file = rooms.pop()
        if file in seen or file.relative_to(SOURCE / "babelmix").parts[0] in FRAME:
            continue
        seen.add(file)
        read |= settings_read(tree_of(file))
        for targets in imports(tree_of(file)).values():
            rooms += targets - seen
    stages = {file for file in files if file.parent.name == "stages"}
    return frozenset(seen | stages), frozenset(read)


def settings_read(tree: ast.AST) -> set[str]:
    """The sections that code reads of a variable called `settings`."""
    fields: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "settings":
            fields |= METHODS.get(node.attr, {"objective" if node.attr == "objective_presets" else node.attr})
    return fields


SECTIONS = {
    *("seed", "threads", "model", "objectives", "objective", "sources", "source", "pairs", "translate", "recipe"),
    *("pretrain", "train", "embed", "benchmarks", "benchmark", "evaluate", "average", "averages", "probe", "probes"),
    "study",
}


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "track"])
def test_a_stage_depends_on_every_room_it_reaches(stage: str) -> None:
    deps = [dep.removeprefix("src/babelmix/") for dep in STAGES[stage]["deps"] if dep.startswith("src/")]
    missing = {
        str(file.relative_to(SOURCE / "babelmix"))
        for file in reached(stage)[0]
        if not any(
            str(file.relative_to(SOURCE / "babelmix")) == dep
            or str(file.relative_to(SOURCE / "babelmix")).startswith(f"{dep}/")
            for dep in deps
        )
    }
    assert not missing, f"{stage} lacks {sorted(missing)}"


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "track"])
def test_a_stage_depends_on_no_room_it_does_not_reach(stage: str) -> None:
    rooms = {file.relative_to(SOURCE / "babelmix").parts[0] for file in reached(stage)[0]}
    named = {dep.split("/")[2] for dep in STAGES[stage]["deps"] if dep.startswith("src/")}
    assert named <= rooms


@pytest.mark.parametrize("stage", list(STAGES))
def test_a_stage_names_files_that_exist_and_says_what_it_is(stage: str) -> None:
    assert STAGES[stage]["desc"].endswith(".")
    assert re.match(r"PYTHONPATH=src (babelmix|\$\{launch\} train) ", STAGES[stage]["cmd"])
    for dep in STAGES[stage]["deps"]:
        assert not dep.startswith("src/") or (ROOT / dep).exists(), dep


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "track"])
def test_a_stage_declares_every_parameter_it_reads(stage: str) -> None:
    declared = {param.split(".")[0] for param in STAGES[stage].get("params", [])}
    read = reached(stage)[1] & SECTIONS
    read |= {"recipe", "recipes"} if "train" in read else set()  # a recipe is laid over `train` (settings/params.py)
    assert read <= declared


def test_only_what_git_keeps_gives_up_the_run_cache() -> None:
    for stage, body in STAGES.items():
        cached = all(not isinstance(out, dict) for key in ("outs", "metrics", "plots") for out in body.get(key, []))
        assert cached or stage in ("scores", "report", "answer", "explore", "samples"), stage


def test_dvc_yaml_fits_on_five_screens() -> None:
    assert len((ROOT / "dvc.yaml").read_text().splitlines()) <= 250
