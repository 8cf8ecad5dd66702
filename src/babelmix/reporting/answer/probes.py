"""What encoders know of single words, names and sentences, from the committed files of `babelmix probe`.

probes_section(HERE.words)      # Section with the scores and the differences; None with fewer than two encoders
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from babelmix.reporting.answer.document import Block, Paragraph, Section, Table
from babelmix.reporting.answer.words import STAR, gained
from babelmix.reporting.probe_tables import Trained, differences, is_trained, mean_headline, read_systems, seeds_of
from babelmix.reporting.scaling import change_rows
from babelmix.reporting.tables import number

MEASURES = {  # headline number -> what it says
    "xling.p_at_1_csls": "translated words, P@1 by CSLS",
    "omw.p_at_1_csls": "words of 11 other languages, P@1 by CSLS",
    "tatoeba.accuracy_none": "sentences to English, accuracy",
    "iso-codes.p_at_1": "names to English, P@1",
    "simlex.spearman": "similarity of words, Spearman",
}
TEXT = (
    "A probe asks an encoder for translations of words, names and short sentences, without any training. What batches "
    "buy may lie in the dictionary that an encoder carries, or in how it reads texts. `docs/results/probes.md` "
    "describes the probes, and has the machines and the commands."
)
DIFFERENCES = (
    "Differences in the share of queries that are right at rank 1, with 95 % intervals, paired over queries and seeds: "
    "with one seed they say nothing of other trainings. What is asked in several languages counts as one."
)


def probes_section(folder: Path) -> Section | None:
    """Return the section; UserError for a damaged file, or for files whose words were asked for in other ways."""
    files = sorted(folder.glob("*.json"), key=lambda file: (is_trained(file), file.name))
    systems = read_systems(files, where=str(folder))
    if len(systems) < 2:
        return None
    every = [one for own in systems.values() for one in own.values()]
    names = [name for name in MEASURES if any(name in one.headline for one in every)]
    rows = tuple(
        (system, *(number(mean_headline(own, name)) for name in names), seeds_of(own))
        for system, own in systems.items()
    )
    head = ("encoder", *(MEASURES[name] for name in names), "seeds")
    table = Table("What encoders know, means over languages", head, rows)
    return Section("probes", "Do the batches teach words?", (Paragraph(TEXT), table, *_differences(systems)))


def _differences(systems: Mapping[str, Trained]) -> Iterator[Block]:
    family = differences(systems)
    if not family:
        return
    probes = list(dict.fromkeys(probe for _, probe in family))
    yield Paragraph(f"{DIFFERENCES} {STAR}")
    yield Table("Differences at rank 1", ("encoders", *probes), tuple(change_rows(family, probes, gained)))
