"""Hash the code of a module, so that comments, docstrings and spacing do not count."""

import ast
import hashlib
import io
import json
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

Position = tuple[int, int]  # line and column, as in tokens


def read_code(path: Path) -> bytes:
    """Return the Python source of a file; of a notebook, that of its code cells.

    Raises
    ------
    OSError, ValueError
        if the file cannot be read, or is no notebook
    """
    content = path.read_bytes()
    if path.suffix != ".ipynb":
        return content
    cells = json.loads(content).get("cells", [])
    sources = ["".join(cell["source"]) for cell in cells if cell.get("cell_type") == "code"]
    lines = [line for source in sources for line in source.splitlines()]
    magic = ("%", "!", "?")
    kept = ["pass" if line.lstrip().startswith(magic) else line for line in lines]
    # a magic keeps its place in the indentation, and counts as code
    texts = [line.lstrip() for line in lines if line.lstrip().startswith(magic)]
    return "\n".join([*kept, f"{texts!r}", ""]).encode()


def file_fingerprint(path: Path) -> str:
    """Hash a file: Python code by its tokens, anything else by its bytes.

    Raises
    ------
    OSError, or one of PARSE_ERRORS
        if the file cannot be read or parsed
    """
    if path.suffix in {".py", ".ipynb"}:
        return fingerprint(read_code(path))
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]


def fingerprint(source: bytes, tree: ast.Module | None = None) -> str:
    """Hash the tokens of a module: comments, docstrings, blank lines and spacing do not count.

    The hash is the same on every Python that can parse the module.

    Parameters
    ----------
    source : a module's bytes
    tree : the same, parsed, if the caller has it

    Raises
    ------
    one of PARSE_ERRORS
        if this Python cannot parse it
    """
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    text = io.TextIOWrapper(io.BytesIO(source), encoding).read()  # with \n as the end of each line
    lines = io.StringIO(text).readlines()
    docstrings = _docstrings(tree or ast.parse(source), lines)
    digest = hashlib.sha256()
    begins_line, skipped, end = True, False, (0, 0)
    for token in _tokens(lines):
        end = docstrings.get(token.start, end) if token.type == tokenize.STRING else end
        if token.end <= end and token.type not in MARKS:
            skipped = begins_line
            continue
        # the end of a docstring's statement is skipped with it
        if not (skipped and (token.type == tokenize.NEWLINE or token.string == ";")):
            digest.update(f"{MARKS.get(token.type, token.string)}\0".encode())
            begins_line = token.type in MARKS
        skipped = False
    return digest.hexdigest()[:32]


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield all statements in a tree; expressions, which are most of it, are not searched."""
    nodes = [tree]
    while nodes:
        children = [*filter(_contains_statements, ast.iter_child_nodes(nodes.pop()))]
        nodes += children
        yield from children


def _contains_statements(node: ast.AST) -> bool:
    return isinstance(node, ast.stmt | ast.excepthandler | ast.match_case)


def _tokens(lines: list[str]) -> Iterator[tokenize.TokenInfo]:
    """Yield the tokens that count; an f-string is one token, as on Python 3.11."""
    starts: list[Position] = []
    for token in tokenize.generate_tokens(iter(lines).__next__):
        if token.type in STRING_STARTS:
            starts.append(token.start)
        elif token.type in STRING_ENDS:
            start = starts.pop()
            if not starts:
                string = _span(lines, start, token.end)
                yield token._replace(type=tokenize.STRING, string=string, start=start)
        elif not starts and token.type not in LAYOUT:
            yield token


def _span(lines: list[str], start: Position, end: Position) -> str:
    (first, left), (last, right) = start, end
    if first == last:
        return lines[first - 1][left:right]
    return "".join([lines[first - 1][left:], *lines[first : last - 1], lines[last - 1][:right]])


def _docstrings(tree: ast.Module, lines: list[str]) -> dict[Position, Position]:
    """Return the end of each docstring of a module, class or function, by its start."""

    def position(line: int, offset: int) -> Position:
        return line, len(lines[line - 1].encode()[:offset].decode())  # from bytes to characters

    return {
        position(text.lineno, text.col_offset): position(
            text.end_lineno or text.lineno, text.end_col_offset or 0
        )
        for node in [tree, *statements(tree)]
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if node.body and isinstance(node.body[0], ast.Expr)
        for text in [node.body[0].value]
        if isinstance(text, ast.Constant) and isinstance(text.value, str)
    }
