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
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1b1f24; max-width: 62rem; margin: 0 auto; padding: 1rem 1.5rem 4rem }}
nav {{ border-bottom: 1px solid #d3d6db; padding-bottom: .5rem }}
nav a {{ margin-right: 1rem }}
img {{ max-width: 100% }}
table {{ border-collapse: collapse; display: block; overflow-x: auto }}
th, td {{ border: 1px solid #d3d6db; padding: .25rem .6rem; text-align: left; vertical-align: top }}
pre {{ background: #f3f4f6; padding: .8rem; overflow-x: auto }}
code {{ font-family: ui-monospace, monospace; font-size: .92em }}
</style>
</head>
<body>
<nav>{links}</nav>
{body}
</body>
</html>
"""


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


def main(folder):
    root = pathlib.Path(__file__).resolve().parent.parent
    listed = pages(root)
    bodies = {}
    for page in listed:
        extensions = ["tables", "fenced_code", "sane_lists", "toc"]
        text = (root / page).read_text()
        # Lists may follow a paragraph directly, as on code hosting sites.
        text = re.sub(r"(?m)^(?!\s*[-*] |\s*$|\s*\|)(.*)\n(?=- )", r"\1\n\n", text)
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
        up = "../" * len(page.parent.parts)
        menu = {"index.html": "ctm", "reference/ctm_8h.html": "C reference"}
        menu |= {str(target(other)): other.stem for other in listed if str(other.parent) == "docs"}
        links = " ".join(f'<a href="{up}{address}">{html.escape(name)}</a>' for address, name in menu.items())
        heading = re.search(r"<h1[^>]*>(.*?)</h1>", body)
        title = re.sub(r"<[^>]*>", "", heading.group(1)) if heading else page.stem
        output.write_text(FRAME.format(title=title, links=links, body=body))
    for line in wrong:
        print(f"docs: {line}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


main(pathlib.Path(sys.argv[1]))
