"""The runner, between the fakes of the ports."""
