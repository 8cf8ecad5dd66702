"""The model card of an export: YAML that the hub reads, then data, licences, recipe, scores and limits in words.

    (folder / "README.md").write_text(model_card(facts), encoding="utf-8")

It says what card_facts.py found on disk and nothing else; what is not there is said to be unknown. Equal facts give
equal bytes.
"""

from collections.abc import Iterable
from statistics import mean, stdev

from babelmix.evaluation.measures import MEASURE_NAMES
from babelmix.exporting.card_data import SCOPE_NAMES, base_model, card_data, licence_of, packaged
from babelmix.exporting.card_facts import PACKAGED_LAYERS, Facts
from babelmix.exporting.markdown import table

UNKNOWN = "unknown: the files that would say it are not on disk"


def model_card(facts: Facts) -> str:
    """Return the card as Markdown behind a YAML front matter."""
    sections = {
        "": _opening(facts),
        "Use": _use(facts),
        "Training": facts.about or f"How it was trained is {UNKNOWN}.",
        "Data and languages": _data(facts),
        "Licences": _licences(facts),
        "Scores": _scores(facts),
        "Limits": "\n".join(f"- {line}" for line in _limits(facts)),
    }
    body = "\n\n".join(f"## {name}\n\n{text}" if name else text for name, text in sections.items() if text)
    return f"---\n{card_data(facts).to_yaml()}\n---\n\n# {facts.name}\n\n{body}\n"


def _opening(facts: Facts) -> str:
    base = base_model(facts)
    origin = f"[{base}](https://huggingface.co/{base})" if base else "a local model"
    made = "trained by babelmix from" if facts.trained else "not trained by babelmix:"
    text = f"A multilingual encoder for retrieval, {made} {origin}. babelmix {facts.version} exported it."
    if facts.preset is None:
        text = f"A text encoder that babelmix {facts.version} exported. Who trained it on what is {UNKNOWN}."
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


def _data(facts: Facts) -> str:
    if facts.preset is not None and not facts.trained:
        return "babelmix did not train it."
    if not facts.seen:
        return f"Training pairs by language: {UNKNOWN}."
    rows = [(f"`{lang}`", f"{facts.pairs.get(lang, 0):,}", f"{facts.machine.get(lang, 0):,}") for lang in facts.seen]
    text = table(("language", "training pairs by people", "by machine"), rows)
    unseen = ", ".join(facts.unseen)
    return f"{text}\n\nScored, but not in the training pairs: {unseen or 'no language'}."


def _licences(facts: Facts) -> str:
    licence, _ = licence_of(facts)
    lines = [f"- `{name}`, training pairs: {text}" for name, text in facts.sources.items()]
    lines += [f"- `{name}`, scored on: {text}" for name, text in _benchmarks(facts).items()]
    if licence == "mit":
        why = "The weights are those of multilingual-e5-small (MIT)."
    elif packaged(facts):
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
    text += table(("benchmark", "searched", "measure", "score", "interval", "questions"), rows)
    seeds = [
        f"- `{name}`: {mean(values):.3f}, standard deviation "
        f"{stdev(values) if len(values) > 1 else float('nan'):.3f}, {len(values)} seeds"
        for name, values in sorted(facts.seeds.items())
        if len(values) > 1
    ]
    if seeds:
        text += "\n\nThe same recipe with other seeds, not these weights, in the pool of all languages:\n\n"
        text += "\n".join(seeds)
    return text


def _limits(facts: Facts) -> Iterable[str]:
    if packaged(facts):
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
    if facts.layers and facts.layers < PACKAGED_LAYERS and packaged(facts):
        after = ", and trained for a short time after that" if facts.trained else ": its vectors say little"
        yield f"It is pruned to {facts.layers} of {PACKAGED_LAYERS} layers{after}."
    if facts.trained and not any(len(values) > 1 for values in facts.seeds.values()):
        yield "It is one training with one seed; another seed gives other scores."
    if facts.unseen:
        yield f"Languages that it was scored in, but not trained on here: {', '.join(facts.unseen)}."
    if facts.trimmed:
        yield (
            "The trimmed vocabulary changes no text whose pieces are all left. Others are cut into smaller pieces, and "
            "characters of other scripts may be unknown to it."
        )
