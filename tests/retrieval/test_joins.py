"""Every vector is joined to its text: by ids of either kind in any order, or in the order of the user's file."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelmix.benchmarks.benchmark import Benchmark, OwnId, Passage, Qrel, Query
from babelmix.benchmarks.files import write_benchmark
from babelmix.common.errors import UserError
from babelmix.retrieval import joins
from babelmix.retrieval.joins import join
from babelmix.retrieval.vectors import open_shards

# As a reader leaves it: the benchmark's order is that of its ids, the user's is 2, 10, 1 and x was left out.
OWN = (
    OwnId("2", "en:2", "en"),
    OwnId("10", "en:10", "en"),
    OwnId("x", "", "en"),
    OwnId("1", "en:1", "en"),
)


def write(folder: Path, own: tuple[OwnId, ...] = OWN) -> Path:
    """A benchmark whose queries and passages are called alike, in two languages where `own` has two."""
    kept = sorted((row for row in own if row.id), key=lambda row: row.id)
    queries = tuple(Query(row.id, row.own, row.lang, f"query {row.id}") for row in kept)
    passages = tuple(Passage(row.id, row.lang, f"passage {row.id}") for row in kept)
    qrels = tuple(Qrel(name, next(row.id for row in kept if row.own == name)) for name in {row.own for row in kept})
    write_benchmark(folder / "b", Benchmark("b", queries, passages, qrels, (), own, own))
    return folder / "b"


def vector(number: int) -> list[float]:
    return [float(number), 1.0]


def save(folder: Path, name: str, rows: list[int], ids: list[str] | str | None = None) -> None:
    np.save(folder / f"{name}.npy", np.array([vector(number) for number in rows], dtype=np.float32))
    if ids is not None:
        text = ids if isinstance(ids, str) else "".join(f"{line}\n" for line in ids)
        (folder / f"{name}.txt").write_bytes(text.encode())


def numbers(joined: joins.Joined) -> list[int]:
    """The first number of every vector, in the benchmark's order."""
    return joined.rows[:][:, 0].astype(int).tolist()


def joined(folder: Path, name: str = "passages") -> joins.Joined:
    return join(open_shards(folder, name), name, folder, folder / "b")


@given(st.permutations(range(4)), st.sampled_from(["own", "benchmark", "language", "mixed"]))
def test_ids_of_either_kind_stand_in_any_order(order: list[int], kind: str) -> None:
    names = {
        "own": ["1", "10", "2", "x"],
        "benchmark": ["en:1", "en:10", "en:2", "x"],
        "language": ["en:1", "en:10", "en:2", "en:x"],
        "mixed": ["en:1", "10", "en:2", "x"],
    }[kind]
    with TemporaryDirectory() as place:
        folder = Path(place)
        write(folder)
        save(folder, "passages", [int(number) for number in order], [names[number] for number in order])
        found = joined(folder)
        assert (numbers(found), found.by) == ([0, 1, 2], "ids")
        assert found.notes == ("1 of 4 rows of passages.npy skipped: texts that were left out or are not judged",)
        assert found.rows[1:2][:, 0].tolist() == [1] and found.rows[np.array([0, 2])][:, 0].tolist() == [0, 2]


def test_without_ids_the_order_is_that_of_the_users_file_and_that_is_said(tmp_path: Path) -> None:
    write(tmp_path)
    save(tmp_path, "passages", [2, 10, 99, 1])
    found = joined(tmp_path)
    assert (numbers(found), found.by) == ([1, 10, 2], "order")
    (note,) = found.notes
    assert note.startswith("no passages.txt: rows of passages.npy are taken in the order of the passages")
    assert "; 1 of 4 skipped: texts" in note


@pytest.mark.parametrize("rows", [[2, 10, 99, 1], [2, 10, 1]])
def test_queries_may_also_be_the_judged_ones_alone(rows: list[int], tmp_path: Path) -> None:
    write(tmp_path)
    save(tmp_path, "queries", rows)
    assert numbers(joined(tmp_path, "queries")) == [1, 10, 2]


@pytest.mark.parametrize(
    ("name", "rows", "told"),
    [
        ("passages", [2, 10, 1], r"passages.npy: 3 rows for the 4 passages of the file; write passages.txt too"),
        ("queries", [1, 2], r"2 rows for the 4 queries of the file \(3 of them judged\); write queries.txt too"),
    ],
)
def test_numbers_that_do_not_fit_are_told_both(name: str, rows: list[int], told: str, tmp_path: Path) -> None:
    write(tmp_path)
    save(tmp_path, name, rows)
    with pytest.raises(UserError, match=told):
        joined(tmp_path, name)


def test_a_benchmark_that_no_file_was_read_into_has_its_own_order(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "b/own-passages.jsonl").unlink()
    save(tmp_path, "passages", [1, 10, 2])
    found = joined(tmp_path)
    assert (numbers(found), found.by) == ([1, 10, 2], "order") and "order of passages.jsonl" in found.notes[0]
    save(tmp_path, "passages", [1, 10])
    with pytest.raises(UserError, match="2 rows for the benchmark's 3 passages"):
        joined(tmp_path)


