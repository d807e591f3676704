"""A fully connected classifier in NumPy: layers, loss, optimizers, training, ensembles.

Rows of arrays are samples. The package reads no file and no clock, and prints nothing.
``trainer.Trainer`` assembles the parts from plain values.
"""
