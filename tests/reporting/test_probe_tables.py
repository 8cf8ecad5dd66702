"""`babelmix probe-compare`: several encoders' probes side by side, from their files."""

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from babelmix import cli
from babelmix.common.errors import UserError
from babelmix.evaluation.significance import difference_of
from babelmix.probes.probe import Found, Table
from babelmix.probes.records import Probed, packed, read_results
from babelmix.probes.results import write_results
from babelmix.probes.settings import ProbeSettings
from babelmix.reporting.probe_tables import by_unit, to_markdown

DIRECTIONS = ("en-de", "de-en")


def right(seed: int, share: float, number: int = 203) -> dict[str, NDArray[np.bool_]]:
    rng = np.random.default_rng(seed)
    return {direction: rng.random(number) < share for direction in DIRECTIONS}


def write(
    file: Path, answers: dict[str, NDArray[np.bool_]], units: dict[str, list[str]] | None = None, **settings: Any
) -> Path:
    value = float(np.mean([one.mean() for one in answers.values()]))
    parts = {part: {"all": {"identical_p_at_1": 0.1 * number}} for number, part in enumerate(answers, start=1)}
    units = units or {part: [f"{part} {query}" for query in range(len(one))] for part, one in answers.items()}
    found = Found({"p_at_1": value}, {"by_direction": parts}, Table("t", [""], []), right=answers, units=units)
    write_results(file, file.stem, {"xling": found}, ProbeSettings(**settings), "a machine, 2 cores")
    return file


def rows(text: str) -> dict[str, list[str]]:
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return {first: rest for first, *rest in lines}


def test_the_answers_of_a_file_are_those_that_were_written(tmp_path: Path) -> None:
    answers = right(1, 0.4)
    file = write(tmp_path / "a.json", answers)
    found = read_results(file).probes["xling"].answers()
    assert found.keys() == answers.keys()
    assert all(np.array_equal(found[part], answers[part]) for part in answers)


def test_the_units_of_a_file_are_those_that_were_written(tmp_path: Path) -> None:
    units = {
        part: [str((query * step) % 50) for query in range(203)] for part, step in zip(DIRECTIONS, (1, 7), strict=True)
    }
    found = read_results(write(tmp_path / "a.json", right(1, 0.4), units)).probes["xling"].units()
    every = np.concatenate([found[part] for part in DIRECTIONS])
    names = np.array([name for part in DIRECTIONS for name in units[part]])
    assert ((every[:, None] == every) == (names[:, None] == names)).all() and every.min() == 0


def test_differences_are_paired_over_queries_that_ask_for_things_of_their_own(tmp_path: Path) -> None:
    one, other = right(1, 0.3), right(2, 0.6)
    text = to_markdown([write(tmp_path / "low-s13.json", one), write(tmp_path / "high-s13.json", other)])
    by_hand = difference_of([np.concatenate([other[part].astype(float) - one[part] for part in DIRECTIONS])[None]])
    assert rows(text)["high − low"] == [f"{by_hand.mean:+.3f} ±{(by_hand.high - by_hand.low) / 2:.3f} ▲"]
    assert rows(text)["seeds"] == ["13", "13"]
    assert rows(text)["xling.p_at_1"] == [f"{np.mean([own[p].mean() for p in DIRECTIONS]):.3f}" for own in (one, other)]
    assert rows(text)["xling, floor: identical string, P@1"] == ["0.150", "0.150"]
    assert "a machine, 2 cores" in text and "edit distance" not in text


def test_what_is_asked_twice_counts_once(tmp_path: Path) -> None:
    same = {part: [str(query) for query in range(203)] for part in DIRECTIONS}
    one, other = ({part: answers["en-de"] for part in DIRECTIONS} for answers in (right(1, 0.3), right(2, 0.6)))
    text = to_markdown([write(tmp_path / "low.json", one, same), write(tmp_path / "high.json", other, same)])
    once = difference_of([(other["en-de"].astype(float) - one["en-de"])[None]])
    assert rows(text)["high − low"] == [f"{once.mean:+.3f} ±{(once.high - once.low) / 2:.3f} ▲"]


def test_the_interval_holds_the_truth_where_directions_share_their_words(tmp_path: Path) -> None:
    """200 lexicons whose words are asked for in three directions; parts may lack some of them."""
    rng, held = np.random.default_rng(13), 0
    for _ in range(200):
        word = rng.random(100)
        own, units = {}, {}
        for number in range(3):
            chosen = np.flatnonzero(rng.random(100) < 0.9)
            own[f"d{number}"] = rng.random(len(chosen)) < word[chosen]
            units[f"d{number}"] = [str(row) for row in chosen]
        none = {part: np.zeros_like(answers) for part, answers in own.items()}
        one, other = (Probed(right=packed(answers, units)) for answers in (own, none))
        found = difference_of([by_unit(one, other, list(own), "xling")[None]])
        assert found.mean == pytest.approx(np.mean([answers.mean() for answers in own.values()]))
        held += found.low <= 0.5 <= found.high
    assert 0.9 <= held / 200 <= 0.99


