"""The section of the report about words: the numbers of `probe-compare`, and which encoders come first."""

import json
from pathlib import Path

import numpy as np
import pytest

from babelmix.common.errors import UserError
from babelmix.evaluation.significance import difference_of
from babelmix.probes.probe import Found
from babelmix.probes.probe import Table as Printed
from babelmix.probes.results import write_results
from babelmix.probes.settings import ProbeSettings
from babelmix.reporting.answer.document import Section, Table
from babelmix.reporting.answer.probes import probes_section

UNITS = [str(sentence) for sentence in range(400)]


def write(folder: Path, name: str, share: float, **settings: str) -> None:
    right = {lang: np.random.default_rng(ord(name[-1])).random(400) < share for lang in ("ar", "de")}
    headline = {"accuracy_query": 0.0, "accuracy_none": float(np.mean([one.mean() for one in right.values()]))}
    found = Found(headline, {}, Printed("t", [""], []), right=right, units=dict.fromkeys(right, UNITS))
    write_results(
        folder / f"{name}.json",
        name,
        {"tatoeba": found},
        ProbeSettings.model_validate(settings),
        "a machine",
    )


def tables(section: Section | None) -> list[Table]:
    assert section is not None
    return [block for block in section.blocks if isinstance(block, Table)]


def test_the_untrained_encoder_is_first_and_only_known_measures_have_columns(tmp_path: Path) -> None:
    for name, share in (("base-hybrid-s13", 0.7), ("base-untrained", 0.4), ("base-hybrid-s14", 0.7)):
        write(tmp_path, name, share)
    scores, differences = tables(probes_section(tmp_path))
    assert scores.head == ("encoder", "sentences to English, accuracy", "seeds")
    assert [(row[0], row[-1]) for row in scores.rows] == [("base-untrained", "–"), ("base-hybrid", "13, 14")]
    untrained, hybrid = (float(row[1]) for row in scores.rows)
    assert untrained == pytest.approx(0.4, abs=0.1) and hybrid == pytest.approx(0.7, abs=0.1)
    assert differences.head == ("encoders", "tatoeba")
    ((pair, cell),) = differences.rows
    assert pair == "base-hybrid − base-untrained" and cell.endswith("*")
    assert float(cell.split()[0]) == pytest.approx(hybrid - untrained, abs=1.1e-3)


def test_a_sentence_in_two_languages_counts_once(tmp_path: Path) -> None:
    for name, share in (("a", 0.4), ("b", 0.6)):
        write(tmp_path, name, share)
    cell = tables(probes_section(tmp_path))[1].rows[0][1]
    one, other = (
        {lang: np.random.default_rng(ord(name)).random(400) < share for lang in ("ar", "de")}
        for name, share in (("a", 0.4), ("b", 0.6))
    )
    found = difference_of([np.mean([other[lang].astype(float) - one[lang] for lang in ("ar", "de")], axis=0)[None]])
    assert cell.startswith(f"{found.mean:+.3f} ({found.low:+.3f} to {found.high:+.3f})")


def test_fewer_than_two_encoders_are_no_section(tmp_path: Path) -> None:
    assert probes_section(tmp_path / "nothing") is None
    write(tmp_path, "base-hybrid-s13", 0.5)
    write(tmp_path, "base-hybrid-s14", 0.5)
    assert probes_section(tmp_path) is None


def test_damaged_files_and_several_ways_of_asking(tmp_path: Path) -> None:
    write(tmp_path, "a", 0.5)
    write(tmp_path, "b", 0.5, form="full")
    with pytest.raises(UserError, match=rf"^{tmp_path}: the words were asked for in several ways"):
        probes_section(tmp_path)
    (tmp_path / "b.json").write_text(json.dumps({"system": "b"}))
    with pytest.raises(UserError, match=r"b\.json"):
        probes_section(tmp_path)
