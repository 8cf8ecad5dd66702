"""Write the report of the study, reports/report.md and reports/report.html, from metrics/study and metrics/words alone.

    write_answer(HERE, load_settings().study)

Neither file depends on the time of day or the revision: the same records give the same bytes.
"""

from collections.abc import Mapping, Sequence

from babelmix.common.errors import UserError
from babelmix.common.files import new_file
from babelmix.reporting.answer.costs import costs_section
from babelmix.reporting.answer.document import Document, Part, Section
from babelmix.reporting.answer.languages import languages_section
from babelmix.reporting.answer.limits import again_section, limits_section
from babelmix.reporting.answer.negative import negative_section
from babelmix.reporting.answer.page import to_page
from babelmix.reporting.answer.probes import probes_section
from babelmix.reporting.answer.questions import questions_section
from babelmix.reporting.answer.recipes import recipes_section
from babelmix.reporting.answer.scaling import gap_section, scaling_section
from babelmix.reporting.answer.scores import scores_section
from babelmix.reporting.answer.steps import steps_section
from babelmix.reporting.answer.text import to_text
from babelmix.study.design import Design, designs
from babelmix.study.record import Record, read_all_records
from babelmix.study.scores import StudyScores
from babelmix.study.settings import Study
from babelmix.study.verdict import verdict
from babelmix.workspace import Workspace

TITLE = "Does the size of the encoder change what hybrid batches gain?"


def write_answer(workspace: Workspace, study: Study) -> None:
    """Write both files.

    Raises UserError without a size that has a seed of every objective, for damaged records, and for runs of one device
    on several versions of the data.
    """
    records = read_all_records(workspace.study)
    found = [one for one in designs(records, study) if one.sizes]
    if not found:
        what = "no finished run" if not records else "no size has a finished run of every objective"
        raise UserError(what, where=str(workspace.study), how="run `babelmix study`")
    shared = [probes_section(workspace.words), questions_section(workspace.explore_questions)]
    document = to_document(found, records, study, [section for section in shared if section])
    page, text = to_page(document), to_text(document)
    with new_file(workspace.report_page) as stream:
        stream.write(page)
    with new_file(workspace.report) as stream:
        stream.write(text)


def to_document(
    found: Sequence[Design], records: Mapping[str, Record], study: Study, shared: Sequence[Section]
) -> Document:
    """Return the report: the sections of each device, then `shared` and the limits of all runs."""
    several = len(found) > 1
    answers = [verdict(one, study) for one in found]
    if several:
        answers = [f"On {one.device}: {text}" for one, text in zip(found, answers, strict=True)]
    parts = [
        Part(f"Runs on {one.device}" if several else "", _sections(one, study, f"-{place}" if place else ""))
        for place, one in enumerate(found)
    ]
    last = (*shared, limits_section(found, study), again_section(found, records, study))
    return Document(TITLE, tuple(answers), (*parts, Part("About all runs" if several else "", last)))


def _sections(design: Design, study: Study, suffix: str) -> tuple[Section, ...]:
    scores = StudyScores(design, study)
    sections = (
        scores_section(design, study, suffix),
        scaling_section(scores, suffix),
        gap_section(scores, suffix),
        recipes_section(design, study, suffix),
        costs_section(design, study, suffix),
        languages_section(design, study, suffix),
        steps_section(scores, suffix),
        negative_section(design, study, suffix),
    )
    return tuple(section for section in sections if section)
