"""Charts as PNG or SVG, in the project's own font and colours: the same chart gives the same bytes on every machine.

    save(alt.Chart(...), Path("reports/figures/scores.png"))

vl-convert draws without a browser. It looks for a font on the machine first (fontconfig, /usr/share/fonts) and among
those that it brings only then, so a font of a common name would depend on the machine. The one in `fonts/` has a name
that no machine has. A sign that it lacks, in a name written in another script, is drawn in a font of the machine.
"""

import math
from base64 import b64encode
from pathlib import Path

import altair as alt

from babelmix.common.errors import UserError
from babelmix.common.files import new_binary_file
from babelmix.common.outputs import claim_file

FONT = "Babelmix Sans"
FONTS = Path(__file__).parent / "fonts"
INK, FAINT, PALE = "#222222", "#7a7a7a", "#ededed"
# Okabe and Ito's palette, told apart by colour-blind readers.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
SHAPES = ("circle", "diamond", "square", "triangle-up", "cross", "triangle-down")
_TEXT = {
    "labelFontSize": 12,
    "titleFontSize": 12,
    "titleFontWeight": "normal",
    "labelColor": INK,
    "titleColor": INK,
}
CONFIG = {
    "font": FONT,
    "background": "white",
    "view": {"stroke": None},
    "axis": _TEXT | {"gridColor": "#e6e6e6", "domainColor": FAINT, "tickColor": FAINT},
    "legend": _TEXT | {"symbolSize": 110},
    "header": {"labelFontSize": 13, "labelFontWeight": "bold", "labelColor": INK, "title": None},
    "title": {
        "fontSize": 15,
        "anchor": "start",
        "color": INK,
        "subtitleFontSize": 12,
        "subtitleColor": FAINT,
    },
}


def save(chart: alt.TopLevelMixin, file: Path) -> None:
    """Write the chart to a .png, at twice its size, or to a .svg that carries its font."""
    import vl_convert

    vl_convert.register_font_directory(str(FONTS))
    spec = chart.to_dict() | {"config": CONFIG, "padding": 12}
    if file.suffix == ".svg":
        drawn = _with_font(vl_convert.vegalite_to_svg(spec)).encode()
    else:
        drawn = vl_convert.vegalite_to_png(spec, scale=2)
    with new_binary_file(file) as stream:
        stream.write(drawn)


def claim_svg(file: Path) -> None:
    """Raise UserError where `file` is no .svg, or is there and `save` did not write it."""
    if file.suffix != ".svg":
        raise UserError("a figure is a .svg", where=str(file), how="name it so")
    if claim_file(file).exists() and f'@font-face{{font-family:"{FONT}"'.encode() not in file.read_bytes():
        how = "choose another output, or move that file away"
        raise UserError("the figure is there, and babelmix did not draw it", where=str(file), how=how)


def _with_font(svg: str) -> str:
    """Put the font into an SVG, in the weights that it uses; where a page's rules forbid that, Arial is as wide."""
    weights = {"Regular": "normal"} | ({"Bold": "bold"} if 'font-weight="bold"' in svg else {})
    faces = "".join(
        f'@font-face{{font-family:"{FONT}";font-weight:{weight};src:url(data:font/ttf;base64,'
        f"{b64encode((FONTS / f'BabelmixSans-{style}.ttf').read_bytes()).decode()})}}"
        for style, weight in weights.items()
    )
    start = svg.index(">") + 1
    named = svg[start:].replace(f'font-family="{FONT}"', f'font-family="{FONT}, Arial, sans-serif"')
    return f"{svg[:start]}<style>{faces}</style>{named}"


def bar_end(value: float) -> float | None:
    """Return an end of an interval; None, which draws no bar, for that of one question."""
    return round(value, 4) if math.isfinite(value) else None
