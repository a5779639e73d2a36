"""The indented blocks of a page of docs/, for tests that run what it says."""
import pathlib
import re
import textwrap

DOCS = pathlib.Path(__file__).resolve().parents[3] / 'docs'


def blocks(name):
    """{heading: its blocks}, each without its indent; a block ends before the next line of prose."""
    found, heading, lines = {}, '', []

    def end():
        text = '\n'.join(lines).rstrip()
        if text:
            found.setdefault(heading, []).append(textwrap.dedent(text) + '\n')
        lines.clear()

    for line in (DOCS / name).read_text(encoding='utf-8').splitlines():
        if line == '' or line.startswith('    '):
            lines.append(line)
            continue
        end()
        if re.match('#+ ', line):
            heading = line.lstrip('# ')
    end()
    return found
