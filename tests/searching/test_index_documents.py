"""Documents out of files as people write them, and one line for each that cannot be read."""

import csv
import gzip
import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelmix.benchmarks.sources import beir
from babelmix.common.errors import UserError
from babelmix.searching import folder as module
from babelmix.searching.documents import Document
from babelmix.searching.folder import EMPTY, EQUAL, NO_LANGUAGE, OTHERS, read_documents
from babelmix.searching.languages import checked_language, language_of
from babelmix.searching.pages import LARGEST, PART, read_page

GERMAN = "Um eine Seite zu drucken, drücken Sie die Tasten und wählen den Drucker aus."
ENGLISH = "To print a page, press the keys and choose the printer from the list."


def read(path, **options):
    counts = Counter()
    return list(read_documents(path, counts, **options)), dict(counts)


ROWS = [{"id": "a", "title": "Drucken", "text": GERMAN}, {"id": 7, "text": ENGLISH, "lang": "en-GB"}]
DOCUMENTS = [Document("a", GERMAN, "Drucken", "de"), Document("7", ENGLISH, None, "en")]


def write_jsonl(file, rows):
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_csv(file, rows):
    cells = [[row.get("id"), row.get("title", ""), f'"{row["text"]}"', row.get("lang", "")] for row in rows]
    file.write_text("id;title;text;lang\n" + "".join(";".join(map(str, row)) + "\n" for row in cells), encoding="utf-8")


def write_parquet(file, rows):
    columns = {name: [None if (v := row.get(name)) is None else str(v) for row in rows]
               for name in ("id", "title", "text", "lang")}  # fmt: skip
    pq.write_table(pa.table(columns | {"vector": [[1.0]] * len(rows)}), file)


@pytest.mark.parametrize(
    ("name", "write"),
    [("t.jsonl", write_jsonl), ("t.csv", write_csv), ("t.parquet", write_parquet)],
    ids=["jsonl", "csv", "parquet"],
)
def test_the_same_rows_in_any_form_are_the_same_documents(name, write, tmp_path):
    write(tmp_path / name, ROWS)
    assert read(tmp_path / name) == (DOCUMENTS, {})
    assert read(tmp_path) == (DOCUMENTS, {})


def test_packed_lines_and_cells_of_many_lines_are_read(tmp_path):
    with gzip.open(tmp_path / "t.jsonl.gz", "wt", encoding="utf-8") as stream:
        stream.write(json.dumps(ROWS[0]))
    (tmp_path / "u.tsv").write_text('text\n"one line\nand another, of one cell"\n')
    documents, _ = read(tmp_path)
    assert [d.id for d in documents] == ["a", "u.tsv:1"]
    assert documents[1].text == "one line\nand another, of one cell"


def test_a_long_cell_is_read_and_the_limit_of_the_process_stays(tmp_path):
    before = csv.field_size_limit()
    (tmp_path / "t.csv").write_text(f"text\n{'long ' * 50_000}\n")
    documents, _ = read(tmp_path)
    assert len(documents[0].text) == 250_000 - 1
    assert csv.field_size_limit() == before


def test_beir_files_name_their_language(tmp_path):
    write_jsonl(tmp_path / "corpus.jsonl", [{"_id": "1", "title": "", "text": ENGLISH}])
    write_jsonl(tmp_path / "corpus.de.jsonl", [{"_id": "1", "text": GERMAN}])
    write_jsonl(tmp_path / "queries.jsonl", [{"_id": "q", "text": "no document"}])
    assert read(tmp_path)[0] == [Document("de:1", GERMAN, None, "de"), Document("en:1", ENGLISH, None, "en")]
    assert read(tmp_path / "corpus.jsonl")[0] == [Document("1", ENGLISH, None, "en")]


def test_a_folder_in_beir_form_has_the_ids_of_its_benchmark(tmp_path):
    rows = [{"id": "7", "_id": "D1", "text": GERMAN}, {"_id": "D2", "title": "A title alone", "text": None}]
    write_jsonl(tmp_path / "corpus.jsonl", rows)
    write_jsonl(tmp_path / "queries.jsonl", [{"_id": "q", "text": "print"}])
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\nq\tD1\t1\n")
    benchmark, _ = beir.build(tmp_path, "small")
    found = [(one.id, one.language, one.passage) for one in read(tmp_path)[0]]
    assert found == [(one.id, one.lang, one.text) for one in benchmark.passages] and len(found) == 2
    assert [one.id for one in read(tmp_path, language="de")[0]] == ["de:D1", "de:D2"]


