"""Where the program meets libraries: each foreign exception is named here and nowhere else."""
