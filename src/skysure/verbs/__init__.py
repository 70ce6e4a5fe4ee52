"""The verbs of Python and of the command line: one file per verb."""

from skysure.run.reporting import report_of

from .calibrating import calibrate
from .demonstrating import demo
from .drawing import is_page
from .evaluating import evaluate
from .inputs import load, read
from .inspecting import inspect, write_reading
from .playing import play
from .predicting import predict
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
