"""Tatoeba and Multi-SimLex: small files made here, and the published ones with their counts."""

import unicodedata
from pathlib import Path

import pytest

from babelmix.common.errors import UserError
from babelmix.lexicon import simlex, tatoeba
from babelmix.lexicon.simlex import PAIRS, Graded, read_simlex, unscored
from babelmix.lexicon.tatoeba import LANGUAGES, read_tatoeba

HEADER = "ID,ENG,FRA,PoS,score"


def put_sentences(folder: Path, foreign: str, english: str, code: str = "deu") -> None:
    for name, text in ((code, foreign), ("eng", english)):
        (folder / f"tatoeba.{code}-eng.{name}").write_text(text, encoding="utf-8")


def put_grades(folder: Path, *lines: str, header: str = HEADER) -> None:
    (folder / "ENG-FRA.csv").write_text("".join(f"{line}\n" for line in (header, *lines)), encoding="utf-8")


def test_sentences_are_paired_by_their_line(tmp_path: Path) -> None:
    put_sentences(tmp_path, "Ja.\nNein\u0301.\n", "Yes.\nNo.\n")
    assert read_tatoeba(tmp_path, "de") == (("Ja.", "Yes."), ("Nein\u0301.", "No."))
    put_sentences(tmp_path, "是。\n", "Yes.\n", "cmn")
    assert read_tatoeba(tmp_path, "zh") == (("是。", "Yes."),)


@pytest.mark.parametrize(
    ("foreign", "english", "message"),
    [
        ("Ja.\nNein.\n", "Yes.\n", r"eng.deu: 2 lines, but tatoeba.deu-eng.eng has 1; .*fetch tatoeba"),
        ("Ja.\n", "Yes.\nNo.\n", r"eng.deu: 1 lines, but tatoeba.deu-eng.eng has 2"),
        ("Ja.\n \nNein.\n", "Yes.\nPerhaps.\nNo.\n", r"eng.deu, line 2: empty line"),
        ("Ja.\n", "Yes, yes\x00.\n", r"eng.eng, line 1, character 9: a control character \(U\+0000\)"),
    ],
)
def test_sentences_that_cannot_be_paired(tmp_path: Path, foreign: str, english: str, message: str) -> None:
    put_sentences(tmp_path, foreign, english)
    with pytest.raises(UserError, match=message):
        read_tatoeba(tmp_path, "de")


@pytest.mark.parametrize(("lang", "message"), [("en", "unknown language 'en'"), ("fr", "no such file; run")])
def test_languages_without_sentences(tmp_path: Path, lang: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_tatoeba(tmp_path, lang)


def test_grades_are_read_in_either_order_of_the_languages(tmp_path: Path) -> None:
    put_grades(tmp_path, "1,brain,esprit,nouns,3.56", "2,cover,se couvrir,verbs,6", "3,iris,iris,nouns,nan")
    first = Graded("brain", "esprit", "nouns", 3.56)
    assert read_simlex(tmp_path, "en", "fr") == (first, Graded("cover", "se couvrir", "verbs", 6.0))
    assert read_simlex(tmp_path, "fr", "en")[0] == Graded("esprit", "brain", "nouns", 3.56)
    assert unscored(tmp_path, "en", "fr") == unscored(tmp_path, "fr", "en") == 1


@pytest.mark.parametrize("score", ["", "high", "-0.1", "6.01", "inf", "NaN", "3,5"])
def test_a_bad_score_names_file_line_and_field(tmp_path: Path, score: str) -> None:
    put_grades(tmp_path, "1,brain,esprit,nouns,3.56", f"2,cover,couvrir,verbs,{score}")
    message = r"ENG-FRA.csv, line 3: 6 fields instead of 5" if "," in score else r"ENG-FRA.csv, line 3, score: .*0 to 6"
    with pytest.raises(UserError, match=message):
        read_simlex(tmp_path, "en", "fr")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,brain,esprit,nouns", "line 2: 4 fields instead of 5"),
        ("", "line 2: 0 fields instead of 5"),
        ("1, ,esprit,nouns,1", "line 2, ENG: empty"),
        ("1,brain,,nouns,1", "line 2, FRA: empty"),
        ("1,brain,esprit,noun,1", "line 2, PoS: unknown part of speech 'noun'; did you mean 'nouns'"),
    ],
)
def test_a_changed_row_of_grades_is_named(tmp_path: Path, line: str, message: str) -> None:
    put_grades(tmp_path, line)
    with pytest.raises(UserError, match=message):
        read_simlex(tmp_path, "en", "fr")


def test_grades_need_their_header(tmp_path: Path) -> None:
    put_grades(tmp_path, header="ID,FRA,ENG,PoS,score")
    with pytest.raises(UserError, match="line 1: not the columns ID, ENG, FRA, PoS, score"):
        read_simlex(tmp_path, "en", "fr")
    (tmp_path / "ENG-FRA.csv").write_text("")
    with pytest.raises(UserError, match="line 1: not the columns"):
        read_simlex(tmp_path, "en", "fr")


@pytest.mark.parametrize("pair", [("en", "de"), ("en", "en")])
def test_pairs_without_grades(tmp_path: Path, pair: tuple[str, str]) -> None:
    with pytest.raises(UserError, match=f"unknown pair of languages '{pair[0]}-{pair[1]}'; .*zh-en"):
        read_simlex(tmp_path, *pair)


@pytest.mark.network
@pytest.mark.parametrize("lang", LANGUAGES)
def test_published_sentences(published: Path, lang: str) -> None:
    pairs = read_tatoeba(published / tatoeba.NAME, lang)
    assert len(pairs) == len({foreign for foreign, _ in pairs}) == (548 if lang == "th" else 1000)
    other_form = sum(not unicodedata.is_normalized("NFC", text) for pair in pairs for text in pair)
    assert other_form == {"ar": 2, "hi": 37, "vi": 3}.get(lang, 0)


GRADED = {("en", "es"): 3318, ("en", "ru"): 3222, ("ru", "es"): 3189, ("zh", "en"): 3151, ("zh", "es"): 3116}
GRADED |= {("zh", "ru"): 3032, ("fr", "es"): 2643, ("en", "fr"): 2282, ("zh", "fr"): 2241, ("fr", "ru"): 2217}


@pytest.mark.network
@pytest.mark.parametrize("pair", PAIRS)
def test_published_grades(published: Path, pair: tuple[str, str]) -> None:
    graded = read_simlex(published / simlex.NAME, *pair)
    assert len(graded) == GRADED[pair]
    assert unscored(published / simlex.NAME, *pair) == (2 if "fr" in pair else 0)
    assert min(one.score for one in graded) == 0 and max(one.score for one in graded) < simlex.HIGHEST
