"""The tables of one benchmark in the report: scores, language bias, seen and unseen languages, paired differences."""

from collections.abc import Sequence
from typing import Any

from babelmix.evaluation.measures import MEASURE_NAMES
from babelmix.evaluation.query_scores import SCOPES
from babelmix.reporting.compare import Comparison, shown_systems
from babelmix.reporting.dev_choice import marked
from babelmix.reporting.figures import answers_in_own_language, unbiased_share
from babelmix.reporting.names import SCOPE_NAMES
from babelmix.reporting.results import Results, seen, training_languages
from babelmix.reporting.tables import TESTS, count, interval, number, signed, table, tests, tests_explained
from babelmix.workspace import UNTRAINED

BIAS = (
    'Rank distance: the number of ranks in the pool between a question\'s first and last answer; "of random" divides '
    "it by that of a random ranking. Max@R: the rank of the last answer. Own language: the share of the ten best "
    "passages that are in the query's language. PEER: the probability that the answers in all languages have equal "
    "expected ranks (arXiv 2405.00978); it is constant if every language has exactly one answer. Mono − cross: the "
    "monolingual minus the cross-lingual score."
)
NATIVE = (
    "Every answer is in its question's own language, so a system is right to prefer it. No question has a rank "
    "distance or a cross-lingual score, and PEER is a constant."
)
SYSTEMS = (
    "bm25 counts word overlap, with one index for each language (k1 0.9, b 0.4, no stemming). It does not find a "
    "passage that shares no word with the query; such a passage scores zero. A plus sign names a debiasing. It needs "
    "no training, so it shows what a batch recipe adds. +lir removes the strongest direction of each language from a "
    "system's vectors (LIR, arXiv 2109.04727). +shift and +centre move them by the mean of their language. All three "
    "are estimated on training text, never on a benchmark. † is transductive: estimated on the passages of the index, "
    "without labels. Beside plain and +lir the tables have each encoder's best form, which the dev splits chose."
)


def benchmark_tables(results: Results, benchmark: str) -> list[str]:
    """Return the tables of a benchmark and the text around them, a paragraph each."""
    evaluations = {system: results.evaluations[system][benchmark] for system in shown_systems(results)}
    measure: str = evaluations[UNTRAINED]["main_score"]
    rows: list[tuple[str, ...]] = []
    bias_rows: list[tuple[str, ...]] = []
    for system, evaluation in evaluations.items():
        scopes, bias = evaluation["scopes"], evaluation["bias"]
        pool = scopes["multilingual"]
        scores = [scopes[scope][measure] for scope in SCOPES]
        others = [pool["map_over_questions"], pool["map_at_20"], pool["recall_at_1"], pool["recall_at_10"]]
        rows.append((marked(system), *map(number, (*scores, *others))))
        gap = None if scores[0] is None or scores[1] is None else scores[0] - scores[1]
        bias_rows.append(
            (
                marked(system),
                number(bias["rank_distance"], ".1f"),
                number(bias["rank_distance_share"], ".1%"),
                number(bias["max_rank"], ".1f"),
                number(bias["same_language_share_top10"], ".1%"),
                number(bias["peer"]),
                number(gap),
            )
        )
    name = MEASURE_NAMES[measure]
    pooled = ("mAP by query", "AP@20", "R@1", "R@10")
    languages = sorted(set(evaluations[UNTRAINED]["bias"]["language_share_pool"]) - training_languages(results))
    unseen = f" In {', '.join(languages)} there is no training text: LIR removes the directions of all languages."
    return [
        *(_by_query_language(evaluations) if measure == "ndcg_at_10" else []),
        table(("", f"mono {name}", f"cross {name}", f"multi {name}", *pooled), rows),
        "Means over languages, or over ordered pairs of languages. The last four columns belong to the multilingual "
        f"pool: mAP with equal weight for every query, AP at 20, recall. {SYSTEMS}{unseen if languages else ''}",
        *_strengths(evaluations),
        "### Language bias",
        table(("", "rank distance", "of random", "Max@R", "own language", "PEER", "mono − cross"), bias_rows),
        BIAS,
        *([NATIVE] if answers_in_own_language(evaluations[UNTRAINED]) else []),
        _shares(evaluations),
        "### Languages seen in training, and unseen languages",
        *_seen_and_unseen(evaluations, training_languages(results), measure),
    ]


