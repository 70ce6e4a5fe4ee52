"""The verbs, as Python calls them and the command line does: one file a verb, named for what is being done."""

from .calibrating import calibrate
from .demonstrating import demo
from .drawing import is_page
from .evaluating import evaluate
from .inspecting import inspect, write_reading
from .opening import load, read
from .playing import play
from .predicting import predict
from .reporting import report_of
from .simulating import simulate
from .training import train

__all__ = [
    "calibrate",
    "demo",
    "evaluate",
    "inspect",
    "is_page",
    "load",
    "play",
    "predict",
    "read",
    "report_of",
    "simulate",
    "train",
    "write_reading",
]
