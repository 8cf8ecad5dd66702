"""Debiasing from the command line: the strength is chosen on dev splits, and everything that was done is said."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_project import make_benchmark, make_project, make_vectors
from small_training import one_thread
from test_cli_scores import scored

from babelmix import cli
from babelmix.benchmarks.files import write_benchmark
from babelmix.common.errors import UserError
from babelmix.encoder.encode import encode
from babelmix.encoder.load import load_encoder
from babelmix.evaluation.choice import choose
from babelmix.retrieval.language_means import LanguageRows, Means, language_means, read_means, write_means
from babelmix.retrieval.lir import find_directions, write_directions
from babelmix.settings.params import Settings
from babelmix.stages import scoring
from babelmix.stages.pairs import all_pairs
from babelmix.workspace import DEBIASINGS, HERE, encoder_of

LANGUAGES = ("ar", "de", "en")
FORMS = [form for form in DEBIASINGS if form != "+lir"]


def write_vectors(folder: Path, name: str, languages: tuple[str, ...], questions: int, seed: int) -> Path:
    """A benchmark in which vectors carry their language; return its folder."""
    benchmark = make_benchmark(name, languages, questions)
    write_benchmark(folder / name, benchmark)
    vectors = folder / f"{name}-vectors"
    vectors.mkdir()
    for kind, rows in zip(("queries", "passages"), make_vectors(benchmark, 1.0, seed=seed), strict=True):
        np.save(vectors / f"{kind}.npy", rows)
    return folder / name


def training_vectors() -> tuple[list[str], list[Any]]:
    """Vectors of training text in two of the three languages, placed as those of the benchmarks are."""
    spoken = [lang for lang in ("de", "en") for _ in range(20)]
    rows = [rows for rows in make_vectors(make_benchmark("text", ("de", "en"), 20), 1.0, seed=0)]
    return spoken, rows


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Settings]]:
    """The files that `evaluate --system hybrid` reads: benchmarks, vectors, directions and means."""
    settings = make_project(tmp_path / "p", benchmarks=("gnome-help",), languages=LANGUAGES, questions=12)
    monkeypatch.chdir(tmp_path / "p")
    monkeypatch.delenv("DVC_ROOT", raising=False)
    for number, name in enumerate(("dev", "native-dev")):
        write_vectors(tmp_path / "made", name, LANGUAGES, 15, seed=number)
        (tmp_path / "made" / name).rename(HERE.benchmark(name))
        (tmp_path / "made" / f"{name}-vectors").rename(HERE.embeddings("hybrid", name))
    spoken, (queries, passages) = training_vectors()
    HERE.lir("hybrid").parent.mkdir(parents=True)
    write_directions(HERE.lir("hybrid"), find_directions(passages, spoken, 1))
    means = Means(*(language_means(LanguageRows.of(rows, spoken)) for rows in (queries, passages)))
    write_means(HERE.offsets("hybrid"), means)
    with one_thread():
        yield tmp_path / "p", settings


def test_every_form_is_scored_at_the_strength_that_is_best_on_the_dev_splits(
    project: tuple[Path, Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    _, settings = project
    settings = settings.model_copy(update={"benchmarks": ("gnome-help", "native-dev")})
    assert scoring.evaluate_system("hybrid", settings) == "wrote 21 scores to metrics/evaluation/hybrid"
    said = capsys.readouterr().err
    lacking = "no training text, or 10 texts or fewer, in ar: the common mean stands for theirs"
    assert all(said.count(f"babelmix: {name}: {lacking}") == 1 for name in ("gnome-help", "dev", "native-dev"))
    choices = json.loads(HERE.debiasing("hybrid").read_text())
    assert [f"+{name}" for name in choices] == FORMS
    for form in FORMS:
        choice = choices[form.removeprefix("+")]
        means = {strength: np.mean(list(scores.values())) for strength, scores in choice["strengths"].items()}
        assert list(means) == ["0.25", "0.5", "0.75", "1.0"]
        assert means[str(choice["chosen"])] == max(means.values())
        for name in ("dev", "native-dev", "gnome-help"):
            found = json.loads(HERE.scores(f"hybrid{form}", name).read_text())
            training = form in ("+shift", "+centre")
            assert found["system"] == f"hybrid{form}" and found["debiasing"] == {
                "name": form.removeprefix("+"),
                "strength": choice["chosen"],
                "estimated_on": "training text" if training else "the index (transductive)",
                "languages_without_text": ["ar"] if training else [],
            }
            assert HERE.query_scores(f"hybrid{form}", name).is_file()
            if name != "gnome-help":
                pooled = choice["strengths"][str(choice["chosen"])][name]
                assert found["scopes"]["multilingual"]["map"] == pooled
            # and the same by hand
            options = {"means": HERE.offsets("hybrid")} if training else {}
            alone = scored(name, embeddings=HERE.embeddings("hybrid", name), debias=form.removeprefix("+"),
                           strength=choice["chosen"], **options)  # fmt: skip
            of_stage = ("system", "contrastive_entropy")  # what the stage alone names and measures
            assert {key: value for key, value in alone.items() if key not in of_stage} == {
                key: value for key, value in found.items() if key not in of_stage
            }
    lir = json.loads(HERE.scores("hybrid+lir", "dev").read_text())["debiasing"]
    assert lir == {
        "name": "lir", "strength": None, "estimated_on": "training text", "languages_without_text": ["ar"]
    }  # fmt: skip
    plain = json.loads(HERE.scores("hybrid", "dev").read_text())
    assert "debiasing" not in plain
    shifted = json.loads(HERE.scores("hybrid+shift-index", "dev").read_text())
    assert shifted["scopes"]["multilingual"]["map"] > plain["scopes"]["multilingual"]["map"] + 0.05


def test_the_same_vectors_give_the_same_bytes(project: tuple[Path, Settings]) -> None:
    _, settings = project
    written: list[dict[Path, bytes]] = []
    for _ in range(2):
        scoring.evaluate_system("hybrid", settings)
        files = [HERE.debiasing("hybrid"), *Path("metrics/evaluation").rglob("*")]
        written.append({file: file.read_bytes() for file in files if file.is_file()})
    assert written[0] == written[1]


def test_a_dev_split_alone_chooses_where_the_native_pool_is_not_scored(project: tuple[Path, Settings]) -> None:
    scoring.evaluate_system("hybrid", project[1])
    choices = json.loads(HERE.debiasing("hybrid").read_text())
    assert {name for choice in choices.values() for found in choice["strengths"].values() for name in found} == {"dev"}


def test_of_equal_means_the_first_form_is_chosen() -> None:
    assert choose({0.25: {"dev": 0.5, "native-dev": 0.7}, 0.5: {"dev": 0.75, "native-dev": 0.45}}) == 0.25
    assert choose({0.25: {"dev": 0.5, "native-dev": 0.5}, 0.5: {"dev": 0.25, "native-dev": 0.75}}) == 0.25
    assert choose({0.25: {"dev": 0.5}, 0.5: {"dev": 0.5}, 1.0: {"dev": 0.625}}) == 1.0


def test_an_index_of_one_language_and_one_of_few_passages_are_told(
    project: tuple[Path, Settings], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = write_vectors(tmp_path / "one", "one", ("de",), 30, seed=1)
    plain = scored(one, embeddings=tmp_path / "one/one-vectors")
    capsys.readouterr()
    found = scored(one, embeddings=tmp_path / "one/one-vectors", debias="shift-index")
    said = "one: all passages are in one language, so shift-index changes nothing"
    assert capsys.readouterr().err.count(said) == 1
    assert found["scopes"] == plain["scopes"] and found["debiasing"]["strength"] == 1
    scored(one, embeddings=tmp_path / "one/one-vectors", debias="centre-index")
    assert said not in capsys.readouterr().err
    few = write_vectors(tmp_path / "few", "few", LANGUAGES, 10, seed=1)
    found = scored(few, embeddings=tmp_path / "few/few-vectors", debias="shift-index")
    assert "few: 10 passages or fewer in ar, de, en: the common mean stands for theirs" in capsys.readouterr().err
    assert found["debiasing"]["languages_without_text"] == list(LANGUAGES)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"debias": "shift-indx"}, "--debias: unknown debiasing 'shift-indx'; did you mean 'shift-index'"),
        ({"debias": "shift"}, "--means: shift needs the means of training text; make it with `babelmix offsets "
                              "--model MODEL --output FILE`"),
        ({"debias": "centre-index", "means": "m.npz"}, "--means: centre-index takes its means from the index; "
                                                       "leave it out, or take shift or centre"),
        ({"debias": "shift-index", "lir": "d.npz"}, "--lir, --debias: one debiasing at a time; leave one of them out"),
        ({"strength": 0.5}, "--strength, --means: these are for --debias; leave them out, or name one"),
        ({"model": "bm25", "embeddings": None, "debias": "shift-index"}, "--debias: BM25 has no vectors, so no "
                                                                         "debiasing; leave it out"),
        ({"debias": "shift", "means": "m.npz"}, "m.npz: no such file; estimate the means again"),
        ({"debias": "shift-index", "similarity": "dot"}, "--debias: directions are taken out of cosines alone, not of "
                                                         "'dot'; leave them out, or use a model that is scored by "
                                                         "cosine"),
    ],
)  # fmt: skip
def test_a_debiasing_that_cannot_be_is_one_line(
    options: dict[str, Any], says: str, project: tuple[Path, Settings]
) -> None:
    with pytest.raises(UserError) as caught:
        scored("dev", **({"embeddings": HERE.embeddings("hybrid", "dev")} | options))
    assert str(caught.value).startswith(says) and "\n" not in str(caught.value)
    assert not Path("scores.json").exists()


def test_means_of_another_model_are_refused(project: tuple[Path, Settings], tmp_path: Path) -> None:
    wide = language_means(LanguageRows.of(np.eye(32)[:12].astype(np.float32), ["de"] * 12))
    write_means(tmp_path / "wide.npz", Means(wide, wide))
    vectors = HERE.embeddings("hybrid", "dev")
    with pytest.raises(UserError) as caught:
        scored("dev", embeddings=vectors, debias="centre", means=tmp_path / "wide.npz")
    assert str(caught.value) == (
        f"{vectors}: vectors of 48 dimensions, means of 32; estimate the means with the same model"
    )


def test_the_means_of_training_text_are_those_of_a_models_own_vectors(
    project: tuple[Path, Settings], tiny_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.run(["offsets", "--model", str(tiny_encoder), "--output", "o.npz"])
    assert "wrote o.npz, from 57 queries and passages in 2 languages" in capsys.readouterr().out
    means, settings = read_means(Path("o.npz")), project[1]
    train = [pair for pair in all_pairs(settings) if pair[0].split == "train"]
    for prompt, found in (("query", means.queries), ("passage", means.passages)):
        for lang in ("en", "pt"):
            texts = [getattr(pair, prompt) for pair, *_ in train if pair.lang == lang]
            vectors = encode(load_encoder(tiny_encoder), texts, prompt=prompt, settings=settings.embed, threads=1)
            np.testing.assert_allclose(found.of(lang), vectors.mean(axis=0, dtype=float), atol=2e-3)
    with pytest.raises(UserError, match="the output exists, and babelmix did not write it"):
        Path("mine.npz").write_bytes(b"mine")
        cli.run(["offsets", "--model", str(tiny_encoder), "--output", "mine.npz"])


def test_the_encoder_of_every_system_is_known() -> None:
    for form in ("", *DEBIASINGS):
        assert encoder_of(f"hybrid-start{form}") == "hybrid-start"