def test_texts_that_the_users_file_does_not_have_are_joined_by_ids_or_the_benchmarks_order(tmp_path: Path) -> None:
    write(tmp_path, OWN)
    own = (tmp_path / "b/own-queries.jsonl").read_text().splitlines()
    (tmp_path / "b/own-queries.jsonl").write_text("\n".join(own[1:]) + "\n")  # a machine translated en:2
    save(tmp_path, "queries", [1, 10, 2])
    assert numbers(joined(tmp_path, "queries")) == [1, 10, 2]
    save(tmp_path, "queries", [2, 1, 10], ["en:2", "1", "10"])
    assert numbers(joined(tmp_path, "queries")) == [1, 10, 2]


def test_ids_in_the_benchmarks_order_are_compared_without_being_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path)
    save(tmp_path, "passages", [1, 10, 2], ["en:1", "en:10", "en:2"])
    monkeypatch.setattr(joins, "read_own_ids", None)
    found = joined(tmp_path)
    assert type(found.rows).__name__ == "Shards" and numbers(found) == [1, 10, 2] and found.notes == ()


@pytest.mark.parametrize(
    "ids",
    ["\ufeff1\n10\n2\n", " 1\n10 \n2\n", "1\r\n10\r\n2\r\n", "1\n10\n2", "1\n10\n2\n\n\r\n", "en:1\r\nen:10\r\nen:2"],
)
def test_byte_order_marks_line_ends_and_blank_lines_at_the_end_are_no_ids(ids: str, tmp_path: Path) -> None:
    write(tmp_path)
    save(tmp_path, "passages", [1, 10, 2], ids)
    assert numbers(joined(tmp_path)) == [1, 10, 2]


def test_one_id_in_several_languages_needs_its_language(tmp_path: Path) -> None:
    own = (OwnId("1", "de:1", "de"), OwnId("2", "de:2", "de"), OwnId("1", "en:1", "en"), OwnId("3", "", "en"))
    write(tmp_path, own)
    save(tmp_path, "passages", [21, 22, 11], ["en:1", "2", "de:1"])
    assert numbers(joined(tmp_path)) == [11, 22, 21]
    save(tmp_path, "passages", [21, 22], ["1", "2"])
    with pytest.raises(UserError, match=r"no row for 'de:1'.*write 'de:1': several languages have the id '1'"):
        joined(tmp_path)
    # ... but for the user's file itself, line by line.
    save(tmp_path, "passages", [11, 22, 21, 99], ["1", "2", "1", "3"])
    assert numbers(joined(tmp_path)) == [11, 22, 21]


def test_an_id_of_the_users_that_is_another_text_of_the_benchmark(tmp_path: Path) -> None:
    own = (OwnId("en:1", "en:en:1", "en"), OwnId("1", "en:1", "en"))
    write(tmp_path, own)
    for ids in (["1", "en:1"], ["en:1", "en:en:1"]):  # the user's ids, then the benchmark's: of en:1, then of en:en:1
        save(tmp_path, "passages", [1, 2], ids)
        assert numbers(joined(tmp_path)) == [1, 2], ids


@pytest.mark.parametrize(
    ("rows", "ids", "told"),
    [
        ([1, 10, 2], ["1", "10", "10"], r"passages.txt, line 3: duplicate id '10'; line 2 has the same id"),
        ([1, 10, 2, 3], ["1", "10", "2", "en:2"], r"passages.txt: 'en:2' and '2' name the same text"),
        ([1, 10], ["1", "10", "2"], r"passages.txt: 3 ids for 2 rows of passages.npy"),
        ([1, 10, 2], ["1", "10", "3"], r"passages.txt: no row for 'en:2' \('2' in the user's file\)"),
        ([1, 10, 2], ["1", "", "2"], r"passages.txt, line 2: an empty id"),
    ],
)
def test_ids_that_do_not_fit_are_told(rows: list[int], ids: list[str], told: str, tmp_path: Path) -> None:
    write(tmp_path)
    save(tmp_path, "passages", rows, ids)
    with pytest.raises(UserError, match=told):
        joined(tmp_path)


def test_ids_that_nothing_here_has_are_counted_and_one_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    save(tmp_path, "passages", [1, 7, 10, 2, 8], ["1", "seven", "10", "2", "eight"])
    found = joined(tmp_path)
    assert numbers(found) == [1, 10, 2]
    assert found.notes == ("2 of 5 rows of passages.npy skipped: unknown ids, such as 'seven'",)


@given(st.integers(1, 40), st.data())
def test_rows_are_picked_whatever_the_order_and_the_shards(count: int, data: st.DataObject) -> None:
    own = tuple(OwnId(f"{n}", f"en:{n:03}" if n % 5 else "", "en") for n in range(1, count + 1))
    order = data.draw(st.permutations(range(count)))
    cut = data.draw(st.integers(0, count))
    with TemporaryDirectory() as place:
        folder = Path(place)
        write(folder, own)
        whole = np.array([vector(int(own[row].own)) for row in order])
        for number, part in enumerate(part for part in np.split(whole, [cut]) if len(part)):
            np.save(folder / f"passages-{number:05}.npy", part)
        (folder / "passages.txt").write_text("".join(f"{own[row].own}\n" for row in order))
        found = joined(folder)
        wanted = [int(row.own) for row in own if row.id]
        assert numbers(found) == wanted
        rows = np.array(sorted(data.draw(st.lists(st.integers(0, len(wanted) - 1)))), dtype=np.intp) if wanted else []
        assert found.rows[np.array(rows, dtype=np.intp)][:, 0].tolist() == [wanted[row] for row in rows]
