"""A fully connected classifier in NumPy: layers, loss, penalty, optimizer, training loop.

Rows are samples. Nothing here reads a file, a parameters file or the clock, and nothing prints.
Every array that a training step needs is allocated once and written with ``out=``: at this size
a step costs calls and memory traffic, not arithmetic.
"""
