"""h_omega, the output mapping: heads with weights, label maps without, and the losses."""
