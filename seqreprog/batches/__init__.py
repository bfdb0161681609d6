"""Arrays to tensors: examples, batches, and the stream in which the frozen model is run."""
