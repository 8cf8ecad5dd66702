"""Commands for a search over one's own texts: `index`, what changes one, and `search`."""

from pathlib import Path
from typing import Annotated

import typer

from babelmix.cli.options import PassagePrompt, QueryPrompt, languages_of
from babelmix.common.progress import done

IndexFolder = Annotated[Path, typer.Argument(help="An index: a folder that `babelmix index` wrote.")]
Source = Annotated[
    Path,
    typer.Argument(
        help="A file of JSON lines, CSV or Parquet (columns text, id, title, language), a page of HTML, Markdown or "
        "text, a folder of these, or one in BEIR form."
    ),
]
Language = Annotated[
    str | None,
    typer.Option(
        help="Of all texts that name none, such as de. Recognised unless given; corpus.jsonl of a folder is English."
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command(epilog="Example: babelmix index my-texts --model models/hybrid --output my-index")(index)
    app.command("index-add", epilog="Example: babelmix index-add my-index new-texts")(index_add)
    app.command("index-delete", epilog="Example: babelmix index-delete my-index --id faq.csv:3")(index_delete)
    app.command("index-check", epilog="Example: babelmix index-check my-index")(index_check)
    app.command(epilog='Example: babelmix search my-index "wie drucke ich?" --languages de,en')(search)


def index(
    source: Source,
    model: Annotated[str, typer.Option(help="A SentenceTransformer folder, or its name on the hub.")],
    output: Annotated[Path, typer.Option(help="Folder to write; an older index there is replaced.")],
    language: Language = None,
    query_prompt: QueryPrompt = None,
    passage_prompt: PassagePrompt = None,
) -> None:
    """Make an index of texts, to search in any language."""
    from babelmix.stages import searching

    done(
        searching.make_index(source, model, output, language, (query_prompt, passage_prompt)),
        f'babelmix search {output} "..."',
    )


def index_add(
    index: IndexFolder,
    source: Source,
    model: Annotated[str | None, typer.Option(help="Where the index's model is now.")] = None,
    language: Language = None,
) -> None:
    """Add texts to an index; one whose id it has replaces the one that is there."""
    from babelmix.stages import searching

    done(searching.add_to_index(index, source, model, language), f'babelmix search {index} "..."')


def index_delete(
    index: IndexFolder,
    ids: Annotated[list[str] | None, typer.Option("--id", help="Of a document; may be given several times.")] = None,
    file: Annotated[Path | None, typer.Option("--ids", help="A file with one id a line.")] = None,
) -> None:
    """Delete documents from an index."""
    from babelmix.stages import searching

    done(searching.delete_from_index(index, ids or [], file), f'babelmix search {index} "..."')


def index_check(index: IndexFolder) -> None:
    """Compare every byte of an index with what was written, and say what it holds."""
    from babelmix.stages import searching

    done(searching.check_index(index), f'babelmix search {index} "..."')


def search(
    index: IndexFolder,
    query: Annotated[str, typer.Argument(help="A question, in any language.")],
    top: Annotated[int, typer.Option(help="How many hits.", min=1, max=1000)] = 10,
    languages: Annotated[list[str] | None, typer.Option(help="Only passages in these: de,en or once for each.")] = None,
    equal_share: Annotated[
        bool, typer.Option("--equal-share", help="As many hits of each language: the best of each, then the second ...")
    ] = False,
    shift: Annotated[
        float,
        typer.Option(
            help="Move each language's passages this share of the way to where all languages are, 0 to 1. It costs "
            "nothing. It lifts answers in other languages than the query's, and lowers them where only the query's "
            "language has the answer: docs/results/rivals.md, +shift-index.",
            min=0,
            max=1,
        ),
    ] = 0.0,
    model: Annotated[str | None, typer.Option(help="Where the index's model is now.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Search an index. A hit's standing: standard deviations above the mean score of its language's passages."""
    from babelmix.searching.hits import as_table, to_json
    from babelmix.stages import searching

    hits = searching.search_index(
        index, query, model=model, top=top, languages=languages_of(languages), equal_share=equal_share, shift=shift
    )
    if as_json:
        print(to_json(query, hits))
    else:
        as_table(hits)
