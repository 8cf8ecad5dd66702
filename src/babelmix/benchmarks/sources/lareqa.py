"""XQuAD-R and MLQA-R: which sentence answers the question, in many languages (LAReQA, arXiv:2004.05484).

    fetch("xquad-r", Path("data/raw/xquad-r"))
    benchmark = build("xquad-r", Path("data/raw/xquad-r"), settings.benchmark)  # 1,190 questions, 13,014 candidates

The raw files come from a pinned commit; the copy of XQuAD-R on the Hugging Face hub lacks the sentence breaks.
Candidates are all the sentences of all paragraphs, repeated ones too. A question of XQuAD-R has all eleven languages, a
question of MLQA-R two to four of seven.
"""

from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from babelmix.benchmarks.aligned import chosen_languages
from babelmix.benchmarks.benchmark import About, Benchmark
from babelmix.benchmarks.known import KnownBenchmark
from babelmix.benchmarks.settings import BenchmarkSettings
from babelmix.benchmarks.sources.squad import squad_benchmark
from babelmix.common.errors import UserError
from babelmix.common.files import new_folder
from babelmix.download.https import fetch_file

ADDRESS = "https://raw.githubusercontent.com/google-research-datasets/lareqa"


@dataclass(frozen=True, slots=True)
class Language:
    """The published file of one language: its sha256, and its numbers of questions and candidate sentences."""

    sha256: str
    questions: int
    candidates: int


@dataclass(frozen=True, slots=True)
class Release:
    """The published files of one benchmark, and a limit of their licence, if any."""

    commit: str
    folder: str
    licence: str | None
    languages: dict[str, Language]


RELEASES = {
    "xquad-r": Release(
        "9bc8c7fb6dd8d01d72a05a93c2cb96882b0d299c",
        "xquad-r",
        None,  # CC BY-SA 4.0
        {
            "ar": Language("c52922d3b8ac1ae03ed5ac38647ad59870dca3dda2beefe18ecdc30729acb69d", 1190, 1222),
            "de": Language("16fb0f4bf4916154b585a20c24c66074591c9718a1affe764ff4697572328949", 1190, 1276),
            "el": Language("163fd43ee785a30eb534ae2061e9eaa766a7ee4e8ffce5e4b422480c150f64b6", 1190, 1234),
            "en": Language("7b0954f39297c27a31fef610f0883337dd2907fa8699151dc922afdd0fa12ffe", 1190, 1180),
            "es": Language("f8e836b2d91009c4363e04315f7ede363eedbbb49c67dda60de6c4aa782f58de", 1190, 1215),
            "hi": Language("ea45ba8ae4513d1533b222bebdc02a90bc319c055d3aeea68584a053d2e92872", 1190, 1244),
            "ru": Language("7f4dff853538b9a5fcc28c070b8bb983a5c5d190ac747b8e005a1ada9cab18f1", 1190, 1219),
            "th": Language("c3a041864c3a9fb0b4dd91cfdf99cf36b411b3e704c58a303c97bc6dc786cfe4", 1190, 852),
            "tr": Language("f3e8c13002bbce154a4578f535f7533cb70f3da08840e6b62735935baec7bd94", 1190, 1167),
            "vi": Language("e35926bf5cc6fc6ecbdfca49467aabeb454f08d152d7818143a906bd31dde995", 1190, 1209),
            "zh": Language("80c2cde7b9c2fb134c303cbb52f2ba396ead9eb0014aec43993543d2ba9e93ed", 1190, 1196),
        },
    ),
    "mlqa-r": Release(
        "354d67d1cd066854cdfbf5ad0e6105528976141d",
        "mlqa-r",
        "MLQA-R is CC BY-NC 4.0: not for commercial use",
        {
            "ar": Language("2132fbc03208535c0fe01f2e2c5121d06f9c2aa799af93b0a719dbc105bdf137", 517, 2545),
            "de": Language("ce9454dc5aa6f2d85c23cd6e49cb367fbb7c4c6e62d7f71e355c6b5dae4d0886", 512, 2362),
            "en": Language("fedd9a5cc0848dda80caf84aa36f482adaae230526a3f6e9e86926a93ef3b1e4", 1148, 6264),
            "es": Language("70ecba276b8c96a692b120693a595d076ce94ad21d4b28311538a9fcbfe0f9d7", 500, 1787),
            "hi": Language("4dd0fb3c06f737a5481d705bc1dcac7876712a5815c9265908fbb3a0696cb654", 507, 2426),
            "vi": Language("9d3baff6ba03e6793b25594217265ea59a136b9733833dca8a9582a84a78ff85", 511, 2828),
            "zh": Language("57f01d2fff50cf3392805635b01445339f225ad5bf28ba8443b12f8dbd1e69dc", 504, 2322),
        },
    ),
}


def fetch(name: str, folder: Path) -> str | None:
    """Download the `<lang>.json` of a release, check the sha256 of each, and replace the folder as a whole.

    Returns a notice of the licence for the user, None if it forbids nothing.
    """
    release = RELEASES[name]
    with new_folder(folder) as staging:
        for lang, expected in release.languages.items():
            url = f"{ADDRESS}/{release.commit}/{release.folder}/{lang}.json"
            fetch_file(url, expected.sha256, staging / f"{lang}.json")
    return release.licence


def build(name: str, folder: Path, settings: BenchmarkSettings) -> Benchmark:
    """Build a release's benchmark from `<folder>/<lang>.json`, its ids and contexts as in `squad_benchmark`.

    A language lacks the questions that nobody translated into it. UserError for a faulty file (see
    `squad_file.read_squad_file`), and for a language without its published numbers of questions and candidates.
    """
    published = RELEASES[name].languages
    files = {lang: folder / f"{lang}.json" for lang in chosen_languages(name, published, settings)}
    benchmark, _ = squad_benchmark(name, files)
    questions = Counter(query.lang for query in benchmark.queries)
    candidates = Counter(passage.lang for passage in benchmark.passages)
    for lang, file in files.items():
        expected = published[lang]
        if (questions[lang], candidates[lang]) != (expected.questions, expected.candidates):
            what = f"{questions[lang]} questions and {candidates[lang]} sentences"
            wanted = f"expected {expected.questions} and {expected.candidates}"
            raise UserError(f"{what}, {wanted}", where=str(file), how="fetch the published file again")
    return benchmark


def _build(name: str, folder: Path, settings: BenchmarkSettings, split: str | None) -> tuple[Benchmark, About]:
    return build(name, folder, settings), About()


BENCHMARKS = tuple(
    KnownBenchmark(name=name, licence=licence, fetch=partial(fetch, name), build=partial(_build, name))
    for name, licence in (
        ("xquad-r", "XQuAD-R: CC BY-SA 4.0"),
        ("mlqa-r", "MLQA-R: CC BY-NC 4.0, not for commercial use"),
    )
)