def _strengths(evaluations: dict[str, dict[str, Any]]) -> list[str]:
    """Return the strength of each debiased form of the table, which its evaluation names; nothing without one."""
    said = [(system, evaluation.get("debiasing") or {}) for system, evaluation in evaluations.items()]
    known = [f"{marked(system)} {one['strength']:g}" for system, one in said if one.get("strength") is not None]
    return [f"Strength of the debiasing, chosen on dev: {', '.join(known)}."] if known else []


def _by_query_language(evaluations: dict[str, dict[str, Any]]) -> list[str]:
    """Return the table of cross-lingual BEIR: one pool of passages, queries in each language."""
    asked = list(evaluations[UNTRAINED]["scopes"]["multilingual"]["by"])
    asked.sort(key=lambda lang: (lang != "en", lang))  # English is the reference
    rows: list[tuple[str, ...]] = []
    for system, evaluation in evaluations.items():
        by = evaluation["scopes"]["multilingual"]["by"]
        cells = [number(by[lang][measure]) for lang in asked for measure in ("ndcg_at_10", "recall_at_100")]
        rows.append((marked(system), *cells))
    head = ("query language", *(f"{lang} {measure}" for lang in asked for measure in ("nDCG@10", "R@100")))
    return [table(head, rows), "Queries in each language against all passages; English is the reference."]


def _seen_and_unseen(evaluations: dict[str, dict[str, Any]], known: frozenset[str], measure: str) -> list[str]:
    unseen = sorted(set(evaluations[UNTRAINED]["bias"]["language_share_pool"]) - known)
    if not unseen:
        return ["Every language of this benchmark was seen in training."]
    rows: list[tuple[str, ...]] = []
    for system, evaluation in evaluations.items():
        row = [marked(system)]
        for scope in ("monolingual", "crosslingual"):
            groups = evaluation["scopes"][scope]["by"]
            for wanted in (True, False):
                chosen = [found[measure] for name, found in groups.items() if (seen(name, known) == "yes") == wanted]
                row.append(number(sum(chosen) / len(chosen) if chosen else None))
        rows.append(tuple(row))
    head = ("system", "mono, seen", "mono, unseen", "cross, both seen", "cross, one or both unseen")
    return [f"Mean {MEASURE_NAMES[measure]}. The training pairs lack: {', '.join(unseen)}.", table(head, rows)]


def _shares(evaluations: dict[str, dict[str, Any]]) -> str:
    pool = evaluations[UNTRAINED]["bias"]["language_share_pool"]
    even = unbiased_share(evaluations[UNTRAINED])
    rows = [("share of the pool", *(number(share, ".1%") for share in pool.values()), number(even, ".1%"))]
    for system, evaluation in evaluations.items():
        bias = evaluation["bias"]
        shares = [number(bias["language_share_top10"][language], ".1%") for language in pool]
        rows.append((f"top ten, {marked(system)}", *shares, number(bias["same_language_share_top10"], ".1%")))
    return table(("", *pool, "query's own"), rows)


def comparison_tables(comparisons: Sequence[Comparison]) -> list[str]:
    """Return the paired differences on a benchmark and how to read them; nothing without comparisons."""
    if not comparisons:
        return []
    rows = [
        (
            f"{marked(row.first)} − {marked(row.second)}",
            SCOPE_NAMES[row.scope],
            signed(row.difference.mean),
            interval(row.difference),
            f"{row.difference.p:.4f}",
            *tests(row.difference),
            row.difference.verdict,
        )
        for row in comparisons
    ]
    questions = max(row.difference.questions for row in comparisons)
    return [
        f"### Paired differences in {MEASURE_NAMES[comparisons[0].measure]}",
        table(("systems", "scope", "difference", "95 % interval", "p", *TESTS, "verdict"), rows),
        f"Intervals and p of Student's t over {count(questions)} questions, the translations of a question together. "
        f"{tests_explained(comparisons[0].difference.bound)}",
    ]
