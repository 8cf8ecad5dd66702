"""Judgements as people publish them: every form gives the same scores, and a fault is told with its place."""

import gzip
import json
from pathlib import Path

import pytest

from babelmix.benchmarks.sources.judgements import Judgements, read_judgements
from babelmix.common.errors import UserError

QUERIES, DOCUMENTS = {"q1", "q2", "7"}, {"d1", "d2", "0", "8", '"x"'}
SCORES = {("q1", "d1"): 1, ("q2", "d2"): 2}
PLAIN = "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t2\n"


def read(folder: Path, text: str | bytes, name: str = "test.tsv") -> Judgements:
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return read_judgements(folder / name, QUERIES, DOCUMENTS)


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.split("\n", 1)[1],
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\n\n"),
        PLAIN.removesuffix("\n"),
        PLAIN.replace("\t", " "),
        PLAIN.replace("\t", "   "),
        PLAIN.replace("q1\t", "q1 \t ").replace("\t2\n", "\t 2 \n"),
        PLAIN.replace("\t1\n", "\t1.0\n").replace("\t2\n", "\t2.\n"),
        PLAIN.replace("\t1\n", "\t+1\n").replace("\t2\n", '\t"2.0"\n'),
        PLAIN.replace("q1", '"q1"').replace("d2", '"d2"'),
        '"query-id"\t"corpus-id"\t"score"\n"q1"\t"d1"\t"1"\n"q2"\t"d2"\t"2"\n',
        PLAIN.replace("query-id\tcorpus-id\tscore", "query_id\tdoc_id\trelevance"),
        PLAIN.replace("query-id\tcorpus-id\tscore", "Query-ID\tdocument-id\tLabel"),
        PLAIN.replace("query-id\tcorpus-id\tscore", "Anfrage\tDokument\tNote"),
        "corpus-id\tscore\tquery-id\nd1\t1\tq1\nd2\t2\tq2\n",
        "query-id\tcorpus-id\tscore\tby\nq1\td1\t1\tA\nq2\td2\t2\tB\n",
        "q1\td1\t1\tA\nq2\td2\t2\tB\n",
        "q1\td1\t1\t\nq2\td2\t2\t\n",
        "q1 0 d1 1\nq2 0 d2 2\n",
        "q1\tQ0\td1\t1\nq2\tQ0\td2\t2\n",
        "qid iter docno rel\nq1 0 d1 1\nq2 0 d2 2\n",
        "query-id\tQ0\tcorpus-id\tscore\nq1\t0\td1\t1\nq2\t0\td2\t2\n",
        "\ufeff" + PLAIN,
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-le"),
        gzip.compress(PLAIN.encode(), mtime=0),
    ],
)
def test_every_form_of_a_table_gives_the_same_scores(tmp_path: Path, text: str | bytes) -> None:
    assert read(tmp_path, text) == Judgements(SCORES, 0, 0)


