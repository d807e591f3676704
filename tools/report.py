"""Write one HTML page that compares the workspace with a revision.

``python -m tools.report`` compares with the last commit, ``python -m tools.report NAME`` with any
other commit, branch, tag or experiment. The page needs no internet connection.
"""

import argparse
import base64
import sys
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from stages.shared.paths import (
    AUGMENTED_PLOT,
    CONFUSION_PLOT,
    LOSS_PLOT,
    MISTAKES_PLOT,
    PREDICTIONS_PLOT,
    RELIABILITY_PLOT,
    WEIGHTS_PLOT,
)
from stages.shared.files import replacing

import dvc.api
from dvc.exceptions import DvcException, PathMissingError
from scmrepo.exceptions import SCMError

PAGE = Template((Path(__file__).with_suffix(".html")).read_text())
HEADLINES = ("test.accuracy", "test.errors", "test.loss", "validation.accuracy")
PICTURES = {
    LOSS_PLOT: "Loss and accuracy per epoch",
    CONFUSION_PLOT: "Confusion matrix",
    RELIABILITY_PLOT: "Accuracy against confidence",
    PREDICTIONS_PLOT: "Predictions",
    MISTAKES_PLOT: "Mistakes",
    WEIGHTS_PLOT: "Weights of the first layer",
    AUGMENTED_PLOT: "Deformed training images",
}

Figures = dict[str, Any]


def main() -> None:
    """Compare the workspace with the revision, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m tools.report", description=__doc__)
    parser.add_argument(
        "revision", nargs="?", default="HEAD", help="commit, branch, tag or experiment"
    )
    parser.add_argument("--output", type=Path, default=Path("report.html"))
    arguments = parser.parse_args()
    try:
        page = render(arguments.revision)
    except (DvcException, SCMError) as error:
        sys.exit(f"error: {arguments.revision}: {error}")
    try:
        with replacing(arguments.output) as file:
            file.write(page.encode())
    except OSError as error:
        sys.exit(f"error: {arguments.output}: {error.strerror}")
    print(f"{arguments.output}: the workspace against {arguments.revision}")


def render(revision: str) -> str:
    """Return the page that compares the workspace with a revision."""
    before, after = (read_metrics(side) for side in (revision, None))
    old, new = (flatten(dvc.api.params_show(rev=side)) for side in (revision, None))
    changed = {key: old.get(key) for key in old | new if old.get(key) != new.get(key)}
    parameters = table(changed, {key: new.get(key) for key in changed})
    return PAGE.substitute(
        revision=escape(revision),
        headlines="".join(card(name, before, after) for name in HEADLINES),
        changed=parameters if changed else "<p>No parameter differs.</p>",
        pictures="".join(pair(path, title, revision) for path, title in PICTURES.items()),
        metrics=table(before, after, change=True),
        parameters=table(old, new),
    )


def read_metrics(revision: str | None) -> Figures:
    """Read the metrics of a revision, or of the workspace for None; empty if there are none."""
    try:
        return flatten(dvc.api.metrics_show(rev=revision))
    except FileNotFoundError:
        return {}


def flatten(content: Any, prefix: str = "") -> Figures:
    """Return every value of nested dictionaries, named by its keys joined with dots."""
    if not isinstance(content, dict):
        return {prefix: content}
    return {
        name: value
        for key, inner in content.items()
        for name, value in flatten(inner, f"{prefix}.{key}" if prefix else str(key)).items()
    }


def card(name: str, before: Figures, after: Figures) -> str:
    """Return one metric in large type, with its change."""
    return (
        f"<div class=card><span>{escape(name)}</span><b>{show(after.get(name))}</b>"
        f"<span>{show_change(before.get(name), after.get(name)) or 'no change'}</span></div>"
    )


def table(before: Figures, after: Figures, *, change: bool = False) -> str:
    """Return a table of the values before and after, a row per name."""
    heads = ["", "revision", "workspace", *(["change"] if change else [])]
    rows = [
        [
            escape(name),
            show(before.get(name)),
            show(after.get(name)),
            *([show_change(before.get(name), after.get(name))] if change else []),
        ]
        for name in before | after
    ]
    head = "".join(f"<th>{text}</th>" for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<div class=wide><table><tr>{head}</tr>{body}</table></div>"


def show(value: Any) -> str:
    """Return a value as text, or a dash for None."""
    if value is None:
        return "–"
    return f"{value:.6g}" if isinstance(value, float) else escape(str(value))


def show_change(before: Any, after: Any) -> str:
    """Return the change of a value as text, empty if there is none."""
    if before is None or after is None:
        return "" if before is after else "new" if before is None else "removed"
    numbers = isinstance(before, int | float) and isinstance(after, int | float)
    return f"{after - before:+.4g}" if numbers and after != before else ""


def pair(path: Path, title: str, revision: str) -> str:
    """Return a picture before and after, or once if it is the same."""
    try:
        before = dvc.api.read(str(path), rev=revision, mode="rb")
    except (PathMissingError, FileNotFoundError):  # depending on the folders that the revision has
        before = None
    after = path.read_bytes() if path.exists() else None
    sides = {"both": after} if before == after else {revision: before, "workspace": after}
    figures = "".join(figure(name, content, title) for name, content in sides.items() if content)
    return f"<h3>{escape(title)}</h3><div class=pair>{figures}</div>" if figures else ""


def figure(side: str, picture: bytes, title: str) -> str:
    """Return an element in which the picture is embedded."""
    source = base64.b64encode(picture).decode()
    label = f"{escape(title)}: {escape(side)}"
    return (
        f'<figure><img alt="{label}" src="data:image/png;base64,{source}">'
        f"<figcaption>{escape(side)}</figcaption></figure>"
    )


if __name__ == "__main__":
    main()
