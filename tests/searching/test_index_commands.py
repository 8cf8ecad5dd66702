"""The commands of an index, with a tiny encoder: what they print, write, refuse, and do again after a move."""

import contextlib
import json
import shutil
from io import StringIO

import pytest
from small_pairs import WORDS

from babelmix.cli import run
from babelmix.common.errors import UserError
from babelmix.encoder.build import build_encoder
from babelmix.encoder.settings import Preset
from babelmix.searching.index import SearchIndex

pytestmark = pytest.mark.slow
LANGUAGES = sorted(WORDS)


@pytest.fixture(scope="module")
def made(tmp_path_factory, tiny_encoder):
    """A folder with a model, 12 texts in each of the small languages, and the index of them; and what was said."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "model").symlink_to(tiny_encoder)
    rows = []
    for lang in LANGUAGES:
        words = sorted(WORDS[lang])
        rows += [{"id": f"{lang}{n}", "text": " ".join([*words[n % 7 : n % 7 + 4], str(n)]), "lang": lang}
                 for n in range(12)]  # fmt: skip
    (folder / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(said):
        assert run(["index", "texts.jsonl", "--model", "model", "--output", "index"]) == 0
    return folder, rows, said.getvalue()


@pytest.fixture
def home(made, tmp_path, monkeypatch):
    """A copy of it, which a test may change; returns the rows."""
    shutil.copytree(made[0], tmp_path, dirs_exist_ok=True, symlinks=True)
    monkeypatch.chdir(tmp_path)
    return made[1]


def asked(capsys, *arguments):
    capsys.readouterr()
    assert run(["search", "index", *arguments]) == 0
    return capsys.readouterr().out


def test_an_index_says_what_it_holds(home, made, capsys):
    counts = ", ".join(f"{lang} 12" for lang in LANGUAGES)
    assert f"wrote index: 36 passages ({counts}); exact search; next: babelmix search index" in made[2]
    assert run(["index-check", "index"]) == 0
    assert "every file of index is as it was written" in capsys.readouterr().out


def test_the_table_fits_its_columns(home, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    lines = asked(capsys, home[0]["text"], "--top", "5").splitlines()
    assert len(lines) == 6 and all(len(line) <= 100 for line in lines)
    assert lines[0].split() == ["score", "standing"]
    assert lines[1].split()[:2] == ["1", home[0]["id"][:2]]


def test_json_has_every_field_of_a_hit(home, capsys):
    found = json.loads(asked(capsys, home[0]["text"], "--json", "--top", "6", "--equal-share", "--shift", "0.5"))
    assert found["query"] == home[0]["text"]
    assert [hit["language"] for hit in found["hits"]].count(LANGUAGES[0]) == 2
    assert found["hits"][0].keys() == {
        "id", "text", "title", "language", "score", "rank", "language_rank", "standing",
    }  # fmt: skip


def test_one_language_alone(home, capsys):
    found = json.loads(asked(capsys, "3", "--json", "--languages", LANGUAGES[1]))
    assert {hit["language"] for hit in found["hits"]} == {LANGUAGES[1]}


def test_texts_come_and_go(home, capsys):
    row = {"id": "new", "text": " ".join(sorted(WORDS[LANGUAGES[0]])[:3]), "lang": LANGUAGES[0]}
    with open("more.jsonl", "w") as stream:  # noqa: PTH123
        stream.write(json.dumps(row) + "\n" + json.dumps(home[0]) + "\n")
    assert run(["index-add", "index", "more.jsonl"]) == 0
    assert "added 1, replaced 0, left 1 that were there already" in capsys.readouterr().out
    with open("ids.txt", "w") as stream:  # noqa: PTH123
        stream.write("new\nnope\n")
    assert run(["index-delete", "index", "--ids", "ids.txt", "--id", home[0]["id"]]) == 0
    told = capsys.readouterr()
    assert "deleted 2 documents" in told.out and "has no 1 of these ids: nope" in told.err


def test_an_index_of_another_model_names_both(home, tiny_transformer, tmp_path):
    other = Preset(folder=tiny_transformer, learning_rate=1e-3, query_prefix="other: ", passage_prefix="passage: ")
    build_encoder(other, tmp_path / "other")
    for command in (["search", "index", "a"], ["index-add", "index", "texts.jsonl"]):
        with pytest.raises(UserError) as error:
            run([*command, "--model", "other"])
        assert "other" in str(error.value) and "model" in str(error.value)


def test_a_model_that_moved_is_asked_for(home, tmp_path):
    shutil.copytree((tmp_path / "model").resolve(), tmp_path / "copy")
    assert run(["index", "texts.jsonl", "--model", "copy", "--output", "second"]) == 0
    (tmp_path / "copy").rename(tmp_path / "moved")
    with pytest.raises(UserError, match="say where it is now with --model"):
        run(["search", "second", "a"])
    assert run(["search", "second", "a", "--model", "moved"]) == 0


def test_an_index_is_made_again_after_an_addition_was_killed(home, tmp_path):
    (tmp_path / "index/vectors-000002.npy").write_bytes(b"half")
    assert run(["index", "texts.jsonl", "--model", "model", "--output", "index"]) == 0
    (tmp_path / "index/mine.npy").write_bytes(b"keep")
    with pytest.raises(UserError, match="babelmix did not write"):
        run(["index", "texts.jsonl", "--model", "model", "--output", "index"])


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["search", "index", "  "], "a blank query"),
        (["search", "index", "a", "--languages", "xx"], "unknown language 'xx'"),
        (["search", "index", "a", "--shift", "2"], "less than or equal to 1"),
        (["search", "texts.jsonl", "a"], "an index is a folder"),
        (["index-delete", "index"], "no id"),
        (["index", "texts.jsonl", "--model", "nowhere", "--output", "x"], "no such model folder"),
        (["index", "texts.jsonl", "--model", "model", "--output", "model"], "the output is or holds"),
        (["index", "missing", "--model", "model", "--output", "x"], "no such file or folder"),
    ],
    ids=["blank", "language", "shift", "no-index", "no-id", "no-model", "output-is-model", "no-texts"],
)
def test_what_cannot_be_done_is_one_line(home, arguments, what):
    with pytest.raises(UserError, match=what):
        run(arguments)


def test_a_very_long_query_is_cut_and_said(home, capsys):
    asked_for = "a " * 500_000
    assert run(["search", "index", asked_for, "--top", "1"]) == 0
    assert "a query of 999,999 characters; the first 10,000 are searched for" in capsys.readouterr().err


def test_the_same_texts_give_the_same_bytes(home, tmp_path):
    assert run(["index", "texts.jsonl", "--model", "model", "--output", "again"]) == 0
    for file in (tmp_path / "index").iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes(), file.name
    assert SearchIndex.open(tmp_path / "index").record.model.name == str((tmp_path / "model").resolve())
