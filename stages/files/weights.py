"""The file of the weights, from which the network is rebuilt."""

from stages.files.npz import write_npz
from stages.files.paths import WEIGHTS
from stages.files.reading import read_npz
from stages.running.errors import StageError

from network.model import Network


def save_network(network: Network) -> None:
    """Write the network's weights and biases."""
    write_npz(WEIGHTS, network.state_dict())


def load_network() -> Network:
    """Build a network from its weights and biases, whose shapes determine its layers.

    Raises
    ------
    StageError
        if the file does not hold the weights and biases of a network
    """
    try:
        return Network.from_state_dict(read_npz(WEIGHTS))
    except ValueError as error:
        raise StageError(f"{WEIGHTS}: {error}") from None
