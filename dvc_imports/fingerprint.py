"""Hash the code of a module, so that comments, docstrings and spacing do not count."""

import hashlib
import io
import json
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER}
MARKS = {tokenize.NEWLINE: "\n", tokenize.INDENT: "\t", tokenize.DEDENT: "\b"}
# Python 3.12 splits an f-string into several tokens, and Python 3.14 a t-string.
STRING_STARTS = {getattr(tokenize, f"{kind}STRING_START", -1) for kind in "FT"}
STRING_ENDS = {getattr(tokenize, f"{kind}STRING_END", -1) for kind in "FT"}
# all that parsing a file can raise: RecursionError and MemoryError for deep nesting
PARSE_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError)

MAGIC = re.compile(r"^([ \t]*)([%!?].*)", re.MULTILINE)
OPENING, CLOSING = {*"([{"}, {*")]}"}


def read_code(path: Path) -> bytes:
    """Return the Python source of a file; of a notebook, that of its code cells."""
    if path.suffix != ".ipynb":
        return path.read_bytes()
    cells = json.loads(path.read_bytes()).get("cells", [])
    sources = ["".join(cell["source"]) for cell in cells if cell.get("cell_type") == "code"]
    # a magic counts, but is no Python
    return MAGIC.sub(lambda line: f"{line[1]}pass; {line[2]!r}", "\n".join(sources)).encode()


def file_fingerprint(path: Path) -> str:
    """Hash a file: Python code by its tokens, anything else by its bytes."""
    if path.suffix in {".py", ".ipynb"}:
        return fingerprint(read_code(path))
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]


def fingerprint(source: bytes) -> str:
    """Hash the tokens of a module: comments, docstrings, blank lines and spacing do not count.

    The hash is the same on every Python that can parse the module; one that cannot raises one of
    PARSE_ERRORS.
    """
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    text = io.TextIOWrapper(io.BytesIO(source), encoding).read()  # with \n as the end of each line
    digest = hashlib.sha256()
    statement: list[tokenize.TokenInfo] = []
    begins_body = begins_line = True
    depth = 0
    for token in _tokens(io.StringIO(text).readlines()):
        statement.append(token)
        depth += (token.string in OPENING) - (token.string in CLOSING)
        is_header = token.string == ":" and depth == 0 and _defines(statement)
        if not (is_header or token.type in MARKS or token.string == ";"):
            continue
        *strings, end = statement
        if begins_body and strings and all(map(_may_be_docstring, strings)):
            statement = [] if begins_line else [end]
        for each in statement:
            digest.update(f"{MARKS.get(each.type, each.string)}\0".encode())
        begins_body = is_header or (begins_body and not strings)
        begins_line = token.type in MARKS
        statement = []
    return digest.hexdigest()[:32]


def _defines(statement: list[tokenize.TokenInfo]) -> bool:
    """Return whether a statement begins a function or a class."""
    return any(token.string in {"def", "class"} for token in statement[:2])


def _may_be_docstring(token: tokenize.TokenInfo) -> bool:
    return token.type == tokenize.STRING and token.string[:1] in {*"'\"rRuU"}


def _tokens(lines: list[str]) -> Iterator[tokenize.TokenInfo]:
    """Yield the tokens that count; an f-string is one token, as on Python 3.11."""
    starts: list[tuple[int, int]] = []
    for token in tokenize.generate_tokens(iter(lines).__next__):
        if token.type in STRING_STARTS:
            starts.append(token.start)
        elif token.type in STRING_ENDS:
            (first, left), (last, right) = starts.pop(), token.end
            if not starts:
                text = "".join([*lines[first - 1 : last - 1], lines[last - 1][:right]])[left:]
                yield token._replace(type=tokenize.STRING, string=text)
        elif not starts and token.type not in LAYOUT:
            yield token
