"""The model card of an export: YAML that the hub reads, then data, licences, recipe, scores and limits in words.

    (folder / "README.md").write_text(model_card(facts), encoding="utf-8")

It says what card_facts.py found on disk and nothing else; what is not there is said to be unknown. Equal facts give
equal bytes.
"""

from collections.abc import Iterable, Sequence
from statistics import mean, stdev
from typing import TYPE_CHECKING

from babelmix.exporting.card_facts import PACKAGED_LAYERS, Facts, Score

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData

MEASURE_NAMES = {
    "map": "mAP",
    "map_at_20": "mAP@20",
    "ndcg_at_10": "nDCG@10",
    "recall_at_1": "recall@1",
    "recall_at_10": "recall@10",
    "recall_at_100": "recall@100",
}
SCOPE_NAMES = {
    "monolingual": "the passages of the query's language",
    "crosslingual": "the passages of one other language",
    "multilingual": "the pool of all languages",
}
UNKNOWN = "unknown: the files that would say it are not on disk"
BASE_MODEL = "intfloat/multilingual-e5-small"
LICENCE_NAME = "weights-mit-data-various"


def model_card(facts: Facts) -> str:
    """Return the card as Markdown behind a YAML front matter."""
    sections = {
        "": _opening(facts),
        "Use": _use(facts),
        "Forms": _forms(facts),
        "Training": facts.about or f"How it was trained is {UNKNOWN}.",
        "Data and languages": _data(facts),
        "Licences": _licences(facts),
        "Scores": _scores(facts),
        "Limits": "\n".join(f"- {line}" for line in _limits(facts)),
    }
    body = "\n\n".join(f"## {name}\n\n{text}" if name else text for name, text in sections.items() if text)
    return f"---\n{card_data(facts).to_yaml()}\n---\n\n# {facts.name}\n\n{body}\n"


def card_data(facts: Facts) -> "ModelCardData":
    """Return the front matter, with the scores as the hub's model index."""
    from huggingface_hub import ModelCardData

    licence, name = _licence(facts)
    base = _base_model(facts)
    languages = facts.trimmed.languages if facts.trimmed else facts.seen
    return ModelCardData(
        language=sorted(languages) or None,
        license=licence,
        license_name=name,
        library_name="sentence-transformers",
        pipeline_tag="sentence-similarity",
        tags=["sentence-transformers", "sentence-similarity", "feature-extraction", "babelmix"],
        base_model=base,
        model_name=facts.name if facts.scores else None,
        eval_results=[_result(score) for score in facts.scores] or None,
    )


def _result(score: Score) -> "EvalResult":
    from huggingface_hub import EvalResult

    return EvalResult(
        task_type="information-retrieval",
        task_name="Information Retrieval",
        dataset_type=score.benchmark,
        dataset_name=score.benchmark,
        dataset_config=score.scope,
        metric_type=score.measure,
        metric_name=f"{MEASURE_NAMES[score.measure]} in {SCOPE_NAMES[score.scope]}",
        metric_value=round(score.interval.mean, 4),
    )


def _base_model(facts: Facts) -> str | None:
    """Return the starting encoder as the hub names it; None for a local folder."""
    return facts.preset.hub or (None if facts.preset.folder else BASE_MODEL)


def _licence(facts: Facts) -> tuple[str, str | None]:
    """Return the licence as the hub writes it, and its name where that is "other"."""
    if _base_model(facts) != BASE_MODEL or facts.preset.hub:
        return "other", "unknown"
    return ("other", LICENCE_NAME) if facts.sources else ("mit", None)


def _opening(facts: Facts) -> str:
    base = _base_model(facts)
    origin = f"[{base}](https://huggingface.co/{base})" if base else "a local model"
    text = f"A multilingual encoder for retrieval, trained by babelmix {facts.version} from {origin}."
    if facts.width and facts.width[0] != facts.width[1]:
        trained = (
            "which it was also trained at" if facts.width[0] in facts.matryoshka else "a cut it was not trained at"
        )
        text += f" Its vectors are the first {facts.width[0]} of {facts.width[1]} dimensions, {trained}."
    if facts.trimmed:
        cut = facts.trimmed
        text += (
            f" Its vocabulary is trimmed to {', '.join(cut.languages)}: {cut.kept:,} of {cut.of:,} rows of word "
            "embeddings. Other languages lose by that, see Forms."
        )
    return text


def _use(facts: Facts) -> str:
    where = facts.repository or "path/to/this/folder"
    lines = [
        "from sentence_transformers import SentenceTransformer",
        "",
        f'model = SentenceTransformer("{where}")',
        'queries = model.encode_query(["How do I print a page?"])',
        'passages = model.encode_document(["Choose File - Print."])',
        "print(model.similarity(queries, passages))",
    ]
    text = "Both methods put the model's own prompts in front."
    if facts.debiasing:
        lang = next(iter(facts.debiasing.languages), "de")
        lines.append(
            f'model.encode(["..."], prompt_name="document", task="document-{lang}")  # if the language is known'
        )
        text += "\n\n" + _of_debiasing(facts)
    return "```python\n" + "\n".join(lines) + f"\n```\n\n{text}"


def _of_debiasing(facts: Facts) -> str:
    baked = facts.debiasing
    if baked is None:
        return ""
    strength = "" if baked.strength is None else f" with strength {baked.strength:g}"
    text = (
        f"The last modules take the language out of the vectors: `{baked.form}`{strength}, by training text in "
        f"{', '.join(baked.languages)}. `task` is `query-` or `document-` and the language of the texts."
    )
    if baked.cosine is not None and baked.unmoved is not None:
        return text + (
            " Without it one map guesses the language from the vector: on training text its vectors have a cosine of "
            f"{baked.cosine:.4f} to those by the known language, and unmoved ones {baked.unmoved:.4f}."
        )
    return text + " Without it the text is one of an unknown language: what all languages have in common is used."


