"""Fingerprints of modules: layout does not count, code does."""

import ast
import io
import tokenize

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dvc_imports.fingerprint import fingerprint
from tests.support import ROOT

SOURCES = [path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("[ns]t*/**/*.py"))]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 1  # one\n\n# more\n"),
        ("def f():\n    return 1\n", 'def f():\n    """Return it."""\n\n    return 1\n'),
        ("class A:\n    x = 1\n", 'class A:\n    "A" " class"\n    x = 1\n'),
        ("async def f():\n    pass", "async def f():\n    '''f'''\n    pass\n"),
        ("x = 1\n", '"""Module."""\n\nx = 1\n'),
        ("x = 1\n", "'Module.'; x = 1\n"),
        ("x = (1,\n     2)\n", "x = (1, 2)  # a pair\n"),
        ('x = "#"\r\ny = 2\r\n', 'x = "#"\ny = 2\n'),
        ("ü = 1\n", '"ü"\nü = 1  # ü\n'),
    ],
)
def test_layout_does_not_count(one: str, other: str) -> None:
    assert fingerprint(one.encode()) == fingerprint(other.encode())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"x = 1", b"x = 2"),
        (b"x = 1 \\\n\n-1", b"x = 1 \\\n-1"),
        (b"if x:\n    y = 1\nz = 2", b"if x:\n    y = 1\n    z = 2"),
        (b'def f(): "doc"\nx = 1', b"def f(): x = 1"),
        (b'x = f"{a}#{b}"', b'x = f"{a}#{c}"'),
        (b'x = f"""\n\n{a}"""', b'x = f"""\n{a}"""'),
        (b'x = """a\n\nb"""', b'x = """a\nb"""'),
        (b'x = """a # b"""', b'x = """a"""'),
        (b"x = 'a' 'b'", b"x = 'a', 'b'"),
        (b"# coding: latin-1\nx = '\xe9'", b"# coding: cp1251\nx = '\xe9'"),
    ],
)
def test_code_counts(one: bytes, other: bytes) -> None:
    assert ast.dump(ast.parse(one)) != ast.dump(ast.parse(other))
    assert fingerprint(one) != fingerprint(other)


def test_the_fingerprint_is_the_same_on_every_python() -> None:
    source = (
        'def f(x):\n    """Doc."""\n    return f"{x!r:>{10}} {{}}" + \'a\' "b"  # c\n\n\ny = f(1)\n'
    )
    assert fingerprint(source.encode()) == "b4b2513de4b00da01c658a0f988a3bde"


@given(st.sampled_from(SOURCES), st.data())
def test_a_comment_or_a_blank_line_anywhere_does_not_count(
    source: str, data: st.DataObject
) -> None:
    ends = [
        token.start
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type in (tokenize.NEWLINE, tokenize.NL)
    ]
    lines = source.splitlines(keepends=True)
    for line, column in data.draw(st.lists(st.sampled_from(ends), max_size=5)):
        text = lines[line - 1]
        lines[line - 1] = f"{text[:column]} # {data.draw(st.text('abc#', max_size=3))}\n\n"
    assert fingerprint("".join(lines).encode()) == fingerprint(source.encode())


@given(st.sampled_from(SOURCES), st.data())
def test_a_changed_token_counts(source: str, data: st.DataObject) -> None:
    words = [
        token
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type in (tokenize.NAME, tokenize.OP, tokenize.NUMBER) and token.string != "@"
    ]
    assume(words)
    token = data.draw(st.sampled_from(words))
    lines = source.splitlines(keepends=True)
    line, column = token.start
    text = lines[line - 1]
    changed = {tokenize.OP: "@", tokenize.NUMBER: "77"}.get(token.type, f"{token.string}_")
    lines[line - 1] = text[:column] + changed + text[token.end[1] :]
    try:
        ast.parse("".join(lines))
    except SyntaxError:
        assume(False)
    assert fingerprint("".join(lines).encode()) != fingerprint(source.encode())
