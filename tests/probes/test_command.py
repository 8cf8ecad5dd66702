"""`babelmix probe`: from raw files of every lexicon to tables and a file, what it refuses, and how wide it prints."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from small_training import ROOT, one_thread

from babelmix import cli
from babelmix.common.errors import UserError
from babelmix.lexicon.codes import THREE_LETTERS
from babelmix.lexicon.iso_codes import LANGUAGES, Name, Names
from babelmix.lexicon.registry import LEXICONS
from babelmix.lexicon.tatoeba import LANGUAGES as TATOEBA
from babelmix.probes import names
from babelmix.probes.induction import OUTSIDE
from babelmix.probes.probe import Found, Table
from babelmix.probes.published import TATOEBA as PUBLISHED
from babelmix.probes.registry import PROBES
from babelmix.probes.results import WIDTH, as_text, write_results
from babelmix.probes.settings import ProbeSettings

ENGLISH, GERMAN = ["the", "file", "cell", "page", "menu"], ["die", "datei", "zelle", "seite", "menue"]


def write(folder: Path, name: str, *lines: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_lexicons(root: Path) -> None:
    """Raw files of four lexicons in the published forms, of words that the tiny encoder knows."""
    write(root / "tatoeba", "tatoeba.deu-eng.deu", "die datei", "jede seite", "der zelle")
    write(root / "tatoeba", "tatoeba.deu-eng.eng", "the file", "every page", "a cell")
    write(root / "xling", "en_vocab.txt", *ENGLISH)
    write(root / "xling", "de_vocab.txt", *GERMAN, "nichts")
    rows = [f"{english}\t{german}" for english, german in zip(ENGLISH, GERMAN, strict=True)]
    write(root / "xling", "yacle.test.freq.2k.en-de.tsv", *rows[1:], "prints\tdruckt", "menu\tmenu")
    write(root / "xling", "yacle.train.freq.5k.en-de.tsv", *rows)
    write(root / "simlex", "ENG-RUS.csv", "ID,ENG,RUS,PoS,score", *(f"{n},file,menu,nouns,{n}" for n in range(5)))
    write(root / "omw", "wn-wikt-eng.tab", "# English", "00000001-n\teng:lemma\tfile", "00000002-n\teng:lemma\tcell")
    write(root / "omw", "wn-wikt-spa.tab", "# Spanish", "00000001-n\tspa:lemma\tdatei", "00000002-n\tspa:lemma\tzelle")


def write_training_words(folder: Path) -> None:
    """XLING's training rows in six languages: the other four have the German words."""
    for other in ("de", "fr", "it", "ru", "tr"):
        rows = [f"{english}\t{german}" for english, german in zip(ENGLISH, GERMAN, strict=True)]
        write(folder, f"yacle.train.freq.5k.en-{other}.tsv", *rows)


