"""What an operator's commands do: values in, values or typed errors out.

The rule: nothing here prints, asks, or ends the process; who calls it shows what came of it.
"""
