"""The tables of an export: one line a form, and the loss of each form by scope and language.

    for line in plain_lines(rows): print(line)
    text = form_tables(rows)                        # Markdown, for the card

A loss is the mAP of the original minus that of the form. One above measure.LIMIT is marked with an exclamation mark.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from babelmix.evaluation.query_scores import SCOPES
from babelmix.exporting.markdown import table
from babelmix.exporting.measure import LIMIT, Measured, losses, worst
from babelmix.exporting.sensitivity import InFloat32

HEAD = ("form", "MB", "texts/s", "speed", "mono", "cross", "multi", "worst loss", "where")


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of one form; the first row of a table is the original."""

    name: str
    bytes: int  # of its own files
    measured: Measured
    in_float32: InFloat32 | None = None  # products that int8 left so


def plain_lines(rows: Sequence[Row]) -> list[str]:
    """Return the table of all forms, then that of the losses by language, for a terminal of 100 columns."""
    lines = _aligned([HEAD, *_summary(rows)])
    for scope in SCOPES:
        if rows[0].measured.map[scope]:
            lines += ["", f"loss of mAP, {scope}, by language of the query:", *_aligned(_by_language(rows, scope))]
    return [*lines, *(f"{row.name}: {note}" for row in rows if (note := note_of(row)))]


def form_tables(rows: Sequence[Row], kept: Sequence[str] | None = None) -> str:
    """Return the same as Markdown, under a heading, for the card; `kept`: languages of a trimmed vocabulary."""
    parts = ["## Forms", table(HEAD, _summary(rows), figures=True)]
    for scope in SCOPES:
        if rows[0].measured.map[scope]:
            head, *body = _by_language(rows, scope)
            marked = [(lang if kept is None or lang in kept else f"{lang} (not kept)", *rest) for lang, *rest in body]
            parts += [f"Loss of mAP, {scope}, by language of the query:", table(head, marked, figures=True)]
    parts += [f"{row.name}: {note}." for row in rows if (note := note_of(row))]
    parts.append(
        "A loss is the mAP of the model before the export, minus that of the form. "
        f"One above {LIMIT} has an exclamation mark; the worst is that of all scopes. Speed is against "
        "sentence-transformers' own `encode` of the original, in one pass over the texts. MB are those of the form's "
        "own files: all share one tokenizer."
    )
    return "\n\n".join(parts) + "\n"


def note_of(row: Row) -> str | None:
    """Return what 8 bits left in float32, None where there is nothing to say.

    >>> note_of(Row("onnx-int8", 0, Measured({}, 1.0), InFloat32((2, 5), 0.0031)))
    '2 products stay in float32; the cosines of other texts move by 0.0031'
    """
    kept = row.in_float32
    if kept is None:
        return None
    return f"{kept.number} products stay in float32; the cosines of other texts move by {kept.error:.4f}"


def _summary(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    original, found = rows[0].measured, list[tuple[str, ...]]()
    for row in rows:
        own = row.measured
        means = ("–" if (mean := own.mean(scope)) is None else f"{mean:.4f}" for scope in SCOPES)
        lost = ("–", "–")
        if row is not rows[0]:
            value, where = worst(losses(original, own))
            lost = (_loss(value), where)
        speed = f"{own.texts_per_second / original.texts_per_second:.2f}"
        found.append((row.name, f"{row.bytes / 1e6:,.1f}", f"{own.texts_per_second:,.1f}", speed, *means, *lost))
    return found


def _by_language(rows: Sequence[Row], scope: str) -> list[tuple[str, ...]]:
    others = rows[1:]
    lost = [losses(rows[0].measured, row.measured)[scope] for row in others]
    head = ("language", "mAP", *(row.name for row in others))
    body = [
        (lang, f"{value:.4f}", *(_loss(one[lang]) for one in lost))
        for lang, value in rows[0].measured.map[scope].items()
    ]
    return [head, *body]


def _loss(value: float) -> str:
    return f"{value:+.4f}" + ("!" if value > LIMIT else "")


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 or lines[0][column] == "where" else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