def test_seeds_are_one_system_and_only_those_of_both_are_paired(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{name}-s{seed}.json", right(seed + shift, 0.5))
             for name, shift, seeds in (("a", 0, (13, 14)), ("b", 100, (14, 15))) for seed in seeds]  # fmt: skip
    text = to_markdown(files)
    assert rows(text)["seeds"] == ["13, 14", "14, 15"]
    alone = to_markdown([files[1], files[2]])
    assert rows(text)["b − a"] == rows(alone)["b − a"]


def test_an_encoder_without_a_seed_is_set_against_every_training(tmp_path: Path) -> None:
    start = write(tmp_path / "untrained.json", right(9, 0.5))
    trained = [write(tmp_path / f"a-s{seed}.json", right(seed, 0.5)) for seed in (13, 14)]
    values = [
        np.stack([right(seed, 0.5)[part].astype(float) - right(9, 0.5)[part] for seed in (13, 14)])
        for part in DIRECTIONS
    ]
    mean = np.mean([own.mean() for own in values])
    assert rows(to_markdown([start, *trained]))["a − untrained"][0].startswith(f"{mean:+.3f} ".replace("-", "−"))


def test_a_system_equal_to_another_differs_by_nothing(tmp_path: Path) -> None:
    text = to_markdown([write(tmp_path / f"{name}.json", right(5, 0.5)) for name in "ab"])
    assert rows(text)["b − a"] == ["+0.000 ±0.000 ="]


def test_the_command_fills_the_place_of_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(write(tmp_path / f"{name}.json", right(ord(name), 0.5))) for name in "ab"]
    page = tmp_path / "page.md"
    page.write_text(
        "before\n<!-- babelmix compare: begin probes -->\nold\n<!-- babelmix compare: end probes -->\nafter\n"
    )
    cli.run(["probe-compare", *files, "--into", str(page)])
    printed = capsys.readouterr().out
    assert "| b − a |" in printed and f"read 2 files, wrote {page}" in printed
    content = page.read_text()
    assert (
        content.startswith("before\n")
        and content.endswith("after\n")
        and "| b − a |" in content
        and "old" not in content
    )


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    a, b = (write(tmp_path / f"{name}.json", right(ord(name), 0.5)) for name in "ab")
    other = write(tmp_path / "c.json", right(1, 0.5), form="full")
    fewer = write(tmp_path / "d.json", right(1, 0.5, 202))
    with pytest.raises(UserError, match="1 encoder is nothing to compare"):
        to_markdown([a])
    (tmp_path / "again").mkdir()
    with pytest.raises(UserError, match=r"again/a\.json: two files of a; give one, or rename one of them"):
        to_markdown([a, b, write(tmp_path / "again/a.json", right(1, 0.5))])
    with pytest.raises(UserError, match=r"several ways \(form fast, prompt none; form full, prompt none\)"):
        to_markdown([a, other])
    with pytest.raises(UserError, match="xling, en-de: 202 queries of one encoder, 203 of another"):
        to_markdown([a, fewer])
    others = write(tmp_path / "e.json", right(1, 0.5), {part: ["0"] * 203 for part in DIRECTIONS})
    with pytest.raises(UserError, match="xling, en-de: 203 queries of one encoder, 203 of another, or other ones"):
        to_markdown([a, others])
    whole = b.read_text()
    for field, value, message in (
        ("bits", "?", "not base64"),
        ("bits", "AAAA", "3 bytes for 203 queries"),
        ("units", "?", "not base64"),
        ("units", "AAAA", "the units are not zlib's"),
        ("units", base64.b64encode(zlib.compress(b"0000")).decode(), "units of other than 203 queries"),
    ):
        content = json.loads(whole)
        content["probes"]["xling"]["right"]["en-de"][field] = value
        b.write_text(json.dumps(content))
        with pytest.raises(UserError, match=f"probes, xling, right: .*{message}"):
            to_markdown([a, b])
    b.write_text('{"system": "b"}')
    with pytest.raises(UserError, match="headline: field required"):
        to_markdown([a, b])
    with pytest.raises(UserError, match=r"nothing\.json"):
        to_markdown([a, tmp_path / "nothing.json"])
