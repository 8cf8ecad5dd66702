"""Output works on every terminal, and no text moves the cursor, starts a line or counts as markup."""

import io
import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelmix.common.errors import UserError
from babelmix.common.one_line import first_line, one_line
from babelmix.common.progress import done, progress, say, terminal
from babelmix.common.terminal import ERRORS, fit_stdout, reader_gone

ROOT = Path(__file__).parents[2]
ENCODINGS = ("latin-1", "ascii", "cp1252", "koi8-r", "utf-8")


@given(st.text(st.characters(exclude_categories=())), st.integers(20, 400))
def test_any_text_is_one_printable_line_of_limited_length(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert line.isprintable() and len(line.splitlines()) <= 1
    assert len(line) <= 10 * (limit + 40)
    assert one_line(line, len(line)) == line
    if text.isprintable() and len(text) <= limit:
        assert line == text


def test_what_is_cut_says_how_much_and_keeps_both_ends() -> None:
    assert one_line("a" * 500 + "b" * 500, 300) == f"{'a' * 200}[... 700 characters ...]{'b' * 100}"
    assert first_line(ValueError("\n  \nsecond\nthird")) == "second"
    assert first_line(ValueError()) == ""


@given(st.text(st.characters(exclude_categories=()), max_size=60), st.sampled_from(ENCODINGS))
def test_any_text_can_be_printed_in_any_encoding(text: str, encoding: str) -> None:
    before, raw = sys.stdout, io.BytesIO()
    sys.stdout = stream = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    try:
        fit_stdout()
        print(text)
        terminal().print(text)
    finally:
        sys.stdout = before
    assert raw.getvalue().decode(encoding)
    stream.close()


def test_signs_of_ours_have_one_sign_like_them_elsewhere() -> None:
    fit_stdout()
    for sign in "…✓×−–—":
        like = sign.encode("ascii", ERRORS)
        assert len(like) == 1 and like.isascii(), unicodedata.name(sign)
    assert "пять".encode("latin-1", ERRORS) == rb"\u043f\u044f\u0442\u044c"
    assert "\u200e1\udcff".encode("latin-1", ERRORS) == rb"1\udcff"


def test_a_table_has_lines_of_ascii_where_the_terminal_has_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.table import Table

    table = Table("id", title="[/b] :smile:")
    table.add_row("page[/h]#x")
    shown = {}
    for encoding in ("latin-1", "utf-8"):
        raw = io.BytesIO()
        with monkeypatch.context() as patch:
            patch.setattr("sys.stdout", stream := io.TextIOWrapper(raw, encoding=encoding, write_through=True))
            terminal().print(table)
        assert not stream.closed
        shown[encoding] = raw.getvalue().decode(encoding)
    assert shown["latin-1"].isascii() and "┏" in shown["utf-8"]
    assert all("page[/h]#x" in text and "[/b] :smile:" in text for text in shown.values())


def test_a_label_of_a_bar_is_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = io.StringIO()
    stderr.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stderr", stderr)
    with progress("embed a[/b]\nc\x1b[2J", 2) as step:
        step(1)
    assert r"embed a[/b]\nc\x1b[2J" in stderr.getvalue()


def test_notes_and_closing_lines_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    done("wrote a\nb\x1b[2J", "look into a\nb")
    say("going on in a\nb")
    told = capsys.readouterr()
    assert told.out == "babelmix: wrote a\\nb\\x1b[2J; next: look into a\\nb\n"
    assert told.err == "babelmix: going on in a\\nb\n"


def test_a_user_error_comes_back_whole_from_another_process() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(UserError("what", where="where", how="how")))
    assert (type(error), str(error)) == (UserError, "where: what; how")


def test_a_reader_is_gone_when_its_end_of_the_pipe_is_closed() -> None:
    reading, writing = os.pipe()
    with open(writing, "w") as stream:  # noqa: PTH123 -- of a number
        assert not reader_gone(stream)
        os.close(reading)
        assert reader_gone(stream)
    assert not reader_gone(None) and not reader_gone(io.StringIO()) and not reader_gone(stream)


def babelmix(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    settings = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"} | environment
    command = [sys.executable, "-m", "babelmix", *arguments]
    return subprocess.run(command, cwd=cwd, env=settings, capture_output=True, check=False, timeout=900)


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    """A folder in BEIR form whose name, ids and texts have signs that Latin-1 and ASCII have not."""
    folder = tmp_path / "Prüfung … ✓"
    (folder / "qrels").mkdir(parents=True)
    for name, prefix in (("corpus", "д"), ("queries", "в")):
        rows = [{"_id": f"{prefix}{number}", "text": f"{name} {word}"} for number, word in enumerate(("один", "два"))]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nв0\tд0\t1\nв1\tд1\t1\n")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "ascii:strict"},
        {"LC_ALL": "C"},
    ],
    ids=["latin-1", "ascii", "C"],
)
def test_commands_print_on_terminals_of_few_signs(judged: Path, environment: dict[str, str]) -> None:
    told = babelmix("--help", cwd=ROOT, **environment)
    assert told.returncode == 0 and b"Usage: babelmix" in told.stdout and told.stderr == b""
    output = f"Erg…ebnis-{'-'.join(environment)}.json"
    told = babelmix(
        "evaluate", "--model", "bm25", "--benchmark", str(judged), "--output", output,
        cwd=judged.parent, **environment,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith(b"babelmix: wrote Erg") and (judged.parent / output).is_file()
    told = babelmix("plan", "--objective", "nö\n…", cwd=ROOT, **environment)
    assert told.returncode == 2 and told.stderr.count(b"\n") == 1 and b"unknown objective" in told.stderr


def test_a_name_that_is_not_utf_8_is_told_before_anything_is_done(judged: Path, tmp_path: Path) -> None:
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    judged.rename(tmp_path / "plain")
    for output, environment in (("ü.json", plain), (os.fsdecode(b"\xff.json"), {})):
        arguments = ("evaluate", "--model", "bm25", "--benchmark", "plain", "--output")
        told = babelmix(*arguments, output, cwd=tmp_path, **environment)
        assert told.returncode == 2 and told.stderr.count(b"\n") == 1, told.stderr
        assert b"a name that is not in UTF-8" in told.stderr
        assert [path.name for path in tmp_path.iterdir()] == ["plain"]
    assert babelmix(*arguments, "plain.json", cwd=tmp_path, **plain).returncode == 0
