"""What the study does not show, and how to make it again."""

from collections.abc import Iterator, Mapping, Sequence

from babelmix.reporting.answer.document import Bullets, Commands, Paragraph, Section, Table
from babelmix.reporting.answer.words import listed
from babelmix.study.design import Design
from babelmix.study.rates import at_an_end
from babelmix.study.record import Record
from babelmix.study.same_data import DATA
from babelmix.study.settings import Study

ALWAYS = (
    "One family. All sizes are one checkpoint, multilingual-e5-small of 12 layers; in the smaller ones layers were "
    "left out before training. Encoders that were small from the start may behave otherwise, and the smaller ones "
    "start from a damaged encoder.",
    "The weights of that checkpoint had 4 bits and were dequantised.",
    "Contamination: no score is zero-shot. The makers tuned the checkpoint on data like SQuAD and MIRACL, and XQuAD-R "
    "is made of SQuAD. Differences from an equal start remain valid.",
    "Training pairs are of one domain, the help of an office suite. Queries of BEIR in other languages were translated "
    "by machine: a bad translation lowers a score.",
    "Learning rates were chosen by one small sweep, on the dev splits, at one number of steps: other numbers of steps "
    "run with rates that were chosen for this one.",
    "Debiasings marked with a dagger know the passages of the index before the queries come.",
    "Intervals treat questions and seeds as samples. They say nothing of other checkpoints, other training pairs or "
    "other benchmarks.",
)
COMMANDS = (
    "git clone <this repository> babelmix && cd babelmix",
    "make setup               # a virtual environment with pinned versions",
    "babelmix report          # this report from the committed records, without any training",
    "babelmix study           # the trainings themselves, hours; it goes on where it stopped",
)


def limits_section(found: Sequence[Design], study: Study) -> Section:
    """Return what is missing from these runs, and what such a study cannot show."""
    return Section("limits", "Limits", (Bullets((*_of_these_runs(found, study), *ALWAYS)),))


def _of_these_runs(found: Sequence[Design], study: Study) -> Iterator[str]:
    for one in found:
        where = f" on {one.device}" if len(found) > 1 else ""
        if len(one.sizes) < 3:
            yield f"{len(one.sizes)} sizes so far{where}: points, and no curve over the size."
        short = [f"{size} {len(one.seeds[size])}" for size in one.sizes if len(one.seeds[size]) < len(study.seeds)]
        if short:
            yield f"Of {len(study.seeds)} planned seeds, these sizes have fewer{where}: {', '.join(short)}."
        if ends := at_an_end(one, study):
            yield f"{f'Of {one.device}: ' if where else ''}{ends}"
        for sentence in one.left_out:
            yield f"Left out{where}: {sentence}."
    if len(found) > 1:
        devices = listed([one.device for one in found])
        yield f"Runs of {devices} stand in tables of their own: kernels round differently."


def again_section(found: Sequence[Design], records: Mapping[str, Record], study: Study) -> Section:
    """Return the commands, the machines, the learning rates, and the versions of the data."""
    hashes = {
        path: md5
        for one in records.values()
        for path, md5 in one.facts.hashes.items()
        if path.startswith(DATA) and path.endswith((*study.benchmarks, "dev", "human", "machine"))
    }
    machines = [f"{one.device}: {machine}" for one in found for machine in one.machines]
    revisions = sorted({one.facts.revision[:8] for one in records.values()})
    rates = [
        (size, *(_rate(one, size, name) for name in study.objectives), ", ".join(map(str, one.seeds[size])))
        for one in found
        for size in one.sizes
    ]
    versions = tuple((path, md5[:8]) for path, md5 in sorted(hashes.items()))
    return Section(
        "again",
        "Make it again",
        (
            Commands(COMMANDS),
            Paragraph(f"{len(records)} finished runs, of commit {', '.join(revisions)}. Machines:"),
            Bullets(tuple(machines)),
            Table("Learning rates that dev chose, and seeds", ("size", *study.objectives, "seeds"), tuple(rates)),
            Table("Versions of the data, the first 8 digits of DVC's md5", ("path", "version"), versions),
        ),
    )


def _rate(design: Design, size: str, objective: str) -> str:
    rates = sorted({one.facts.learning_rate for one in design.main[size, objective]})
    return ", ".join(f"{rate:.3g}" for rate in rates)
