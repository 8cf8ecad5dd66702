"""Raw files by name: those of a lexicon have a folder of their own."""

from pathlib import Path

import pytest

from babelmix.common.errors import UserError
from babelmix.common.files import new_folder
from babelmix.common.outputs import MANIFEST
from babelmix.lexicon.registry import LEXICONS
from babelmix.lexicon.source import LexicalSource
from babelmix.settings.params import load_settings
from babelmix.stages.raw import fetch
from babelmix.workspace import HERE

SETTINGS = load_settings(Path(__file__).parents[2] / "params.yaml")


def put_words(folder: Path) -> None:
    with new_folder(folder) as staging:
        (staging / "words.txt").write_text("dog\n")


def test_a_lexicon_is_fetched_beside_the_raw_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(LEXICONS, "words", LexicalSource(name="words", licence="words: CC0", fetch=put_words))
    assert fetch("words", SETTINGS) == HERE.lexicon("words") == Path("data/lexicons/words")
    assert {file.name for file in HERE.lexicon("words").iterdir()} == {"words.txt", MANIFEST}
    assert [folder.name for folder in HERE.data.iterdir()] == ["lexicons"]


def test_what_is_not_babelmix_own_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    HERE.lexicon("xling").mkdir(parents=True)
    (HERE.lexicon("xling") / "mine.tsv").write_text("en\tde\n")
    with pytest.raises(UserError, match=r"holds 'mine.tsv', which babelmix did not write there"):
        fetch("xling", SETTINGS)


def test_an_unknown_name_lists_all_three_kinds() -> None:
    with pytest.raises(
        UserError, match="unknown source, benchmark or lexicon 'tatoba'; did you mean 'tatoeba'"
    ) as told:
        fetch("tatoba", SETTINGS)
    assert all(name in told.value.how for name in ("libreoffice-help", "xquad-r", "simlex"))
