"""h_theta, the input transformation: one published method per file."""
