"""Checks that every link between the Markdown pages resolves, file and heading.

Also that each page under `docs/` can be reached from `docs/README.md`, so that none is forgotten.
Links to other hosts are not followed: a check that needs the network fails for others' reasons.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

LINK = re.compile(r"(?<!!)\[[^\]\[]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$")
ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)
SKIPPED_FOLDERS = {".venv", ".git", "node_modules"}


def pages(root: Path) -> list[Path]:
    """Return the Markdown pages of the repository, in order."""
    found = root.rglob("*.md")
    return sorted(p for p in found if not SKIPPED_FOLDERS & set(p.relative_to(root).parts))


def prose(page: Path) -> Iterator[str]:
    """Yield the lines of `page` that stand outside fenced blocks, inline code removed."""
    fenced = False
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif not fenced:
            yield line


def anchors(page: Path) -> set[str]:
    """Return the anchors that the headings of `page` make, as the common renderers name them."""
    made: set[str] = set()
    for line in prose(page):
        heading = HEADING.match(line)
        if heading is None:
            continue
        slug = re.sub(r"[^\w\- ]", "", heading.group(1).lower()).strip().replace(" ", "-")
        name, copies = slug, 0
        while name in made:
            copies += 1
            name = f"{slug}-{copies}"
        made.add(name)
    return made


def links(page: Path) -> Iterator[str]:
    """Yield the targets of the links of `page` that stay in the repository."""
    for line in prose(page):
        for match in LINK.finditer(re.sub(r"`[^`]*`", "", line)):
            if not ELSEWHERE.match(match.group(1)):
                yield unquote(match.group(1))


def broken_links(page: Path, root: Path) -> Iterator[str]:
    """Yield a line for each link of `page` that leads nowhere."""
    for target in links(page):
        file_part, _, anchor = target.partition("#")
        aim = (page.parent / file_part).resolve() if file_part else page
        where = f"{page.relative_to(root)}: {target}"
        if not aim.exists():
            yield f"{where}: no such file"
        elif anchor and aim.suffix == ".md" and anchor not in anchors(aim):
            yield f"{where}: no such heading"


def unreachable_pages(root: Path) -> list[str]:
    """Return the pages under `docs/` that no chain of links from its index reaches."""
    index = root / "docs" / "README.md"
    reached, waiting = {index}, [index]
    while waiting:
        page = waiting.pop()
        for target in links(page):
            aim = (page.parent / target.partition("#")[0]).resolve()
            if aim.suffix == ".md" and aim.is_file() and aim not in reached:
                reached.add(aim)
                waiting.append(aim)
    docs = (page for page in pages(root) if (root / "docs") in page.parents)
    return [
        f"{p.relative_to(root)}: not reachable from docs/README.md"
        for p in docs
        if p not in reached
    ]


def tree_violations(root: Path) -> list[str]:
    """Return every broken link and unreachable page of the repository at `root`."""
    root = root.resolve()
    found = [line for page in pages(root) for line in broken_links(page, root)]
    return found + unreachable_pages(root)


def main() -> int:
    """Print what was found in this repository; 0 means nothing."""
    found = tree_violations(Path(__file__).resolve().parent.parent)
    sys.stdout.writelines(line + "\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
