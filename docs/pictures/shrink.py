"""Makes pictures of the feature `plot` small enough for the documentation, without a visible change.

    python3 docs/pictures/shrink.py picture.svg small.svg               # one picture
    python3 docs/pictures/shrink.py left.svg right.svg small.svg        # two pictures, side by side

Shapes of one colour become one path, and the rectangles of a colour bar become a gradient. After that,
`inline.md` is written anew: the pictures of the documentation as data of their own, for rustdoc, which has
no files beside its pages. The test `tests/guide.rs` compares that file with the pictures.
"""

import re
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
INLINE = {"two policies": "two_policies.svg", "first map": "first_model.svg", "goal inference": "goal_inference.svg"}


def path(points, closed):
    """A list of points as commands of a path, in relative coordinates."""
    pairs = [tuple(int(number) for number in point.split(",")) for point in points.split()]
    if closed or pairs[0] == pairs[-1]:
        closed, pairs = True, pairs[:-1] if pairs[0] == pairs[-1] else pairs
    commands = "M{} {}".format(*pairs[0])
    for (x, y), (next_x, next_y) in zip(pairs, pairs[1:]):
        dx, dy = next_x - x, next_y - y
        commands += f"v{dy}" if dx == 0 else f"h{dx}" if dy == 0 else f"l{dx} {dy}"
    return (commands + ("z" if closed else "")).replace(" -", "-")


def shrink(svg, name):
    """The inside of a picture, with its size."""
    width, height = (int(number) for number in re.search(r'viewBox="0 0 (\d+) (\d+)"', svg).groups())
    title = re.search(r"<title>(.*?)</title>", svg).group(1)
    body = re.sub(r' (opacity="1"|stroke="none"|fill="none")', "", svg[svg.index("</title>") + 8 : svg.rindex("</svg>")])

    shapes = []  # (kind, colour, attributes or commands), neighbours of one kind and colour merged
    bar = []
    pattern = r"<rect ([^>]*)/>|<circle ([^>]*)/>|<poly(line|gon) ([^>]*)/>|<text ([^>]*)>\s*(.*?)\s*</text>"
    for rect, circle, poly, poly_attributes, text, words in re.findall(pattern, body, re.S):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', rect or circle or poly_attributes or text))
        if rect:
            x, y, w, h = (int(attributes.get(key, 0)) for key in ("x", "y", "width", "height"))
            if bar and bar[-1][:3] == (x, y, w) and bar[-1][3] > h:
                bar.append((x, y, w, h, attributes["fill"]))
                continue
            last = (x, y, w, h, attributes["fill"])
            if len(bar) > 1:
                shapes.append(("bar", bar, None))
            bar = [last]
            shapes.append(("fill", attributes["fill"], f"M{x} {y}h{w}v{h}h-{w}z"))
        else:
            if len(bar) > 1:
                shapes.append(("bar", bar, None))
            bar = []
            if poly:
                closed = poly == "gon"
                kind = "fill" if closed else "stroke"
                color = attributes["fill"] if closed else (attributes["stroke"], attributes["stroke-width"])
                shapes.append((kind, color, path(attributes["points"], closed)))
            elif circle:
                x, y, r = (int(attributes[key]) for key in ("cx", "cy", "r"))
                arcs = f"M{x - r} {y}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0-{2 * r} 0z"
                shapes.append(("fill", attributes["fill"], arcs))
            else:
                shapes.append(("text", attributes, words))

    merged = []
    for kind, colour, rest in shapes:
        if kind in ("fill", "stroke"):
            overlap = [i for i, shape in enumerate(merged) if shape[:2] == [kind, colour]]
            if overlap and all(shape[0] == kind or shape[0] == "text" for shape in merged[overlap[-1] :]):
                merged[overlap[-1]][2] += rest
                continue
        merged.append([kind, colour, rest])

    parts = []
    for kind, colour, rest in merged:
        if kind == "stroke":
            colour, thickness = colour
        short = colour
        if isinstance(colour, str):
            short = colour.lower()
            short = "#" + short[1::2] if short[1::2] == short[2::2] else short
        if kind == "fill":
            parts.append(f'<path fill="{short}" d="{rest}"/>')
        elif kind == "stroke":
            parts.append(f'<path fill="none" stroke="{short}" stroke-width="{thickness}" d="{rest}"/>')
        elif kind == "bar":
            x, y, w, h, _ = colour[0]
            steps = colour[:: max(1, len(colour) // 8)] + [colour[-1]]
            stops = "".join(
                f'<stop offset="{1 - step[3] / h:.2f}" stop-color="{step[4].lower()}"/>' for step in steps
            )
            parts.append(f'<linearGradient id="{name}" x1="0" y1="1" x2="0" y2="0">{stops}</linearGradient>')
            parts.append(f'<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="url(#{name})"/>')
        else:
            size = f'{float(colour["font-size"]):.0f}'
            turn = f' transform="{colour["transform"]}"' if "transform" in colour else ""
            anchor = "" if colour["text-anchor"] == "start" else f' text-anchor="{colour["text-anchor"]}"'
            font = "" if size == "48" else f' font-size="{size}"'
            ink = "" if colour["fill"] == "#262626" else f' fill="{colour["fill"].lower()}"'
            parts.append(f'<text x="{colour["x"]}" y="{colour["y"]}" dy=".35em"{anchor}{font}{ink}{turn}>{rest}</text>')
    return width, height, title, "\n".join(parts)


def main(*names):
    """Joins pictures, the last name being where to."""
    if names:
        inside, x, tallest, titles = [], 0, 0, []
        for number, name in enumerate(names[:-1]):
            stem = Path(names[-1]).stem.replace("_", "-")
            width, height, title, body = shrink(Path(name).read_text(), f"{stem}-{number}")
            inside.append(f'<g transform="translate({x})">\n{body}\n</g>' if x else body)
            x, tallest = x + width, max(tallest, height)
            titles.append(title)
        Path(names[-1]).write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{x // 4}" height="{tallest // 4}" viewBox="0 0 {x} {tallest}" '
            'role="img" font-family="DejaVu Sans, Verdana, sans-serif" font-size="48" fill="#262626">\n'
            f"<title>{'; '.join(titles)}</title>\n" + "\n".join(inside) + "\n</svg>\n"
        )
    definitions = ""
    for label, name in INLINE.items():
        svg = (FOLDER / name).read_text().replace("\n", " ").strip()
        for character, code in [("%", "%25"), ("#", "%23"), ("<", "%3C"), (">", "%3E"), ('"', "'")]:
            svg = svg.replace(character, code)
        definitions += f"[{label}]: <data:image/svg+xml,{svg}>\n"
    (FOLDER / "inline.md").write_text(definitions)


main(*sys.argv[1:])
