"""What the bytes mean, without I/O and without a clock: one module a chip family."""
