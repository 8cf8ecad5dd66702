"""Run the directions of a lexicon: encode each language's words once, score every direction, sum up."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from babelmix.probes.induction import Encode, Scores, Task, induce
from babelmix.probes.probe import Asked, Found, Table
from babelmix.probes.vocabulary import Vocabulary

HEADLINE = ("p_at_1_csls", "mrr_csls", "p_at_1", "mrr")
PARTS = {
    "non_identical": "other str.",
    "rank_0_5k": "0-5k",
    "rank_5k_20k": "5k-20k",
    "rank_20k_100k": "20k-100k",
    "outside": "outside",
}


def run_tasks(
    tasks: Sequence[Task],
    asked: Asked,
    name: str,
    *,
    units: Callable[[Task], Sequence[str]],
    encode: Encode | None = None,
) -> Found:
    """Return the scores of all directions, their means as the headline, and a table with a row for each direction.

    Args:
        tasks: the directions.
        asked: who is probed.
        name: of the probe.
        units: what each query of a task asks for, whatever the language.
        encode: what turns words into vectors, the encoder that is asked unless given.
    """
    vectors_of = encode or asked.encode
    words: dict[str, dict[str, None]] = {}
    for task in tasks:
        own = words.setdefault(task.source, {})
        own |= dict.fromkeys((*task.references, *(source for source, _ in task.rows)))
        words.setdefault(task.target, {}).update(dict.fromkeys(task.candidates))
    encoded = {lang: Vocabulary(list(own), vectors_of(list(own))) for lang, own in words.items()}
    static = {lang: Vocabulary(list(own), asked.encode.static(list(own))) for lang, own in words.items()}
    induced = {task.name: induce(task, encoded, static, strings=asked.form == "fast") for task in tasks}
    scores = {direction: found for direction, (found, _) in induced.items()}
    headline = {measure: fmean(found["all"][measure] for found in scores.values()) for measure in HEADLINE}
    some = [found["non_identical"]["p_at_1_csls"] for found in scores.values() if "non_identical" in found]
    headline |= {"non_identical_p_at_1_csls": fmean(some)} if some else {}
    left_out = Counter[str]()
    for task in tasks:
        left_out.update(task.left_out)
    return Found(
        headline=headline,
        scores={"by_direction": scores},
        table=_table(scores, name),
        left_out=dict(left_out),
        about={task.name: dict(task.about) for task in tasks},
        right={direction: right for direction, (_, right) in induced.items()},
        units={task.name: units(task) for task in tasks},
    )


def _table(scores: Mapping[str, Scores], name: str) -> Table:
    parts = {part: head for part, head in PARTS.items() if any(part in found for found in scores.values())}
    head = ["", "words", "P@1", "CSLS", "MRR", *parts.values(), "same", "edit", "static"]
    rows = [[direction, *_cells(found, parts)] for direction, found in scores.items()]
    about = (
        "P@1 by cosine, then by CSLS; MRR and the parts by CSLS. Floors: the identical string, the smallest edit "
        "distance, static vectors."
    )
    return Table(f"{name}: a word's translation", head, rows, about)


def _cells(found: Scores, parts: Mapping[str, str]) -> list[str]:
    whole = found["all"]
    cells = [f"{whole['queries']:,}", *(_share(whole[measure]) for measure in ("p_at_1", "p_at_1_csls"))]
    cells.append(f"{whole['mrr_csls']:.3f}")
    cells += [_share(found[part]["p_at_1_csls"]) if part in found else "-" for part in parts]
    return cells + [_share(whole.get(f"{floor}_p_at_1")) for floor in ("identical", "edit", "static")]


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"