def _forms(facts: Facts) -> str:
    if not facts.forms:
        return ""
    rows = [
        (
            f"`{row.name}`",
            f"{row.bytes / 1e6:,.1f}",
            "not measured" if row.texts_per_second is None else f"{row.texts_per_second:,.1f}",
            _mean(row.map_by_language.values()),
            _mean(row.loss_by_language.values(), signed=True),
        )
        for row in facts.forms
    ]
    text = _table(("form", "MB", "texts a second", "mAP, mean of languages", "loss, mean of languages"), rows)
    text += "\n\nA loss is the mAP of the model before the export, minus that of the form."
    languages = sorted({lang for row in facts.forms for lang in row.loss_by_language})
    if languages:
        kept = set(facts.trimmed.languages) if facts.trimmed else set(languages)
        by_language = [
            (
                f"`{lang}`" + ("" if lang in kept else " (not kept)"),
                *(_signed(row.loss_by_language.get(lang)) for row in facts.forms),
            )
            for lang in languages
        ]
        head = ("loss in mAP", *(f"`{row.name}`" for row in facts.forms))
        text += f"\n\n{_table(head, by_language)}"
    return text


def _data(facts: Facts) -> str:
    if not facts.seen:
        return f"Training pairs by language: {UNKNOWN}."
    rows = [(f"`{lang}`", f"{facts.pairs.get(lang, 0):,}", f"{facts.machine.get(lang, 0):,}") for lang in facts.seen]
    text = _table(("language", "training pairs by people", "by machine"), rows)
    unseen = ", ".join(facts.unseen)
    return f"{text}\n\n" + (
        f"Scored, but not in the training pairs: {unseen}." if unseen else "No language was scored that training lacks."
    )


def _licences(facts: Facts) -> str:
    licence, _ = _licence(facts)
    lines = [f"- `{name}`, training pairs: {text}" for name, text in facts.sources.items()]
    lines += [f"- `{name}`, scored on: {text}" for name, text in _benchmarks(facts).items()]
    if licence == "mit":
        why = "The weights are those of multilingual-e5-small (MIT)."
    elif _base_model(facts) == BASE_MODEL and not facts.preset.hub:
        why = (
            "The weights began as multilingual-e5-small (MIT) and were trained on the pairs below. Whether the "
            "licences of texts bind weights that were trained on them is not settled, so the card says `other`: "
            "respect all."
        )
    else:
        why = "The licence of the starting encoder is unknown to babelmix: ask its maker. So the card says `other`."
    return "\n".join([why, "", *lines]).strip()


def _benchmarks(facts: Facts) -> dict[str, str]:
    return {score.benchmark: score.licence for score in facts.scores}


def _scores(facts: Facts) -> str:
    if not facts.scores:
        return f"Scores are {UNKNOWN}."
    rows = [
        (
            f"`{score.benchmark}`",
            SCOPE_NAMES[score.scope],
            MEASURE_NAMES[score.measure],
            f"{score.interval.mean:.3f}",
            f"{score.interval.low:.3f} to {score.interval.high:.3f}",
            f"{score.interval.questions:,}",
        )
        for score in facts.scores
    ]
    text = "Of the model before its export; the intervals (95 %) are over questions, of one training.\n\n"
    text += _table(("benchmark", "searched", "measure", "score", "interval", "questions"), rows)
    seeds = [
        f"- `{name}`: {_mean(values)}, standard deviation "
        f"{stdev(values) if len(values) > 1 else float('nan'):.3f}, {len(values)} seeds"
        for name, values in sorted(facts.seeds.items())
        if len(values) > 1
    ]
    if seeds:
        text += "\n\nThe same recipe with other seeds, not these weights, in the pool of all languages:\n\n"
        text += "\n".join(seeds)
    return text


def _limits(facts: Facts) -> Iterable[str]:
    if _base_model(facts) == BASE_MODEL and not facts.preset.hub:
        yield (
            "It starts from 4-bit weights of multilingual-e5-small, turned back into float32, not from the original "
            "weights."
        )
        yield (
            "No score is zero-shot: the makers of multilingual-e5-small tuned it on data like SQuAD and MIRACL. "
            "Benchmark texts may be in its pre-training."
        )
    else:
        yield "What the starting encoder was trained on is unknown: a score may not be zero-shot."
    if facts.layers and facts.layers < PACKAGED_LAYERS and not facts.preset.hub and not facts.preset.folder:
        yield f"It is pruned to {facts.layers} of {PACKAGED_LAYERS} layers, and trained for a short time after that."
    if not facts.seeds:
        yield "It is one training with one seed; another seed gives other scores."
    if facts.unseen:
        yield f"Languages that it was scored in, but not trained on here: {', '.join(facts.unseen)}."
    if facts.trimmed:
        yield (
            "The trimmed vocabulary changes no text whose pieces are all left. Others are cut into smaller pieces, and "
            "characters of other scripts may be unknown to it."
        )


def _mean(values: Iterable[float], *, signed: bool = False) -> str:
    found = list(values)
    return "not measured" if not found else _signed(mean(found)) if signed else f"{mean(found):.3f}"


def _signed(value: float | None) -> str:
    return "not measured" if value is None else f"{value:+.3f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in line) + " |" for line in lines
    )