@pytest.fixture
def project(tmp_path: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with a model, lexicons and the parameters; the test is in it."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    raw |= {"threads": 1, "embed": {"max_tokens": 64, "precision": "float32", "context": False}, "probes": ["tatoeba"]}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(raw))
    shutil.copytree(tiny_encoder, tmp_path / "models/untrained")
    write_lexicons(tmp_path / "data/lexicons")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    with one_thread():
        yield tmp_path


def probed(*arguments: str) -> dict[str, Any]:
    cli.run(["probe", "--model", "models/untrained", "--output", "probes.json", *arguments])
    return json.loads(Path("probes.json").read_text())


def test_a_system_writes_the_files_of_the_pipeline_twice_alike(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for lang in TATOEBA:  # the pipeline asks for all languages
        code = THREE_LETTERS[lang]
        write(project / "data/lexicons/tatoeba", f"tatoeba.{code}-eng.{code}", "die datei", "jede seite")
        write(project / "data/lexicons/tatoeba", f"tatoeba.{code}-eng.eng", "the file", "every page")
    cli.run(["probe", "--system", "untrained"])
    file = project / "metrics/probes/untrained.json"
    first, printed = file.read_bytes(), capsys.readouterr().out
    assert list(json.loads(first)) == ["system", "headline", "settings", "machine", "probes"]
    assert printed.splitlines()[-1].startswith("babelmix: wrote metrics/probes/untrained.json; next: ")
    assert {line.split()[0] for line in printed.splitlines()[2:18]} == {*TATOEBA}
    cli.run(["probe", "--system", "untrained"])
    assert file.read_bytes() == first


def test_every_probe_runs_on_one_language_and_fits_the_terminal(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spanish = (Name("country", "DE", "file", "datei"), Name("script", "Latn", "cell", "zelle"))
    same = (Name("country", "AW", "menu", "menu"),)
    local, identical = ({lang: rows for lang in LANGUAGES} for rows in (spanish, same))
    untranslated = {lang: {"currency": 4} for lang in LANGUAGES}
    monkeypatch.setattr(names, "read_names", lambda folder: Names(local, identical, untranslated))
    (project / "data/lexicons/iso-codes").mkdir()
    languages = [word for lang in ("en", "de", "es", "ru") for word in ("--languages", lang)]
    write(project / "data/lexicons/tatoeba", "tatoeba.spa-eng.spa", "datei")
    write(project / "data/lexicons/tatoeba", "tatoeba.spa-eng.eng", "file")
    write(project / "data/lexicons/tatoeba", "tatoeba.rus-eng.rus", "datei")
    write(project / "data/lexicons/tatoeba", "tatoeba.rus-eng.eng", "file")
    for pair in ("RUS-SPA", "ENG-SPA"):
        one, other = pair.split("-")
        rows = [f"{n},file,menu,nouns,{n}" for n in range(4)]
        write(project / "data/lexicons/simlex", f"{pair}.csv", f"ID,{one},{other},PoS,score", *rows, "9,a,b,verbs,nan")
    write(project / "data/lexicons/xling", "ru_vocab.txt", "datei")
    for pair in ("de-ru", "en-ru"):
        write(project / "data/lexicons/xling", f"yacle.test.freq.2k.{pair}.tsv", "datei\tdatei")
    write_training_words(project / "data/lexicons/xling")
    found = probed(*PROBES, *languages)
    assert set(found["probes"]) == set(PROBES)
    assert found["settings"] == {"form": "fast", "prompt": "none"}
    assert {name.partition(".")[0] for name in found["headline"]} == set(PROBES)
    assert all(len(line) <= WIDTH for line in capsys.readouterr().out.splitlines())
    isos = found["probes"]["iso-codes"]
    assert isos["about"] == {"candidates": 3} and set(isos["by_language"]) == {"de", "es", "ru"}
    assert isos["left_out"] == {"names spelt as in English": 3, "names without a translation": 12}
    assert isos["by_language"]["es"]["country_names"] == isos["by_language"]["es"]["script_names"] == 1
    assert found["probes"]["simlex"]["left_out"] == {"rows without a score": 2}
    assert set(found["probes"]["omw"]["by_direction"]) == {"en-es", "es-en"}
    assert set(found["probes"]["xling-train"]["by_direction"]) == {"en-de", "en-ru"}
    german = found["probes"]["xling"]["by_direction"]["en-de"]
    # menu has two translations, one of which is its own string, and prints is no word of the list.
    assert german["all"]["queries"] == 5 and german["all"]["rows"] == 6
    assert german["non_identical"]["queries"] == 4 and german[OUTSIDE]["queries"] == 1
    assert found["probes"]["xling"]["about"]["en-de"] == {
        "words outside the list": 1,
        "translations outside the list": 2,
    }


def test_mixed_vectors_are_those_of_the_share_that_held_out_words_choose(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_training_words(project / "data/lexicons/xling")
    pair = ("--languages", "en", "--languages", "de")
    mixed, plain = probed("xling-mixed", *pair)["probes"]["xling-mixed"], probed("xling", *pair)["probes"]["xling"]
    share = max(mixed["shares"], key=lambda score: (score["mrr"], score["share"]))
    assert [score["share"] for score in mixed["shares"]] == [number / 10 for number in range(11)]
    assert f"contextual vectors: {share['share']:g}," in " ".join(capsys.readouterr().out.split())
    one, other = (found["by_direction"]["en-de"]["all"] for found in (mixed, plain))
    assert {name for name in one if name.startswith("static")} == {name for name in other if name.startswith("static")}
    assert one["static_mrr"] == other["static_mrr"] and one["queries"] == other["queries"]
    if share["share"] == 1:
        assert one == other


def test_the_full_form_counts_translations_that_are_no_candidates(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = probed("xling", "--languages", "en", "--languages", "de", "--full")
    assert found["settings"]["form"] == "full"
    assert found["probes"]["xling"]["by_direction"]["en-de"]["all"]["rows"] == 4
    assert found["probes"]["xling"]["left_out"]["rows with a translation that is no candidate"] == 2 + 1
    assert "Left out: 3 rows with a translation that is no candidate" in capsys.readouterr().out


def test_the_prompt_changes_the_vectors_and_is_written_down(project: Path) -> None:
    words = ("xling", "--languages", "en", "--languages", "de")
    none, query = probed(*words), probed(*words, "--prompt", "query")
    assert (query["settings"]["prompt"], none["settings"]["prompt"]) == ("query", "none")
    one, other = (found["probes"]["xling"]["by_direction"]["de-en"]["all"] for found in (query, none))
    assert one["static_mrr"] == other["static_mrr"] and one["mrr"] != other["mrr"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["iso-codes"], r"data/lexicons/iso-codes: the lexicon .* is not here; run `babelmix fetch iso-codes`"),
        (["tatoebo"], "unknown probe 'tatoebo'; did you mean 'tatoeba'"),
        (["tatoeba", "--prompt", "passage"], "unknown prompt 'passage'; .*none, query"),
        (["tatoeba", "--languages", "en"], "probe tatoeba: nothing is left of it in en; name one or more of ar, de"),
        (["xling", "--languages", "de"], "probe xling: nothing is left of it in de"),
        (["simlex", "--languages", "en", "--languages", "de"], "probe simlex: nothing is left of it in de, en"),
        (["tatoeba", "--model", "nothing"], "nothing: no such model folder"),
        (["tatoeba", "--system", "untrained"], "--system already says what is read and written"),
        (["tatoeba", "--output", "params.yaml"], "params.yaml: the output exists, and babelmix did not write it"),
    ],
)
def test_what_cannot_be_probed(project: Path, arguments: list[str], message: str) -> None:
    given = [] if "--model" in arguments else ["--model", "models/untrained"]
    with pytest.raises(UserError, match=message):
        cli.run(["probe", *given, *arguments])


def test_a_model_or_a_system_is_needed(project: Path) -> None:
    with pytest.raises(UserError, match="one of --system and --model is needed"):
        cli.run(["probe"])
    with pytest.raises(UserError, match="BM25 has no vectors"):
        cli.run(["probe", "--system", "bm25"])


def test_a_score_that_is_no_number_is_not_written(tmp_path: Path) -> None:
    found = Found({"p_at_1": float(np.nan)}, {}, Table("a", ["", "b"], []))
    with pytest.raises(UserError, match="not a finite number"):
        write_results(tmp_path / "probes.json", "a", {"xling": found}, ProbeSettings(), "a machine")
    assert not list(tmp_path.iterdir())


def test_what_was_left_out_is_told_below_a_table() -> None:
    table = Table("t", ["", "words"], [["en-de", "1"], ["a", "1,000"]], "One sentence about it. " * 8)
    lines = as_text({"one": Found({}, {}, table, {"rows": 1200, "words": 3})}).splitlines()
    assert lines[:4] == ["t", "      words", "en-de     1", "a     1,000"]
    assert lines[-1] == "Left out: 1,200 rows, 3 words." and max(map(len, lines)) <= WIDTH
    about = {"en-de": {"words outside the list": 80}, "de-en": {"words outside the list": 2, "others": 0}}
    lines = as_text({"one": Found({}, {}, table, about=about | {"candidates": 5})}).splitlines()
    assert lines[-1] == "Kept: 82 words outside the list."


def test_every_lexicon_has_a_probe_of_its_name() -> None:
    assert {name: probe.lexicon for name, probe in PROBES.items()} == {name: name for name in LEXICONS} | {
        "xling-train": "xling",
        "xling-mixed": "xling",
    }


def test_published_rows_are_of_the_languages_of_the_probe() -> None:
    means = {model: np.mean(list(row.values())) for model, row in PUBLISHED.items()}
    assert all(set(row) == set(TATOEBA) for row in PUBLISHED.values())
    assert means["multilingual-e5-small"] == pytest.approx(91.02, abs=0.01)
    assert means["LaBSE"] == pytest.approx(96.27, abs=0.01)
