"""The engine inside: families, batches, memory, without a process around them."""
