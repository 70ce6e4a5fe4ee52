"""Inputs that are damaged on purpose, for every reader: each must end in an answer or in an InputError.

    python tests/fuzz                         every reader, 2,000 inputs each
    python tests/fuzz csv ecsv --count 500    some readers
    python tests/fuzz csv --only 17           one input again, with its traceback

An input follows from the name of its reader and its number: the same on every machine.
"""
