"""What an operator's commands do: values in, values or typed errors out.

The rule: nothing here prints, asks questions, or ends the process; the caller shows the result.
"""
