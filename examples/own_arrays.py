"""Train a network on your own arrays: here, the noisy points of two interleaved spirals.

``pip install -e .`` installs the library; then run ``python examples/own_arrays.py``.
"""

import numpy as np

from network import Trainer, softmax

generator = np.random.default_rng(0)
labels = generator.integers(2, size=2000)
radius = np.sqrt(generator.random(2000))
angle = 3 * np.pi * radius + np.pi * labels
points = np.column_stack((radius * np.cos(angle), radius * np.sin(angle)))
points += generator.normal(scale=0.04, size=points.shape)
train, validation = (points[:1500], labels[:1500]), (points[1500:], labels[1500:])

trainer = Trainer(train, validation, classes=2, hidden=[32, 32], optimizer="adam", epochs=12)
for epoch in trainer.run():
    if epoch.number % 3 == 0:
        accuracy = epoch.scores["validation"].accuracy
        print(f"epoch {epoch.number}: validation accuracy {accuracy:.1%}")

for point in ([1 / 3, 0.0], [2 / 3, 0.0]):
    p = softmax(trainer.network.logits(np.array([point])))[0]
    print(f"point ({point[0]:.2f}, {point[1]:.2f}): spiral {p.argmax()}, probability {p.max():.1%}")
