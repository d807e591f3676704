"""PyTorch: the set is one tensor, a batch an index into it, the update one fused kernel."""

from itertools import pairwise

import numpy as np
import torch
from torch import nn

from benchmarks.job import read


def main() -> None:
    job, file, report = read()
    torch.manual_seed(0)
    data = [
        (torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64)))
        for images, labels in (job.load("train"), job.load("validation"))
    ]
    images, labels = data[0]
    model = nn.Sequential()
    for (fan_in, fan_out), dropout in zip(
        pairwise([images.shape[1], *job.hidden, 10]), (*job.dropout, 0), strict=True
    ):
        dense = nn.Linear(fan_in, fan_out)
        nn.init.kaiming_normal_(dense.weight, nonlinearity="relu")
        nn.init.zeros_(dense.bias)
        model.extend([dense, nn.ReLU()] + [nn.Dropout(dropout)] * (dropout > 0))
    model = model[:-1]
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[job.optimizer]
    weights, biases = [*model.parameters()][::2], [*model.parameters()][1::2]
    groups = [{"params": weights, "weight_decay": job.strength}, {"params": biases}]
    optimizer = kind(groups, lr=job.learning_rate, fused=True)
    rates = iter(job.rates(-(-len(labels) // job.batch_size)))

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def score(images: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
        model.eval()
        loss = right = 0.0
        for x, y in zip(images.split(10_000), labels.split(10_000), strict=True):
            logits = model(x)
            loss += nn.functional.cross_entropy(logits, y, reduction="sum").item()
            right += (logits.argmax(dim=1) == y).sum().item()
        return loss / len(labels), right / len(labels)

    for _ in range(job.epochs):
        model.train()
        for batch in torch.randperm(len(labels)).split(job.batch_size):
            rate = next(rates)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
        report.epoch(*(score(*split) for split in data))
    torch.save(model.state_dict(), file)
    report.saved()


if __name__ == "__main__":
    main()