def test_what_is_left_out_or_odd_is_counted(tmp_path):
    rows = [{"id": "a", "text": GERMAN}, {"id": "b", "text": GERMAN}, {"id": "a", "text": GERMAN}]
    rows += [{"id": "c", "text": "  "}, {"id": "d", "text": None}, {"id": "e", "text": "4711 / 0815 :-)"}]
    write_jsonl(tmp_path / "t.jsonl", rows)
    (tmp_path / "photo.jpg").write_bytes(b"\xff")
    (tmp_path / ".hidden.md").write_text("hidden")
    documents, counts = read(tmp_path)
    assert [d.id for d in documents] == ["a", "b", "e"]
    assert documents[2].language is None
    assert counts == {EMPTY: 2, module.AGAIN: 1, EQUAL: 1, NO_LANGUAGE: 1, OTHERS: 1}


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    (tmp_path / "outside.txt").write_text("a secret")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link.txt").symlink_to(tmp_path / "outside.txt")
    (tmp_path / "in" / "own.txt").write_text(ENGLISH)
    documents, counts = read(tmp_path / "in")
    assert [d.text for d in documents] == [ENGLISH] and counts == {module.OUTSIDE: 1}


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("t.jsonl", b'{"id": "a", "body2": "x"}', "t.jsonl, line 1: no text"),
        ("t.jsonl", b'{"text": "x"', "t.jsonl, line 1, column 13: not valid JSON"),
        ("t.jsonl", b'{"text": 7}', "line 1, text: not a text: 7"),
        ("t.jsonl", b'{"text": "\\ud800"}', "half a character"),
        ("t.jsonl", b'{"text": "x", "lang": "Deutsch"}', "not a language: Deutsch"),
        ("t.jsonl", b'{"id": "a", "text": "x"}\n{"id": "a", "text": "y"}', "two texts with the id 'a'"),
        ("t.jsonl", b'{"id": 1.5, "text": "x"}', "line 1, id: not an id"),
        ("t.csv", b"id,text\n1,2,3\n", "t.csv, line 2: 3 cells, where the first line names 2 columns"),
        ("t.csv", b'text\n"open', "t.csv, line 2: not a row of a table"),
        ("t.csv", b"text,text\na,b\n", "two columns of one name"),
        ("t.csv", b"text\nGr\xfc\xdfe\n", "not UTF-8 text"),
        ("t.parquet", b"PAR1 and no more", "not a whole Parquet file"),
        ("t.html", b"<p>Gr\xfc\xdfe</p>", "not UTF-8 text"),
        ("t.html", b'<meta charset="utf-99"><p>Gr\xfc\xdfe</p>', "not utf-99, as it says"),
        ("t.html", gzip.compress(b"<p>x</p>"), "a packed page"),
        ("t.exe", b"MZ", "not a kind of file that is read"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("t.") else "",
)
def test_a_file_that_cannot_be_read_is_one_line(name, content, what, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        read(tmp_path / name)
    assert what in str(error.value) and name in str(error.value) + name


@given(
    st.sampled_from([*module.KINDS, ".json", ".jsonl.gz"]),
    st.one_of(
        st.binary(max_size=300),
        st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.text('{}[]":,text id\\n;<>/p#-', max_size=200).map(str.encode),
    ),
)
def test_any_bytes_are_documents_or_one_line(tmp_path_factory, kind, content):
    file = tmp_path_factory.getbasetemp() / f"any{kind}"
    file.write_bytes(content)
    try:
        assert all(isinstance(document, Document) and document.passage for document in read(file)[0])
    except UserError as error:
        assert "\n" not in str(error)


def test_a_folder_without_texts_is_one_line(tmp_path):
    with pytest.raises(UserError, match="no file of a known kind here"):
        read(tmp_path)
    with pytest.raises(UserError, match="no such file or folder"):
        read(tmp_path / "missing")


HTML = """<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html><html lang="en-US"><head><title>Help</title>
<style>p {}</style><script>var text = "hidden"</script></head><body><nav><a href="/">menu</a></nav>
<h1>Printing</h1><p>Press <b>Ctrl</b>+P.</p><ul><li>Choose a printer.</li><li>Press Print.</li></ul>
<h2>Paper</h2><p>Choose A4.<br>Or A3.</p><!-- comment --><p hidden></p></body></html>"""


def test_a_page_is_its_text_below_headings(tmp_path):
    (tmp_path / "p.html").write_text(HTML)
    page = read_page(tmp_path / "p.html")
    assert page.language == "en"
    assert [(part.title, part.text) for part in page.passages] == [
        ("Help – Printing", "Press Ctrl+P. Choose a printer. Press Print."),
        ("Help – Paper", "Choose A4. Or A3."),
    ]


def test_markdown_is_read_as_its_page(tmp_path):
    text = "---\nlayout: x\n---\nBefore all.\n\n# Sound\n\nUse the *slider*,\nsee [here](x.md).\n"
    text += "\n| a | b |\n|--|--|\n| c | d |\n"
    (tmp_path / "p.md").write_text(text)
    found = [(part.title, part.text) for part in read_page(tmp_path / "p.md").passages]
    assert found == [(None, "Before all."), ("Sound", "Use the slider, see here. a b c d")]


def test_a_page_in_the_encoding_that_it_names(tmp_path):
    (tmp_path / "p.html").write_bytes('<meta charset="windows-1252"><p>Grüße – „so“</p>'.encode("cp1252"))
    assert [part.text for part in read_page(tmp_path / "p.html").passages] == ["Grüße – „so“"]


def test_a_long_page_is_cut_at_sentences(tmp_path):
    sentence = "This sentence is one of very many. "
    (tmp_path / "p.txt").write_text(sentence * 200)
    parts = [part.text for part in read_page(tmp_path / "p.txt").passages]
    assert all(len(part) <= PART and part.endswith("many.") for part in parts)
    assert " ".join(parts) == (sentence * 200).strip()


def test_a_page_that_is_too_large_is_refused(tmp_path):
    (tmp_path / "p.html").write_bytes(b"x" * (LARGEST + 1))
    with pytest.raises(UserError, match="a page may have 16"):
        read_page(tmp_path / "p.html")


@pytest.mark.parametrize("content", ["", "<html></html>", "<p>", "\x00", "<" * 5000])
def test_odd_pages_are_read(content, tmp_path):
    (tmp_path / "p.html").write_text(content)
    read_page(tmp_path / "p.html")


@pytest.mark.parametrize(
    ("name", "content", "last"),
    [
        ("p.html", "<div>" * 300 + "<p>inside</p>" + "</div>" * 300 + "<p>after</p>", "inside after"),
        ("p.html", "".join(f"<p><font>para {n}" for n in range(400)), "para 399"),
        ("p.html", f"<!--{'x' * 11_000_000}--><p>after</p>", "after"),
        ("p.md", "> " * 90 + "inside\n\nafter\n", "inside after"),
    ],
    ids=["divs", "unclosed", "large", "quotes"],
)
def test_a_large_or_deep_page_is_read_to_its_end(name, content, last, tmp_path):
    (tmp_path / name).write_text(content)
    assert read_page(tmp_path / name).passages[-1].text.endswith(last)


@pytest.mark.parametrize(
    ("name", "content"),
    [("p.html", "<div>" * 5000 + "x"), ("p.md", "> " * 400 + "x"), ("p.md", "- " * 400 + "x")],
    ids=["divs", "quotes", "lists"],
)
def test_a_page_that_is_too_deep_is_refused(name, content, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=rf"{name}: nested too deeply"):
        read_page(tmp_path / name)


def test_a_heading_of_two_lines_is_one(tmp_path):
    (tmp_path / "p.html").write_text("<h1>Foo<br>Bar</h1><p>one<br>two</p>")
    assert [(part.title, part.text) for part in read_page(tmp_path / "p.html").passages] == [("Foo Bar", "one two")]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (
            "<h1><div>Printing</div></h1><p>press</p><h1>Foo<div>Bar</div></h1><p>x</p>",
            [("Printing", "press"), ("Foo Bar", "x")],
        ),
        (
            f"<h1>Never closed<div>{'a long text. ' * 30}</div>",
            [(None, "Never closed " + ("a long text. " * 30).strip())],
        ),
    ],
    ids=["blocks", "not closed"],
)
def test_blocks_within_a_heading_are_of_it_unless_it_was_not_closed(tmp_path, html, expected):
    (tmp_path / "p.html").write_text(html)
    assert [(part.title, part.text) for part in read_page(tmp_path / "p.html").passages] == expected


@pytest.mark.parametrize(
    ("text", "language"),
    [(GERMAN, "de"), ("这是一个关于打印机的问题", "zh"), ("12345", None), ("", None), ("?!", None)],
    ids=["german", "chinese", "numbers", "empty", "signs"],
)
def test_the_language_of_a_text(text, language):
    assert language_of(text) == language


def test_a_named_language_loses_its_region():
    assert [checked_language(code, "here") for code in ("pt-BR", "DE", "und", "", None)] == [
        "pt",
        "de",
        None,
        None,
        None,
    ]
