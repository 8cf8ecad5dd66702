"""A model card says what is on disk, in a form that the hub's own library reads back."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard
from study_records import synthetic_records

from babelmix.api import evaluate, read_benchmark
from babelmix.common.errors import UserError
from babelmix.encoder.settings import Preset
from babelmix.evaluation.score_files import write_evaluation
from babelmix.exporting.card_facts import Cut, Facts, Training, facts_of
from babelmix.exporting.debiasing import Baked
from babelmix.exporting.model_card import model_card
from babelmix.workspace import Workspace

README = """---
library_name: sentence-transformers
---
# base/hybrid/s13

Trained by babelmix from multilingual-e5-small (4-bit weights, dequantised), 6 evenly spaced layers, for retrieval.

- 300 steps of 32 pairs, seed 13.

```python
from sentence_transformers import SentenceTransformer
```
"""
SOURCES = {"libreoffice-help": "LibreOffice Help: MPL-2.0"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A project with a trained model's README, counts of pairs and scores, and nothing else."""
    found = Workspace(tmp_path_factory.mktemp("project"))
    benchmark = read_benchmark("tests/golden/xquad-r-60")
    rng = np.random.default_rng(13)
    vectors = rng.normal(size=(len(benchmark.queries), 8)), rng.normal(size=(len(benchmark.passages), 8))
    files = found.scores("hybrid", "xquad-r"), found.query_scores("hybrid", "xquad-r")
    files[0].parent.mkdir(parents=True)
    write_evaluation(evaluate(benchmark, vectors), "hybrid", *files)
    counts = {lang: {"kept_train": 10, "kept_dev": 2, "dropped": {}} for lang in ("de", "en")}
    for file, content in (
        (found.pair_counts("libreoffice-help"), counts | {"hi": {"kept_train": 0, "kept_dev": 1, "dropped": {}}}),
        (found.translation_counts("libreoffice-help", "pt"), {"kept": 7, "rejected": {}, "engine": "x"}),
        (found.model("hybrid") / "config.json", {"num_hidden_layers": 6}),
    ):
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(content))
    (found.model("hybrid") / "README.md").write_text(README)
    return found


PRESET = Preset(layers=6, learning_rate=1e-4)


@pytest.fixture(scope="module")
def facts(project: Workspace) -> Facts:
    return facts_of(
        "hybrid",
        project,
        preset=PRESET,
        sources=SOURCES,
        translated=("pt", "ca"),
        benchmarks=("xquad-r", "gnome-help"),
        training=Training("base", 1e-4, 13, tuple(SOURCES), {}),
    )


def test_the_facts_are_those_on_disk(facts: Facts) -> None:
    assert (facts.pairs, facts.machine) == ({"de": 10, "en": 10}, {"pt": 7}) and facts.layers == 6
    assert facts.seen == ("de", "en", "pt") and {"ar", "zh"} <= set(facts.unseen)
    assert {score.benchmark for score in facts.scores} == {"xquad-r"} and len(facts.scores) == 3
    assert all(score.interval.low < score.interval.mean < score.interval.high for score in facts.scores)
    assert facts.about.startswith("Trained by babelmix") and "```" not in facts.about and "#" not in facts.about


def test_the_hubs_library_reads_the_card_back(facts: Facts) -> None:
    card = ModelCard(model_card(facts))
    data = card.data.to_dict()
    assert (
        data["license"] == "other" and data["license_name"] and data["base_model"] == "intfloat/multilingual-e5-small"
    )
    assert data["language"] == ["de", "en", "pt"] and data["library_name"] == "sentence-transformers"
    results = card.data.eval_results
    assert results is not None and len(results) == 3 and "model-index" in data
    expected = {score.scope: round(score.interval.mean, 4) for score in facts.scores}
    assert {result.dataset_config: result.metric_value for result in results} == expected
    again = ModelCard(f"---\n{card.data.to_yaml()}\n---\n{card.text}")
    assert again.data.to_dict() == data


def test_the_card_names_licences_languages_and_limits(facts: Facts) -> None:
    text = model_card(facts)
    for line in (
        "LibreOffice Help: MPL-2.0",
        "XQuAD-R: CC BY-SA 4.0",
        "No score is zero-shot",
        "4-bit weights",
        "pruned to 6 of 12 layers",
        "one training with one seed",
        "Scored, but not in the training pairs: ar",
        "300 steps of 32 pairs, seed 13",
        "encode_query",
    ):
        assert line in text
    assert text == model_card(facts) and text.count("\n# ") == 1
    one, three = (replace(facts, seeds={"xquad-r": scores}) for scores in ([0.25], [0.25, 0.26, 0.27]))
    assert "one training with one seed" in model_card(one) and "seeds" not in model_card(one)
    assert "- `xquad-r`: 0.260, standard deviation 0.010, 3 seeds" in model_card(three)
    assert "one training with one seed" not in model_card(three)


