"""Speed, memory and accuracy of training, against other libraries: ``python -m benchmarks``."""
