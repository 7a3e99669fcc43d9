"""Makes HTML pages of the repository's Markdown files: python3 docs/pages.py FOLDER. A link to a file that is not there,
or to a heading that its page does not have, is an error."""

import html
import pathlib
import re
import subprocess
import sys
import urllib.parse

import markdown

FRAME = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.55 system-ui, sans-serif; color: #1b1f24; margin: 0 }}
a {{ color: #0a58a8 }}
nav {{ padding: .6rem 1rem; background: #f6f7f8; border-bottom: 1px solid #d3d6db }}
nav summary {{ font-weight: 600; cursor: pointer }}
nav h2 {{ font-size: .8rem; margin: 1rem 0 .2rem; color: #59636e }}
nav ul {{ list-style: none; margin: 0; padding: 0 }}
nav li {{ padding: .2rem 0; line-height: 1.3 }}
nav a {{ text-decoration: none }}
nav a[aria-current] {{ font-weight: 600; color: inherit }}
main {{ padding: 0 1rem 4rem; min-width: 0; overflow-wrap: break-word }}
img {{ max-width: 100%; height: auto }}
.wide {{ overflow-x: auto; margin: 1em 0 }}
table {{ border-collapse: collapse }}
th, td {{ border: 1px solid #d3d6db; padding: .25rem .6rem; text-align: left; vertical-align: top; min-width: 3rem }}
td:first-child {{ min-width: 6rem }}
td:nth-child(2) {{ min-width: 4rem }}
pre {{ background: #f3f4f6; padding: .8rem; overflow-x: auto; line-height: 1.4 }}
code {{ font-family: ui-monospace, monospace; font-size: .88em }}
pre code {{ font-size: .8em }}
@media (max-width: 40rem) {{
  pre code[class] {{ white-space: pre-wrap; overflow-wrap: anywhere }}
}}
@media (min-width: 64rem) {{
  body {{ display: grid; grid-template-columns: 15rem minmax(0, 65rem) }}
  nav {{ position: sticky; top: 0; height: 100vh; overflow-y: auto; box-sizing: border-box; border-bottom: 0;
    border-right: 1px solid #d3d6db }}
  main {{ padding: 0 1.5rem 4rem }}
}}
</style>
</head>
<body>
<nav><details open><summary>ctm</summary>
{links}
</details></nav>
<main>
{body}
</main>
<script>
// On a phone the list of pages is closed; where it has a column of its own, open.
const wide = matchMedia("(min-width: 64rem)"), list = document.querySelector("nav details");
(wide.onchange = () => {{ list.open = wide.matches }})();
</script>
</body>
</html>
"""

# The navigation: pages by their titles, or where those are long, by these. What is not here stands under "More".
MENU = {
    "Start": {"README.md": "What it is", "docs/install.md": None, "tools/ctm/README.md": "The tool", "docs/gallery.md": None},
    "Integrations": {
        "docs/cpp.md": "C++",
        "docs/python.md": None,
        "docs/recipes.md": "Recipes",
        "docs/dask.md": "Dask",
        "docs/comfyui.md": "ComfyUI",
        "docs/gimp.md": "GIMP",
        "docs/gegl.md": "GEGL",
        "docs/ffi.md": "Other languages",
        "docs/c-application.md": None,
        "examples/c/README.md": None,
    },
    "In depth": {
        "docs/cleaning.md": None,
        "docs/run-lengths.md": None,
        "docs/outlines.md": None,
        "docs/absorbing.md": None,
        "docs/streaming.md": None,
        "docs/counts-format.md": None,
        "docs/regions-format.md": None,
        "docs/device-memory.md": None,
        "docs/performance.md": None,
        "docs/performance-notes.md": None,
    },
    "Reference": {"reference/ctm_8h.html": "C: ctm.h", "reference-cpp/ctm_8hpp.html": "C++: ctm.hpp"},
    "Development": {
        "ARCHITECTURE.md": None,
        "CONTRIBUTING.md": None,
        "CHANGELOG.md": None,
        "shaders/README.md": None,
        "c_tests/README.md": None,
    },
    "More": {
        "bindings/python/README.md": "The Python package",
        "examples/ffi/README.md": "Programs in other languages",
        "plugins/comfyui/README.md": "The node of ComfyUI",
    },
}


def pages(root):
    """All Markdown files that git knows, or would."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.split()
    return [path for path in map(pathlib.PurePosixPath, listed) if (root / path).exists()]


def target(path):
    """Where a page goes."""
    if path.name == "README.md":
        return path.with_name("index.html")
    return path.with_suffix(".html")


def slug(value, separator):
    """The name of a heading, as code hosting sites make it."""
    return re.sub(r"[^\w\- ]", "", value.lower()).strip().replace(" ", separator)


def resolve(root, page, link):
    """The file in the repository that a link leads to, or None where there is no such file."""
    file = (root / page.parent / urllib.parse.unquote(link)).resolve()
    if file.is_dir() and (file / "README.md").exists():
        file /= "README.md"
    return file if file.is_relative_to(root) and file.exists() else None


def title_of(page, body):
    """A page's first heading, as text."""
    heading = re.search(r"<h1[^>]*>(.*?)</h1>", body, re.DOTALL)
    return html.unescape(re.sub(r"<[^>]*>", "", heading.group(1))) if heading else page.stem


def navigation(bodies, current):
    """The list of all pages, as one of them has it."""
    up = "../" * len(current.parent.parts)
    menu = {section: dict(entries) for section, entries in MENU.items()}
    listed = {path for entries in menu.values() for path in entries}
    menu["More"] |= {str(page): None for page in bodies if str(page) not in listed}
    lines = []
    for section, entries in menu.items():
        lines.append(f"<h2>{section}</h2><ul>")
        for path, name in entries.items():
            page = pathlib.PurePosixPath(path)
            if page.suffix == ".md" and page not in bodies:
                continue  # A repository of tests has few pages.
            address = target(page) if page in bodies else page
            here = ' aria-current="page"' if page == current else ""
            title = name or title_of(page, bodies[page])
            lines.append(f'<li><a href="{up}{address}"{here}>{html.escape(title)}</a></li>')
        lines.append("</ul>")
    return "\n".join(lines)


def main(folder):
    root = pathlib.Path(__file__).resolve().parent.parent
    listed = pages(root)
    bodies = {}
    for page in listed:
        extensions = ["tables", "fenced_code", "sane_lists", "toc"]
        text = (root / page).read_text()
        # Lists may follow a paragraph directly, as on code hosting sites.
        text = re.sub(r"(?m)^(?![-*] |\s|$|\|)(.*)\n(?=- )", r"\1\n\n", text)
        bodies[page] = markdown.markdown(text, extensions=extensions, extension_configs={"toc": {"slugify": slug}})
    wrong = []
    for page, body in bodies.items():
        output = folder / target(page)
        output.parent.mkdir(parents=True, exist_ok=True)

        def rewritten(match):
            attribute, link = match.group(1), html.unescape(match.group(2))
            address, _, heading = link.partition("#")
            if re.match(r"[a-z]+:", link):
                return match.group(0)
            file = resolve(root, page, address) if address else root / page
            if file is None:
                wrong.append(f"{page}: {link} leads nowhere")
                return match.group(0)
            path = pathlib.PurePosixPath(file.relative_to(root))
            if path in bodies:
                if heading and f'id="{heading}"' not in bodies[path]:
                    wrong.append(f"{page}: {link}: {path} has no such heading")
                path = target(path)
            elif file.is_file():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(file.read_bytes())
            up = "../" * len(page.parent.parts)
            return f'{attribute}="{html.escape(up + str(path) + (f"#{heading}" if heading else ""))}"'

        body = re.sub(r'\b(href|src)="([^"]*)"', rewritten, body)
        body = re.sub(r"<thead>\s*<tr>(\s*<th[^>]*></th>)*\s*</tr>\s*</thead>", "", body)  # that have no names
        body = body.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")
        title = html.escape(title_of(page, body))
        output.write_text(FRAME.format(title=title, links=navigation(bodies, page), body=body))
    for line in wrong:
        print(f"docs: {line}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


main(pathlib.Path(sys.argv[1]))