def test_what_is_not_on_disk_is_unknown(project: Workspace, tmp_path: Path) -> None:
    (tmp_path / "models/hybrid").mkdir(parents=True)
    (tmp_path / "models/hybrid/README.md").write_text(README)
    found = facts_of("hybrid", Workspace(tmp_path), preset=PRESET, sources=SOURCES, benchmarks=("xquad-r",))
    text = model_card(found)
    assert text.count("unknown: the files that would say it are not on disk") == 2  # pairs and scores
    assert "MPL-2.0" in text and "model-index" not in text and found.trained


@pytest.mark.parametrize("which", ["another folder", "other settings"])
def test_of_a_model_that_the_settings_do_not_describe_little_is_said(
    which: str, project: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "README.md").write_text(README)
    other = {"model": tmp_path} if which == "another folder" else {}
    preset = PRESET if which == "another folder" else Preset(layers=3, learning_rate=1e-4)
    found = facts_of("hybrid", project, preset=preset, sources=SOURCES, benchmarks=("xquad-r",), **other)
    text, data = model_card(found), ModelCard(model_card(found)).data.to_dict()
    assert data["license"] == "other" and data["license_name"] == "unknown"
    assert not data.keys() & {"base_model", "model-index", "language"} and "MPL" not in text
    assert "Who trained it on what is unknown" in text and "300 steps" in text


def test_an_untrained_encoder_is_called_so(tmp_path: Path) -> None:
    found = Workspace(tmp_path)
    found.model("untrained").mkdir(parents=True)
    (found.model("untrained") / "README.md").write_text("# Starting encoder, before babelmix trains it\n\nmultilingual")
    text = model_card(facts_of("untrained", found, preset=PRESET, sources=SOURCES))
    assert ModelCard(text).data.to_dict()["license"] == "mit" and "MPL" not in text
    assert "not trained by babelmix: [intfloat/multilingual-e5-small]" in text and "babelmix did not train it." in text


def test_a_damaged_file_is_named(project: Workspace, tmp_path: Path) -> None:
    broken = Workspace(tmp_path)
    broken.model("hybrid").mkdir(parents=True)
    (broken.model("hybrid") / "README.md").write_text(README)
    broken.pair_counts("libreoffice-help").parent.mkdir(parents=True)
    broken.pair_counts("libreoffice-help").write_text("[")
    with pytest.raises(UserError, match="libreoffice-help"):
        facts_of("hybrid", broken, preset=PRESET, sources=SOURCES)


def test_only_the_same_training_with_another_seed_is_another_seed(project: Workspace, tmp_path: Path) -> None:
    own = Workspace(shutil.copytree(project.root, tmp_path / "project"))
    records = synthetic_records(own.study, seeds=(13, 14, 15), objectives=("hybrid",))
    rate = records["base-hybrid-s13"].facts.learning_rate
    sources, train = tuple(records["base-hybrid-s13"].facts.settings.get("sources", ())), {"steps": 240}
    same = Training("base", rate, 13, sources, train)
    for training, others in (
        (same, 2),
        (replace(same, seed=1), 3),
        (replace(same, learning_rate=rate / 2), 0),
        (replace(same, train={"steps": 1000}), 0),
        (replace(same, train={"steps": 240, "learning_rate": rate}), 2),
        (replace(same, sources=("gnome-help",)), 0),
        (replace(same, pretraining="msm"), 0),
    ):
        found = facts_of("hybrid", own, preset=PRESET, sources=SOURCES, training=training)
        assert len(found.seeds.get("xquad-r", ())) == others


def test_vocabulary_width_and_debiasing_stand_in_the_card(facts: Facts) -> None:
    more = replace(
        facts,
        trimmed=Cut(65_536, 250_037, ("de", "en")),
        width=(128, 384),
        debiasing=Baked("shift", 0.75, ("de", "en"), 0.99, 0.95),
        repository="org/name",
    )
    text = model_card(more)
    assert "65,536 of 250,037" in text and "first 128 of 384 dimensions, a cut it was not trained at" in text
    assert 'task="document-de"' in text and "0.9900" in text and 'SentenceTransformer("org/name")' in text
    data = ModelCard(text).data.to_dict()
    assert data["language"] == ["de", "en"]
    assert "model-index" not in data and "| `xquad-r` |" in text  # the scores are of the model before its export
