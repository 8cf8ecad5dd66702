"""The native pool: questions that nobody translated, whose answer stands in the asker's own language alone.

    fetch(Path("data/raw/native"))
    benchmark, about = build("native", Path("data/raw/native"), settings.benchmark)   # 6 languages, 400 questions each

It is the counterpart of the parallel pools. There an answer stands in every language, and to prefer one's own language
is a bias; here it is right. What a recipe gains there it may lose here.

`native` and `native-dev` share no article. Where a file has published splits, `native` is its test split and
`native-dev` its validation split, without the articles of the first. Elsewhere the sha256 of an article's title
decides, and about a quarter are dev. The candidates are all the sentences of the paragraphs that the questions are
about; the answer is the sentence that holds the start of the marked answer.
"""

from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from babelmix.benchmarks.aligned import chosen_languages
from babelmix.benchmarks.benchmark import About, Benchmark, Passage, Qrel, Query
from babelmix.benchmarks.known import KnownBenchmark
from babelmix.benchmarks.settings import BenchmarkSettings
from babelmix.benchmarks.sources.candidates import sentence_spans
from babelmix.benchmarks.sources.native_files import NativeParagraph, read_paragraphs
from babelmix.common.errors import UserError
from babelmix.common.files import new_folder
from babelmix.common.hashing import hash_order
from babelmix.common.text import compared_form
from babelmix.corpus.collect import split_of
from babelmix.corpus.sentences import clean
from babelmix.download.https import fetch_file, unpack_zip

ADDRESS = "https://raw.githubusercontent.com"
NATIVE, NATIVE_DEV = "native", "native-dev"
# As many in each language, so that none outweighs another: FaQuAD, the smallest file, has 900 in all. Both pools
# together are encoded in about a minute on two cores.
QUESTIONS = {NATIVE: 400, NATIVE_DEV: 150}
DEV_SHARE = 0.25  # of the articles of a file without published splits


@dataclass(frozen=True, slots=True)
class NativeFile:
    """One published file: its path at a commit, its sha256, and its members if it is a zip with published splits.

    `searched`: its offsets are the first place of the answer's text, not the place that answers (0 of 597 and of 49
    repeated answers of JSQuAD and ARCD are elsewhere; in the other files a third to a half).
    """

    path: str
    sha256: str
    members: dict[str, str] | None = None
    searched: bool = False


FILES = {
    "ar": NativeFile(  # ARCD
        "husseinmozannar/SOQAL/1229d34aa2b7a0b9a2e4858c9268e68f45d7e3c4/data/arcd.json",
        "9d17bd7a4830dbcc12d4b042974138650cc69ee576c6e991050120448cd07633",
        searched=True,
    ),
    # SQuADShifts: its reviews, whose questions are about a product of a name. Its Wikipedia is training text where
    # `sources:` names squadshifts, and its posts of Reddit come without a title.
    "en": NativeFile(
        "modestyachts/squadshifts-website/b7cc4d50af791c36c49417fb94dd739d6a9e7bef/datasets/amazon_reviews_v1.0.json",
        "9db7bdee84a91f0fb80b9e74f365042fbbb217cb8e0a7e73bb071245472589b6",
    ),
    "ja": NativeFile(  # JSQuAD, of JGLUE
        "yahoojapan/JGLUE/6f071c09316baae89c3d083a90985b4b1cb9968c/datasets/jsquad-v1.3/valid-v1.3.json",
        "fb0a57a35281ff03bbe7f0e878cff5b577985fbe6fcb242e7e8ddb63d1c0ab11",
        searched=True,
    ),
    "pt": NativeFile(  # FaQuAD
        "liafacom/faquad/6ad978f20672bb41625b3b71fbe4a88b893d0a86/data/dataset.json",
        "bd515d8890a9ff02a50aeb07ce76be408be54e9e384ce989caec1045a8e04588",
    ),
    "th": NativeFile(  # iapp_wiki_qa_squad
        "iapp-technology/iapp-wiki-qa-dataset/644a29c59bac62d5b15b9e9b06c55bba00708eca/squad_format/data.zip",
        "a3530ceafd3b39757fc9720ee0e04f1454e6775bec0c8641964427567fafb214",
        {NATIVE: "data/test.jsonl", NATIVE_DEV: "data/valid.jsonl"},
    ),
    "zh": NativeFile(  # DRCD: traditional characters
        "DRCKnowledgeTeam/DRCD/b944790de5af02c5fbb7cd9cb1473d27d169eebf/DRCD_dev.json",
        "e236df03861ba241bd7b29628cd48b3b8e339c60137e041a4358b5320ed61928",
    ),
}
LICENCE = (
    "native questions: FaQuAD CC BY 4.0, JSQuAD CC BY-SA 4.0, DRCD CC BY-SA 3.0, ARCD CC BY-SA (its text), "
    "iapp_wiki_qa MIT, SQuADShifts CC BY 4.0; the texts of Wikipedia in them are CC BY-SA"
)
NOTICE = "the native pool's texts of Wikipedia (ar, ja, pt, th, zh) are CC BY-SA: share alike what you make of them"


