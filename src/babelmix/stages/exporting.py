"""A trained model as a folder for other tools: its forms, what each costs, and its card."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babelmix.benchmarks.files import read_benchmark
from babelmix.common.errors import UserError
from babelmix.common.files import new_folder, write_json
from babelmix.common.languages import LANGUAGES
from babelmix.common.outputs import claim_folder
from babelmix.common.progress import progress, say
from babelmix.corpus.registry import source_of
from babelmix.exporting.names import Form, Kind
from babelmix.exporting.release import release
from babelmix.settings.params import Settings
from babelmix.stages.benchmarks import open_benchmark
from babelmix.stages.export_texts import calibration, texts_by_language
from babelmix.stages.systems import model_folder
from babelmix.workspace import HERE

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from babelmix.benchmarks.benchmark import Benchmark
    from babelmix.exporting.card_facts import Cut
    from babelmix.exporting.debiasing import Baked
    from babelmix.exporting.form_tables import Row
    from babelmix.exporting.measure import Encode, Measured

ORIGINAL = "the model itself"
BATCH = 32  # of sentence-transformers' own `encode`
RECORD = "export.json"


@dataclass(frozen=True, slots=True)
class Changes:
    """What is done to the model before it is written; None: nothing."""

    languages: tuple[str, ...] | None = None
    rows: int | None = None
    width: int | None = None
    debias: str | None = None
    strength: float | None = None

    @property
    def any(self) -> bool:
        """Whether the exported model is another than the original."""
        return any(value is not None for value in (self.languages, self.width, self.debias))


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and the rows of its table, the original first."""

    line: str
    rows: "tuple[Row, ...]"


def export_model(
    model: str,
    output: Path,
    settings: Settings,
    *,
    kinds: tuple[Kind, ...],
    int8: bool,
    changes: Changes,
    benchmark: str,
    push: str | None,
) -> Exported:
    """Write a model's forms, measure each beside the original, and write its card; return the table.

    Raises UserError for a model that is no SentenceTransformer, a width or language that does not exist, missing
    libraries, and what `claim_folder` refuses. Nothing is written then.
    """
    if push:
        from babelmix.download.hub import allow_hub

        allow_hub()
        from babelmix.exporting.push import check_push

        check_push(push)
    source = model_folder(model)
    claim_folder(output, inputs=[source, Path(benchmark), HERE.data, HERE.metrics])
    _check(changes, kinds, source, int8=int8)
    from babelmix.encoder.load import load_encoder, save_encoder
    from babelmix.exporting.form_files import Wanted, size_of, write_forms
    from babelmix.exporting.form_tables import Row

    wanted, encoder = Wanted(kinds, int8), load_encoder(source).to("cpu").eval()
    with open_benchmark(benchmark) as folder:
        data = read_benchmark(folder)
    width = (changes.width, encoder.get_embedding_dimension() or 0) if changes.width is not None else None
    texts = calibration(changes.languages, data, settings) if int8 else None
    encoder, cut, baked = _changed(encoder, source, changes, data, settings)
    original = load_encoder(source).to("cpu").eval() if changes.any else encoder
    before = _measured(ORIGINAL, _stock(original, settings), data, settings)
    del original
    rows = [Row(ORIGINAL, size_of(source, "st"), before)]
    with new_folder(output) as staging:
        save_encoder(encoder, staging, card="")
        chosen = write_forms(encoder, staging, wanted, texts, threads=settings.threads, on_form=_say_form)
        for form in wanted.forms:
            own = before
            if form != "st" or changes.any:
                own = _measured(form, _encode_of(form, encoder, staging, settings), data, settings)
            rows.append(Row(form, size_of(staging, form), own, chosen.get(form)))
        if "st" not in kinds:
            for file in staging.glob("model*.safetensors*"):
                file.unlink()
        write_json(staging / RECORD, _record(rows, data, changes, settings))
        (staging / "README.md").write_text(
            _card(source, rows, settings, trimmed=cut, debiasing=baked, width=width, repository=push), encoding="utf-8"
        )
    line = f"wrote {', '.join(wanted.forms)} to {output}"
    if push:
        from babelmix.exporting.push import push_folder

        line += f", and pushed them: {push_folder(output, push, kind='model')}"
    return Exported(line, tuple(rows))


def _check(changes: Changes, kinds: Sequence[Kind], source: Path, *, int8: bool) -> None:
    """Refuse what contradicts itself and what is not installed, before any work."""
    from babelmix.exporting.no_telemetry import import_libraries, import_openvino

    if {"onnx", "openvino"} & set(kinds):
        import_libraries("onnx", "onnxscript", "onnxruntime")
    if "openvino" in kinds:
        import_openvino()
    if int8 and not {"onnx", "openvino"} & set(kinds):
        raise UserError("int8 is a form of ONNX and OpenVINO", where="--int8", how="add --form onnx or --form openvino")
    if changes.rows is not None and changes.languages is None:
        raise UserError("rows are of a trimmed vocabulary", where="--rows", how="add --languages, or leave it out")
    if changes.strength is not None and changes.debias is None:
        raise UserError("a strength without a debiasing", where="--strength", how="add --debias")
    own = HERE.model(source.name)
    if changes.debias is not None and source.resolve() != own.resolve():
        how = f"give a model of this project, such as {own.parent / 'hybrid'}, or leave --debias out"
        raise UserError(f"no means are known of {source}", where="--debias", how=how)
    for language in changes.languages or ():
        if language not in LANGUAGES:
            how = f"choose from {', '.join(sorted(LANGUAGES))}"
            raise UserError(f"unknown language {language!r}", where="--languages", how=how)


