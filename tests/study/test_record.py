"""The two files of a finished run: what comes back, what a kill leaves, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from study_records import synthetic_records

from babelmix.common.errors import UserError
from babelmix.study import record as module
from babelmix.study.record import HOW, Record, key, read_all_records, read_record, read_records, write_record

NAME, POOL = "base-hybrid-s13", ("hybrid", "xquad-r", "multilingual")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Record:
    folder = tmp_path_factory.mktemp("made")
    one = {"sizes": {"base": (6, 10_646_784)}, "objectives": ("hybrid",), "seeds": (13,)}
    return synthetic_records(folder, **one, forms=("+centre",), untrained=False, bm25=False)[NAME]


@pytest.fixture
def folder(made: Record, tmp_path: Path) -> Path:
    """A folder with the record's two files, to be damaged."""
    for suffix in (".json", ".npz"):
        (tmp_path / NAME).with_suffix(suffix).write_bytes(made.file.with_suffix(suffix).read_bytes())
    return tmp_path


def message(action, *arguments) -> str:
    with pytest.raises(UserError) as error:
        action(*arguments)
    return str(error.value)


def changed(folder: Path, edit) -> Path:
    file = folder / f"{NAME}.json"
    value = json.loads(file.read_text())
    edit(value)
    file.write_text(json.dumps(value))
    return file


def test_what_was_written_comes_back(made: Record, tmp_path: Path) -> None:
    values = {key(*POOL): np.array([0.1234, 1.0, -0.5]), key("hybrid", "native", "monolingual"): np.zeros(2)}
    file = write_record(tmp_path, made.run, made.facts, values)
    found = read_record(file)
    assert (found.run, found.facts, found.file) == (made.run, made.facts, tmp_path / f"{NAME}.npz")
    assert found.values(*POOL).tolist() == [0.1234, 1.0, -0.5]
    assert read_records(tmp_path) == {NAME: found}
    assert read_records(tmp_path / "none") == read_all_records(tmp_path / "none") == {}


def test_the_same_run_gives_the_same_bytes(made: Record, folder: Path) -> None:
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    values = {
        key(system, benchmark, scope): made.values(system, benchmark, scope)
        for system in ("hybrid", "hybrid+centre")
        for benchmark in ("xquad-r", "native", "nfcorpus")
        for scope in ("monolingual", "crosslingual", "multilingual")
        if (benchmark, scope) != ("native", "crosslingual")
    }
    write_record(folder, made.run, made.facts, values)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


@given(arrays(np.float64, st.integers(1, 40), elements=st.sampled_from([0.0, 0.30004, 0.30006, -0.12345, 1.0, 2 / 3])))
def test_rounding_keeps_the_mean_even_where_many_values_are_alike(values: np.ndarray) -> None:
    stored = module._rounded(values * module.SCALE)
    assert abs(stored.sum() / module.SCALE - values.sum()) <= 0.5001 / module.SCALE
    assert abs(stored / module.SCALE - values).max() < 1 / module.SCALE
    assert np.array_equal(stored, np.rint(stored))


def test_rounding_moves_a_mean_of_a_thousand_questions_by_less_than_1e_7(made: Record, tmp_path: Path) -> None:
    values = np.repeat([1.000049, 0.333349, 0.0], [500, 400, 100])  # np.rint would move it by 4e-5
    found = read_record(write_record(tmp_path, made.run, made.facts, {key(*POOL): values}))
    assert abs(found.values(*POOL).mean() - values.mean()) < 1e-7


def test_values_beyond_two_bytes_are_kept(made: Record, tmp_path: Path) -> None:
    values = np.array([3.2767, 40.5, -7.25])
    found = read_record(write_record(tmp_path, made.run, made.facts, {key(*POOL): values}))
    assert np.array_equal(found.values(*POOL), values)


def test_a_score_is_of_the_main_score_unless_another_is_named(made: Record) -> None:
    scopes = made.facts.systems["hybrid"]["nfcorpus"].scopes
    scopes = {**scopes, "multilingual": scopes["multilingual"].model_copy(update={"map": 0.25, "ndcg_at_10": 0.5})}
    scored = made.facts.systems["hybrid"]["nfcorpus"].model_copy(update={"scopes": scopes})
    record = replace(made, facts=made.facts.model_copy(update={"systems": {"hybrid": {"nfcorpus": scored}}}))
    assert record.score("hybrid", "nfcorpus", "multilingual") == 0.5
    assert record.score("hybrid", "nfcorpus", "multilingual", "map") == 0.25
    assert made.score("hybrid", "native", "crosslingual") is None


