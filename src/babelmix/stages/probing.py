"""What encoders know of words: the probes of a system of the pipeline, and of any model."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from babelmix.common.errors import UserError
from babelmix.common.outputs import claim_file
from babelmix.common.progress import progress
from babelmix.probes.settings import ProbeSettings
from babelmix.settings.params import Settings
from babelmix.workspace import HERE

if TYPE_CHECKING:
    from babelmix.probes.probe import Found, Probe


def probe_system(system: str, settings: Settings) -> str:
    """Probe an encoder of the pipeline as params.yaml says, and print the tables; return what was written."""
    from babelmix.probes.results import KEYS, write_results
    from babelmix.reporting.machine import describe_machine

    output = HERE.probes(system)
    claim_file(output, written=KEYS)
    found = _probe(str(HERE.model(system)), settings.probes, settings, settings.probe, None)
    write_results(output, system, found, settings.probe, describe_machine(settings.threads))
    return f"wrote {output}"


def probe_model(
    model: str,
    names: Sequence[str],
    settings: Settings,
    asked: ProbeSettings,
    *,
    languages: Sequence[str] | None,
    output: Path | None,
) -> str:
    """Probe any model and print the tables; return what was written, or what was probed.

    `names`: the probes, those of params.yaml if it is empty; `languages`: all if None.
    """
    from babelmix.probes.results import KEYS, write_results
    from babelmix.reporting.machine import describe_machine

    if output is not None:
        claim_file(output, inputs=[Path(model)], written=KEYS)
    found = _probe(model, names or settings.probes, settings, asked, languages)
    if output is None:
        return f"probed {model}: {', '.join(found)}"
    write_results(output, model, found, asked, describe_machine(settings.threads))
    return f"wrote {output}"


def _probe(
    model: str, names: Sequence[str], settings: Settings, asked: ProbeSettings, languages: Sequence[str] | None
) -> "dict[str, Found]":
    """Run probes with a model, and print their tables."""
    from babelmix.encoder.fingerprint import hash_model
    from babelmix.probes.probe import Asked
    from babelmix.probes.registry import probe_of
    from babelmix.probes.results import as_text
    from babelmix.probes.words import WordEncoder
    from babelmix.stages.systems import load_model, model_folder, store_of

    probes = {name: probe_of(name) for name in names}
    folders = {name: _lexicon(probe) for name, probe in probes.items()}
    encoder = load_model(model)
    store = store_of(encoder, hash_model(model_folder(model)), settings, unit=True)
    with progress(f"probe {model}", None) as step:
        encode = WordEncoder(encoder, settings.embed, settings.threads, asked.prompt, store, step)
        given = Asked(encode, asked.form, None if languages is None else frozenset(languages))
        found = {name: probe.run(folders[name], given) for name, probe in probes.items()}
    print(as_text(found))
    return found


def _lexicon(probe: "Probe") -> Path:
    """Return the folder of a probe's lexicon; UserError, with how to fetch it, if it is not here."""
    folder = HERE.lexicon(probe.lexicon)
    if not folder.is_dir():
        how = f"run `babelmix fetch {probe.lexicon}`"
        raise UserError(f"the lexicon of the probe {probe.name} is not here", where=str(folder), how=how)
    return folder