def _changed(
    encoder: "SentenceTransformer", source: Path, changes: Changes, data: "Benchmark", settings: Settings
) -> "tuple[SentenceTransformer, Cut | None, Baked | None]":
    """Debias, trim and cut the model as asked; return it with what was done."""
    from babelmix.exporting.card_facts import Cut
    from babelmix.exporting.chosen_debiasing import bake_chosen
    from babelmix.exporting.pieces import ROWS
    from babelmix.exporting.vocabulary import trim_vocabulary
    from babelmix.exporting.widths import set_width

    baked = cut = None
    if changes.debias is not None:
        baked = bake_chosen(encoder, source.name, changes.debias, HERE, strength=changes.strength)
    if changes.languages is not None:
        texts = texts_by_language(changes.languages, data, settings)
        trimmed = trim_vocabulary(encoder, texts, rows=changes.rows or ROWS)
        encoder, cut = trimmed.model, Cut(trimmed.kept, trimmed.of, changes.languages)
        say(f"vocabulary: {trimmed.kept:,} of {trimmed.of:,} pieces kept")
    if changes.width is not None:
        set_width(encoder, changes.width, trained=settings.train.matryoshka)
    return encoder.eval(), cut, baked


def _stock(encoder: "SentenceTransformer", settings: Settings) -> "Encode":
    """Return sentence-transformers' own way to encode, in float32."""
    import torch

    from babelmix.encoder.tokenise import limit_of

    torch.set_num_threads(settings.threads)
    own, limit = encoder.max_seq_length, limit_of(encoder, settings.embed.max_tokens).tokens

    def encode(texts: Sequence[str], prompt: str) -> Any:
        way = encoder.encode_query if prompt == "query" else encoder.encode_document
        encoder.max_seq_length = limit
        try:
            return way(list(texts), batch_size=BATCH, show_progress_bar=False)
        finally:
            encoder.max_seq_length = own  # it is saved with the model

    return encode


def _encode_of(form: Form, encoder: "SentenceTransformer", folder: Path, settings: Settings) -> "Encode":
    """Return how a form of the folder encodes."""
    from babelmix.exporting.engine import encode_with, load_engine

    if form == "st":
        return _stock(encoder, settings)
    model = load_engine(folder, form, threads=settings.threads)
    return lambda texts, prompt: encode_with(model, texts, prompt=prompt, max_tokens=settings.embed.max_tokens)


def _measured(name: str, encode: "Encode", data: "Benchmark", settings: Settings) -> "Measured":
    from babelmix.exporting.measure import measure

    with progress(f"measure {name} on {data.name}", 1) as step:
        found = measure(encode, data, context=settings.embed.context)
        step(1)
    return found


def _say_form(form: str) -> None:
    say(f"making {form}")


def _record(rows: "Sequence[Row]", data: "Benchmark", changes: Changes, settings: Settings) -> dict[str, Any]:
    """Return the measurement as JSON."""
    from babelmix.exporting.measure import losses

    return {
        "benchmark": data.name,
        "changes": asdict(changes),
        "threads": settings.threads,
        "version": release() or "unknown",
        "forms": {
            row.name: {
                "bytes": row.bytes,
                "texts_per_second": round(row.measured.texts_per_second, 2),
                "map": row.measured.map,
                "loss": losses(rows[0].measured, row.measured),
                **({"in_float32": asdict(row.in_float32)} if row.in_float32 else {}),
            }
            for row in rows
        },
    }


def _card(source: Path, rows: "Sequence[Row]", settings: Settings, *, trimmed: "Cut | None", **changed: Any) -> str:
    """Return the card, with the tables of all forms."""
    from babelmix.exporting.card_facts import Training, facts_of
    from babelmix.exporting.form_tables import form_tables
    from babelmix.exporting.model_card import model_card

    facts = facts_of(
        source.name,
        HERE,
        model=source,
        preset=settings.preset(),
        sources={name: source_of(name, settings.source).licence for name in settings.sources},
        translated=settings.translate.languages,
        benchmarks=settings.benchmarks,
        training=Training(
            settings.model.size,
            settings.learning_rate(),
            settings.seed,
            tuple(settings.sources),
            settings.train.model_dump(mode="json"),
            settings.pretrain.objective,
        ),
        matryoshka=tuple(settings.train.matryoshka),
        version=release() or "unknown",
    )
    card = model_card(replace(facts, trimmed=trimmed, **changed))
    return f"{card}\n{form_tables(rows, trimmed.languages if trimmed else None)}"
