"""The pairs of a project as a data set that others can load: those whose licence allows it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babelmix.common.errors import UserError
from babelmix.common.files import new_folder
from babelmix.common.outputs import claim_folder
from babelmix.common.progress import say
from babelmix.corpus.registry import PAIR_SOURCES, source_of
from babelmix.exporting.pair_licences import Decision, decision_of, decision_on_table
from babelmix.exporting.pairs_dataset import PairFile, write_shards
from babelmix.exporting.release import release
from babelmix.settings.params import Settings
from babelmix.workspace import HERE, remade_by

if TYPE_CHECKING:
    from babelmix.exporting.dataset_card import Filtered


def publish_pairs(output: Path, settings: Settings, *, own: bool, push: str | None) -> str:
    """Write the pairs of all sources that may be passed on as a data set; return what was written, and what was not.

    `own` takes the user's own pairs in. `push` is the name of a data set on the hub, to which the folder is uploaded.
    UserError: no pairs yet, a broken line, no source that may be passed on, and what `claim_folder` refuses.
    """
    if push:
        from babelmix.download.hub import allow_hub

        allow_hub()  # before `datasets` imports the hub's client
        from babelmix.exporting.push import check_push

        check_push(push)
    from babelmix.exporting.dataset_card import About, SourceNote, card

    claim_folder(output, inputs=[HERE.data, HERE.metrics])
    decisions = {name: _decision(name, settings, own) for name in settings.sources}
    left_out = [(name, one.refused) for name, one in decisions.items() if one.refused]
    shared = [name for name, one in decisions.items() if not one.refused]
    for name, reason in left_out:
        say(f"{name} is left out: {reason}")
    if not shared:
        how = "add a source that may be passed on to `sources`, or give --own for pairs of your own"
        raise UserError("no source may be passed on", where="params.yaml, sources", how=how)
    files = [file for name in shared for file in _human_files(name, settings)]
    translated, untranslated = _machine_files(shared, settings)
    for line in untranslated:
        say(line)
    notes = [
        SourceNote(name, source_of(name, settings.source).licence, decisions[name].hub_id, decisions[name].asks)
        for name in shared
    ]
    with new_folder(output) as folder:
        written = write_shards(folder, [*files, *translated])
        if not written.sizes:
            raise UserError("no pair in them", where=str(HERE.human_pairs(shared[0]).parent), how=remade_by("pairs"))
        about = About(
            name=push or output.name,
            written=written,
            sources=notes,
            left_out=left_out,
            filtered=[_filtered(file) for file in translated],
            untranslated=untranslated,
            again=[
                "dvc repro pairs translate translations",
                f"babelmix publish pairs --output {output.name}{' --own' if own else ''}",
            ],
            settings=_deciding(shared, settings),
            thresholds=settings.translate.filter.model_dump(),
            version=release() or "of unknown version",
        )
        (folder / "README.md").write_text(card(about), encoding="utf-8")
    for reason, rows in sorted(written.left_out.items()):
        say(f"{rows:,} rows are left out: {reason}")
    line = f"wrote {written.count():,} pairs in {len(written.languages)} languages to {output}"
    if left_out:
        line += f", without {', '.join(name for name, _ in left_out)}"
    if push:
        from babelmix.exporting.push import push_folder

        line += f", and pushed them: {push_folder(output, push, kind='dataset')}"
    return line


def _decision(name: str, settings: Settings, own: bool) -> Decision:
    if name in PAIR_SOURCES:
        return decision_of(name)
    table = settings.source[name]
    return decision_on_table(hub=table.hub is not None, words=table.dictionary is not None, own=own)


def _human_files(name: str, settings: Settings) -> list[PairFile]:
    """Return the files that people wrote, that of the source's own language first: it decides the splits."""
    source, folder = source_of(name, settings.source), HERE.human_pairs(name)
    found = sorted(folder.glob("*.jsonl"), key=lambda file: (file.stem != source.language, file.stem))
    if not found:
        raise UserError("no pairs here", where=str(folder), how=remade_by("pairs"))
    return [
        PairFile(file, name, file.stem, source.licence, written_in=source.language or "", pages=bool(source.pages))
        for file in found
    ]


def _machine_files(sources: Sequence[str], settings: Settings) -> tuple[list[PairFile], list[str]]:
    """Return the files that a machine translated, and a line for each source and language that has none."""
    files: list[PairFile] = []
    lines: list[str] = []
    for name in sources:
        source = source_of(name, settings.source)
        for language in settings.translate.languages:
            file, reason = HERE.machine_pairs(name, language), settings.untranslated(name, language)
            if reason or not file.exists():
                reason = reason or f"not yet: {remade_by('translate')}"
                lines.append(f"{name} is not translated into {language}: {reason}")
                continue
            hops = settings.route(name, language)
            pivot = " ".join(hop.source for hop in hops[1:])
            files.append(
                PairFile(
                    file,
                    name,
                    language,
                    source.licence,
                    machine=True,
                    written_in=source.language or "",
                    pivot=pivot,
                    pages=bool(source.pages),
                )
            )
    return files, lines


def _filtered(file: PairFile) -> "Filtered":
    """Return what the filter did, as the stage `translate` counted it."""
    from babelmix.exporting.dataset_card import Filtered

    counted = HERE.translation_counts(file.source, file.language)
    try:
        found: Any = json.loads(counted.read_text(encoding="utf-8"))
        rejected = {str(reason): int(rows) for reason, rows in found["rejected"].items()}
        return Filtered(file.source, file.language, str(found["engine"]), int(found["kept"]), rejected)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError("no statistics of the filter", where=str(counted), how=remade_by("translate")) from error


def _deciding(sources: Sequence[str], settings: Settings) -> dict[str, Any]:
    """Return the sections of params.yaml that decide the pairs of these sources."""
    tables = {
        name: settings.source[name].model_dump(mode="json", exclude_defaults=True)
        for name in sources
        if name in settings.source
    }
    translate = settings.translate
    routes = {language: translate.routes[language] for language in translate.languages}
    return {
        "sources": list(sources),
        **({"source": tables} if tables else {}),
        "pairs": settings.pairs.model_dump(mode="json"),
        "translate": {"languages": list(translate.languages), "max_pairs": translate.max_pairs, "routes": routes},
    }