def fetch(folder: Path) -> str:
    """Download the six files, check the sha256 of each, and replace the folder as a whole; return the licence's notice.

    A zip becomes the folder `<lang>`, with its members that are read; other files are `<lang>.json`.
    """
    with new_folder(folder) as staging:
        for lang, file in FILES.items():
            members = set((file.members or {}).values())
            path = staging / (f"{lang}.zip" if members else f"{lang}.json")
            fetch_file(f"{ADDRESS}/{file.path}", file.sha256, path)
            if members:
                unpack_zip(path, staging / lang, keep=members.__contains__)
                path.unlink()
    return NOTICE


def build(name: str, folder: Path, settings: BenchmarkSettings) -> tuple[Benchmark, About]:
    """Build `native` or `native-dev` from the files that `fetch` wrote, and count what the files lack.

    Query ids and parallel_ids are `<lang>:<id>`: a question has one language. Passage ids are `<lang>:<paragraph,
    5 digits>:<sentence, 3 digits>`, in the order of the file. Sentences of a language that look the same are one
    candidate, with the place of the first, so that a right answer never counts as a wrong one. The counts, by reason,
    are of all questions on this side of the split, drawn or not.

    UserError: a faulty file (see `read_paragraphs`), and a language without its number of questions.
    """
    queries: list[Query] = []
    passages: list[Passage] = []
    qrels: list[Qrel] = []
    left_out = Counter[str]()
    for lang in chosen_languages(name, FILES, settings):
        paragraphs = side_of(name, folder, lang)
        left_out += sum((paragraph.left_out for paragraph in paragraphs), Counter[str]())
        drawn = draw(paragraphs, QUESTIONS[name])
        if (found := sum(len(paragraph.questions) for paragraph in drawn)) < QUESTIONS[name]:
            what = f"{found} answered questions in {lang!r}, expected {QUESTIONS[name]}"
            raise UserError(what, where=str(folder), how="fetch the published files again")
        ids: dict[str, str] = {}  # of the first sentence that looks so
        for paragraph in drawn:
            spans, context = sentence_spans(paragraph.text, lang), clean(paragraph.text)
            named: list[str] = []
            for at, (start, end) in enumerate(spans):
                new, text = f"{lang}:{paragraph.number:05d}:{at:03d}", clean(paragraph.text[start:end])
                named.append(ids.setdefault(compared_form(text), new))
                if named[-1] == new:
                    passages.append(Passage(new, lang, text, context))
            for question in paragraph.questions:
                query = f"{lang}:{question.id}"
                queries.append(Query(query, query, lang, question.text))
                at = next(at for at, (start, end) in enumerate(spans) if start <= question.start < end)
                qrels.append(Qrel(query, named[at]))
    benchmark = Benchmark(
        name,
        tuple(sorted(queries, key=lambda row: row.id)),
        tuple(sorted(passages, key=lambda row: row.id)),
        tuple(sorted(qrels, key=lambda row: row.passage)),
    )
    return benchmark, About(left_out=dict(sorted(left_out.items())))


def side_of(name: str, folder: Path, lang: str) -> list[NativeParagraph]:
    """Return the paragraphs of a language that belong to `native` or to `native-dev`, in the order of its file."""
    file = FILES[lang]
    if file.members is None:
        wanted = "dev" if name == NATIVE_DEV else "train"
        paragraphs = read_paragraphs(folder / f"{lang}.json", searched=file.searched)
        return [paragraph for paragraph in paragraphs if split_of(paragraph.article, DEV_SHARE) == wanted]
    paragraphs = read_paragraphs(folder / lang / file.members[name], searched=file.searched)
    if name == NATIVE:
        return paragraphs
    tested = {paragraph.article for paragraph in side_of(NATIVE, folder, lang)}
    return [paragraph for paragraph in paragraphs if paragraph.article not in tested]


def draw(paragraphs: list[NativeParagraph], questions: int) -> list[NativeParagraph]:
    """Draw paragraphs by their sha256 until they have that many questions in all; return them in the order of the file.

    Paragraphs are drawn, not articles: a file has up to 180 paragraphs of one article, and a few articles are no sample
    of a language. The last paragraph keeps as many of its questions as are needed, in the order of the file.
    """
    drawn: list[NativeParagraph] = []
    for paragraph in sorted(paragraphs, key=lambda one: hash_order(one.text)):
        kept = paragraph.questions[: max(0, questions)]
        if kept:
            drawn.append(NativeParagraph(paragraph.number, paragraph.article, paragraph.text, kept))
            questions -= len(kept)
    return sorted(drawn, key=lambda one: one.number)


def _build(name: str, folder: Path, settings: BenchmarkSettings, split: str | None) -> tuple[Benchmark, About]:
    return build(name, folder, settings)


BENCHMARKS = tuple(
    KnownBenchmark(name=name, licence=LICENCE, fetch=fetch, build=partial(_build, name)) for name in QUESTIONS
)
