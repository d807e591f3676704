"""Text in pictures."""

from stages.shared.drawing import literal, new_figure


def test_dollar_signs_are_shown_as_they_are() -> None:
    text = new_figure(1, 1).suptitle(literal("$x$"))
    assert text._preprocess_math(text.get_text()) == ("$x$", False)  # type: ignore[attr-defined]