@pytest.mark.parametrize("older", [False, True])
def test_a_kill_between_the_two_files_leaves_a_run_that_is_not_done(
    made: Record, folder: Path, older: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not older:
        (folder / f"{NAME}.json").unlink()

    def killed(path: Path):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "new_file", killed)
    with pytest.raises(KeyboardInterrupt):
        write_record(folder, made.run, made.facts, {key(*POOL): np.zeros(3)})
    assert read_records(folder) == {}
    monkeypatch.undo()
    write_record(folder, made.run, made.facts, {key(*POOL): np.ones(3)})
    assert read_records(folder)[NAME].values(*POOL).tolist() == [1, 1, 1]
    assert sorted(file.name for file in folder.iterdir()) == [f"{NAME}.json", f"{NAME}.npz"]


def test_a_kill_while_the_values_are_written_leaves_the_older_run(
    made: Record, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", killed)
    with pytest.raises(KeyboardInterrupt):
        write_record(folder, made.run, made.facts, {key(*POOL): np.zeros(3)})
    assert np.array_equal(read_records(folder)[NAME].values(*POOL), made.values(*POOL))


def test_a_damaged_or_incomplete_file_is_named(folder: Path) -> None:
    file = changed(folder, lambda value: value["facts"].pop("machine"))
    assert message(read_records, folder) == f"{file}, facts.machine: field required; make the file again"
    file.write_text("{")
    what = "not valid JSON (expecting property name enclosed in double quotes)"
    assert message(read_record, file).startswith(f"{file}, line 1, column 2: {what};")


def test_a_scope_without_its_score_is_named(folder: Path) -> None:
    def edit(value: dict) -> None:
        value["facts"]["systems"]["hybrid"]["xquad-r"]["scopes"]["multilingual"]["map"] = "high"

    file = changed(folder, edit)
    where = f"{file}, facts.systems.hybrid.xquad-r.scopes.multilingual.map"
    assert message(read_record, file) == f"{where}: input should be a valid number; make the file again"


def test_a_copy_under_another_name_is_refused(folder: Path) -> None:
    copy = folder / "base-hybrid-s14.json"
    copy.write_bytes((folder / f"{NAME}.json").read_bytes())
    what = f"the record of {NAME} under another name; give it back its name, or delete the copy"
    assert message(read_records, folder) == f"{copy}: {what}"


def test_values_that_are_not_there_are_named(folder: Path) -> None:
    record = read_records(folder)[NAME]
    row = f"{record.file}, hybrid|native|crosslingual"
    wanted = f"{row}: not a whole .npz file of questions' values; {HOW}"
    assert message(record.values, "hybrid", "native", "crosslingual") == wanted
    where = f"{record.file}, {key(*POOL)}"
    content = record.file.read_bytes()
    record.file.write_bytes(content[: len(content) // 2])
    assert message(record.values, *POOL) == f"{where}: not a whole .npz file of questions' values; {HOW}"
    record.file.unlink()
    assert message(record.values, *POOL) == f"{where}: no such file; {HOW}"


@pytest.mark.parametrize("rows", [np.array([0.5, 0.25]), np.zeros((2, 2), dtype=np.int16)])
def test_rows_that_are_not_whole_numbers_are_refused(folder: Path, rows: np.ndarray) -> None:
    record = read_records(folder)[NAME]
    np.savez_compressed(record.file, **{key(*POOL): rows})
    assert message(record.values, *POOL) == f"{record.file}, {key(*POOL)}: not a row of whole numbers; {HOW}"


def test_records_of_other_devices_lie_in_folders_below(made: Record, folder: Path) -> None:
    write_record(folder / "h100", made.run, made.facts.model_copy(update={"device": "H100"}), {})
    assert list(read_records(folder)) == [NAME]
    found = read_all_records(folder)
    assert {name: one.facts.device for name, one in found.items()} == {NAME: "cpu", f"h100/{NAME}": "H100"}
