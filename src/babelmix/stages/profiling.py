"""Where the time of a training step goes, in this project and on this machine."""

import os
from functools import partial
from pathlib import Path
from statistics import fmean, median
from time import perf_counter

from babelmix.batches.sampler import plan
from babelmix.batches.units import index_units, training_rows
from babelmix.common.errors import UserError
from babelmix.common.progress import progress, terminal
from babelmix.encoder.load import load_encoder
from babelmix.settings.params import Settings
from babelmix.workspace import HERE, UNTRAINED, remade_by

WARMUP = 3  # steps that are not measured: memory is allocated, and torch chooses its kernels


def profile(name: str, steps: int, settings: Settings, output: Path | None, *, own_layers: bool = False) -> str:
    """Measure `steps` steps of an objective, print where their time goes and how far the floors are; return a line.

    The steps are those of a training in one process on the CPU, without a teacher, hard negatives and parallel queries.
    Every batch is trained on twice, without and with torch's profiler, so both see the same drift of the machine. The
    trained weights are not kept. `output`: also write the profile there, in Markdown. `own_layers`: with the layers of
    the model's own class, to compare with. UserError if the starting encoder or the tokenised pairs are missing, or if
    babelmix did not write the file at `output`.
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # read as torch loads: its profiler logs every start and stop
    import torch

    from babelmix.encoder.groups import TOKENS_PER_FORWARD
    from babelmix.reporting import profile as reporting
    from babelmix.reporting.floors import Meter, Work, work
    from babelmix.reporting.machine import describe_machine
    from babelmix.reporting.step_parts import StepTimes
    from babelmix.training.distributed import ProcessGroup
    from babelmix.training.engine import in_bfloat16
    from babelmix.training.step import Engine, Extras
    from babelmix.training.tokenized_pairs import read_tokenized

    objective, chosen, start = settings.objective(name), settings.training(), HERE.model(UNTRAINED)
    objective = objective.model_copy(update={"kl_weight": 0.0})
    if output:
        reporting.claim_markdown(output)
    if not start.is_dir():
        raise UserError("no starting encoder to profile", where=str(start), how=remade_by("encoder"))
    torch.set_num_threads(settings.threads)
    model, tokenized = load_encoder(start).cpu(), read_tokenized(HERE.tokens)
    processes = ProcessGroup(0, 1, torch.device("cpu"), settings.threads)
    bfloat16 = in_bfloat16(chosen, processes.device)
    engine = Engine(model, tokenized, chosen, processes, Extras(), seed=settings.seed, own_layers=own_layers)
    units = index_units(tokenized.index, training_rows(tokenized.index, objective))
    whole = max(objective.steps_of(chosen.steps), WARMUP + steps)
    batches = plan(units, objective, batch_size=chosen.batch_size, seed=settings.seed, steps=whole)
    rows = TOKENS_PER_FORWARD["cpu"]
    meter, times = Meter(model, rows=rows, bfloat16=bfloat16), StepTimes()
    lengths: list[list[int]] = []
    with progress("profile", WARMUP + steps) as advance:
        for number in range(1, WARMUP + steps + 1):
            started = perf_counter()
            batch = next(batches)
            planned_s = perf_counter() - started
            step = partial(engine.step, units, batch, number, chosen.peak_lr, objective)
            if number <= WARMUP:
                step()
            else:
                times.add(step, planned_s=planned_s)
                meter.sample()
                queries = [len(tokenized.queries[int(units.rows[lang][unit])]) for unit, lang, _ in batch.rows]
                passages = [len(tokenized.passages[int(units.rows[lang][unit])]) for unit, _, lang in batch.rows]
                lengths.append(queries + passages)
            advance(1)
    todo = [work(model, texts, rows=rows, bfloat16=bfloat16) for texts in lengths]
    mean = Work(fmean(one.operations for one in todo), fmean(one.bytes for one in todo))
    found = reporting.Profile(
        what=f"{settings.model.size} encoder, {name}, {processes.describe(bfloat16)}{', own layers' * own_layers}",
        machine=describe_machine(settings.threads),
        steps=steps,
        pairs=chosen.batch_size,
        tokens=fmean(map(sum, lengths)),
        plain_s=median(times.plain),
        profiled_s=fmean(times.profiled),
        parts=times.parts(),
        unknown=times.unknown(),
        todo=mean,
        floors=meter.floors(mean),
    )
    reporting.render(found, terminal())
    if output:
        reporting.write_markdown(found, output)
    return f"profiled {steps} steps{f', wrote {output}' if output else ''}"
