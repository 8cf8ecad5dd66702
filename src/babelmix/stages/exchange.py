"""Runs, qrels, topics and results in other tools' forms."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from babelmix.common.errors import unknown_name
from babelmix.common.files import write_json
from babelmix.common.outputs import claim_file
from babelmix.common.progress import say
from babelmix.settings.params import Settings
from babelmix.stages.scoring import Asked, check_asked, check_distinct, open_judged, scored_as_asked


def evaluate_as(form: str, output: Path, asked: Asked, settings: Callable[[], Settings]) -> str:
    """Score a system on a benchmark and write mteb's form of results; return what was written."""
    from babelmix.evaluation.ranks import rank_relevant
    from babelmix.exporting.mteb_results import FORMS, KEYS, revision_of, task_result

    if form not in FORMS:
        raise unknown_name("form", form, ("babelmix", *FORMS), where="--format")
    check_asked(asked, "evaluate")
    claim_file(output, inputs=asked.inputs, written=KEYS)
    with (
        open_judged(asked) as (folder, (qrels, made)),
        scored_as_asked(asked, folder, qrels, settings, nonsense=False) as (scorer, _),
    ):
        about: dict[str, Any] = {"system": asked.name, "left_out": {**made.left_out, **qrels.left_out}}
        ranks = rank_relevant(qrels, scorer)
        result = task_result(qrels, ranks, form=form, revision=revision_of(folder), about=about)
    write_json(output, result)
    return f"wrote {output}, as mteb writes results"


def write_trec(
    trec: Path,
    asked: Asked,
    settings: Callable[[], Settings],
    *,
    qrels_file: Path | None,
    topics_file: Path | None,
    top: int,
    scope: str,
) -> str:
    """Write a system's rankings of a benchmark as a TREC run, with qrels and topics; return what was written."""
    from babelmix.exporting.rankings import rankings
    from babelmix.exporting.topics import topics_of
    from babelmix.exporting.trec import (
        Lines,
        check_ids,
        claim_run,
        passage_ids,
        qrels_lines,
        tag_of,
        topic_lines,
        write_run,
    )

    check_asked(asked, "run")
    check_distinct({"--trec": trec, "--qrels": qrels_file, "--topics": topics_file})
    claim_run(trec, asked.inputs)
    with open_judged(asked) as (folder, (qrels, _)):
        topics, ids = topics_of(qrels, scope), passage_ids(folder)
        check_ids(topics.names, f"{qrels.name}, queries")
        files: list[Lines] = []
        if qrels_file:
            files.append(Lines(qrels_file, "--qrels", [*qrels_lines(topics, ids)]))
        if topics_file:
            files.append(Lines(topics_file, "--topics", [*topic_lines(topics, [q.text for q in qrels.queries])]))
        for file in files:
            file.claim([*asked.inputs, trec])
        if topics.unanswered:
            say(f"{topics.unanswered:,} topics without an answer in the scope {scope} are not in the files")
        if top < len(ids):
            say(f"the run lists the best {top:,} of {len(ids):,} passages: measures without a cutoff see no others")
        with scored_as_asked(asked, folder, qrels, settings, nonsense=False) as (scorer, _):
            lowered = write_run(trec, topics, ids, rankings(scorer, qrels, topics, top), tag_of(asked.name))
        for file in files:
            file.write()
    if lowered:
        say(f"{lowered:,} equal scores were lowered, in steps of float32, so that trec_eval keeps our order")
    written = ", ".join(str(file) for file in (trec, qrels_file, topics_file) if file)
    return f"wrote {written}: {len(topics.names):,} topics"
