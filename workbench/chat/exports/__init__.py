"""A comparison as a file for somebody else."""
