"""A fully connected classifier in NumPy: layers, loss, weight decay, optimizers, training.

Rows are samples. Nothing here reads a file or the clock, and nothing prints. ``trainer.Trainer``
puts the parts together from plain values.
"""
