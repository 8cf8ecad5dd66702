"""The rooms of the project: who may import whom, and how large a file may be.

The floors stand in docs/architecture.md too, from the roof down. A room imports only from rooms below it.
"""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src/babelmix"
FLOORS = (
    {"cli"},
    {"stages", "api"},
    {"reporting"},
    {"settings"},
    {"pretraining", "exporting", "searching"},
    {"training", "study", "probes"},
    {"evaluation", "translate"},
    {"retrieval"},
    {"encoder", "batches"},
    {"benchmarks"},
    {"corpus"},
    {"lexicon"},
    {"download"},
    {"common", "workspace"},
)
LINES = 300


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def modules() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in SOURCE.rglob("*.py"):
        parts = file.relative_to(SOURCE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imports(file: Path, known: dict[str, Path]) -> set[str]:
    """The project's modules that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative imports hide the room"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else str(node.module) for name in inner}
    return found & known.keys()


def arrows() -> dict[str, set[str]]:
    known = modules()
    return {module: imports(file, known) - {module} for module, file in known.items()}


def test_every_room_has_a_floor_and_every_floor_is_there() -> None:
    rooms = {room_of(module) for module in modules()} - {"__init__", "__main__"}
    assert rooms == set().union(*FLOORS)
    folders = {room for room in rooms if (SOURCE / room).is_dir()}  # api.py and workspace.py are one file each
    assert len(FLOORS) <= 14 and len(folders) <= 20


def test_no_arrow_leads_up_or_across_a_floor() -> None:
    floor = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
    wrong = {
        f"{module} -> {target}"
        for module, targets in arrows().items()
        for target in targets
        if (one := room_of(module)) in floor and (other := room_of(target)) in floor and one != other
        if floor[other] <= floor[one] and {one, other} != {"common", "workspace"}
    }
    assert not wrong


def test_no_circle_of_modules() -> None:
    left = arrows()
    while free := {module for module, targets in left.items() if not targets & left.keys()}:
        left = {module: targets for module, targets in left.items() if module not in free}
    assert not left, sorted(left)


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_long_file_says_why(module: str) -> None:
    lines = modules()[module].read_text().splitlines()
    assert len(lines) <= LINES or "300 lines" in "\n".join(lines[:12])


def test_paths_have_one_place() -> None:
    """A path literal is a call of Path with a text that names a folder of the project."""
    wrong: set[str] = set()
    for module, file in modules().items():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Path" and node.args:
                text = node.args[0].value if isinstance(node.args[0], ast.Constant) else ""
                parts = Path(str(text)).parts
                if parts and parts[0] in ("data", "metrics", "models", "reports", "params.yaml", "dvc.lock"):
                    wrong.add(f"{module}, line {node.lineno}")
    assert {entry for entry in wrong if not entry.startswith("babelmix.workspace")} == set()


def test_every_test_file_has_a_name_of_its_own() -> None:
    """Else pytest refuses the second one, and only a run of all tests would show it."""
    names = [file.name for file in (SOURCE.parents[1] / "tests").rglob("test_*.py")]
    assert len(names) == len(set(names))