@pytest.mark.parametrize(
    "rows",
    [
        [{"query-id": "q1", "corpus-id": "d1", "score": 1}, {"query-id": "q2", "corpus-id": "d2", "score": 2.0}],
        [{"query_id": "q1", "doc_id": "d1", "relevance": "1"}, {"score": "2", "qid": "q2", "docid": "d2", "by": None}],
        [{"query-id": "q1", "corpus-id": "d1"}, {"query-id": "q2", "corpus-id": "d2", "score": 2}],
    ],
)
def test_judgements_as_json_lines_are_read(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    lines = "\n".join(map(json.dumps, rows))
    assert read(tmp_path, lines, "test.jsonl") == Judgements(SCORES, 0, 0)
    assert read(tmp_path, json.dumps(rows, indent=1), "test.jsonl") == Judgements(SCORES, 0, 0)
    assert read(tmp_path, gzip.compress(lines.encode(), mtime=0), "test.jsonl.gz") == Judgements(SCORES, 0, 0)


@pytest.mark.parametrize(
    ("text", "scores"),
    [
        ("", {}),
        ("query-id\tcorpus-id\tscore\n", {}),
        ("query-id\tcorpus-id\nq1\td1\n", {("q1", "d1"): 1}),  # NanoBEIR's two columns: what is there is relevant
        ("7\t8\t1\n7.0\t8.0\t2\n", {("7", "8"): 2}),  # as pandas writes whole numbers beside a gap
        ('q1\t"x"\t1\n', {("q1", '"x"'): 1}),  # an id may have quotes of its own
        ('q1\t"a ""b"""\t1\n', {("q1", 'a "b"'): 1}),
        ("q1\td1\t-1\nq2\td2\t0\n", {("q1", "d1"): -1, ("q2", "d2"): 0}),
        ("q1 0 8 1\nq1 0 d1 2\n", {("q1", "8"): 1, ("q1", "d1"): 2}),  # though "0" is a document too
        ("x\ty\t1\nq1\tz\t2\n", {("x", "y"): 1, ("q1", "z"): 2}),  # a first line is no header for unknown ids alone
        ("caf\u0065\u0301\td1\t1\n", {("caf\u00e9", "d1"): 1}),
    ],
)
def test_what_a_table_may_hold(tmp_path: Path, text: str, scores: dict[tuple[str, str], int]) -> None:
    assert read(tmp_path, text).scores == scores


def test_of_several_scores_of_a_pair_the_highest_is_kept(tmp_path: Path) -> None:
    text = "q1\td1\t1\nq1\td1\t1.0\nq1\td1\t3\nq1\td1\t2\nq2\td2\t0\n"
    assert read(tmp_path, text) == Judgements({("q1", "d1"): 3, ("q2", "d2"): 0}, 1, 2)


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("q1\td1\n", "line 1", "2 fields, not 3"),
        (PLAIN + "q1\n", "line 4", "1 fields, not 3"),
        ("q1 0 d1 1\nq1 0 d1\n", "line 1, score", "not a whole number: 'd1'"),
        ("q1,d1,1\n", "line 1", "1 fields, not 3"),
        ("q1\td1\t1.5\n", "line 1, score", "not a whole number: '1.5'"),
        ("q1\td1\tNaN\n", "line 1, score", "not a whole number: 'NaN'"),
        ("q1\td1\tyes\n", "line 1, score", "not a whole number: 'yes'"),
        ("q1\td1\t1_0\n", "line 1, score", "not a whole number: '1_0'"),
        ("q1\td1\t" + "9" * 5000, "line 1, score", "not a whole number: '9999"),
        (PLAIN + PLAIN, "line 4, score", "not a whole number: 'score'"),
        ("\td1\t1\n", "line 1, query-id", "blank id"),
        ('q1\t""\t1\n', "line 1, corpus-id", "blank id"),
        ("q1\td\x001\t1\n", "line 1, corpus-id, character 2", "a control character (U+0000)"),
        ("q1\td1\x1f\t1\n", "line 1, corpus-id, character 3", "a control character (U+001F)"),
        ("q1\t" + "d" * 200_000 + "\t1\n", "line 1, corpus-id", "an id of 200,000 characters"),
        (PLAIN.encode() + b"q\xe9\td1\t1\n", "line 4", "not UTF-8 text (byte 0xe9"),
    ],
)
def test_a_fault_of_a_table_is_told_in_one_short_line(tmp_path: Path, text: str | bytes, where: str, what: str) -> None:
    with pytest.raises(UserError) as found:
        read(tmp_path, text)
    assert found.value.where == f"{tmp_path / 'test.tsv'}, {where}"
    assert found.value.what.startswith(what)
    assert len(str(found.value).removeprefix(str(tmp_path))) < 250


@pytest.mark.parametrize(
    ("row", "where", "what"),
    [
        ('{"query": "q1", "score": 1}', "line 1", "no query-id and corpus-id among the fields 'query, score'"),
        ('{"query-id": "q1", "corpus-id": null, "score": 1}', "line 1, corpus-id", "missing"),
        ('{"query-id": "q1", "corpus-id": "d1", "score": null}', "line 1, score", "not a whole number: null"),
        ('{"query-id": "q1", "corpus-id": "d1", "score": NaN}', "line 1, score", "not a whole number: NaN"),
        ('{"query-id": "q1", "corpus-id": "d1", "score": true}', "line 1, score", "not a whole number: true"),
        ('{"query-id": "q1", "corpus-id": "d1", "score": 1e300}', "line 1, score", "not a whole number: 1e+300"),
        ('{"query-id": "q1", "corpus-id": "d1", "score": [1]}', "line 1, score", "not a whole number: a list"),
        ('["q1", "d1", 1]', "line 1, object 1", "not a JSON object"),
    ],
)
def test_a_fault_of_json_judgements_is_told(tmp_path: Path, row: str, where: str, what: str) -> None:
    with pytest.raises(UserError) as found:
        read(tmp_path, row, "test.jsonl")
    assert found.value.where == f"{tmp_path / 'test.jsonl'}, {where}"
    assert found.value.what == what
