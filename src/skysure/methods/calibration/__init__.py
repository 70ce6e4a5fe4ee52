"""Calibration: scaling and counting that make probabilities and intervals true, and the proof that they are.

Fitted with the model: `scaling` and `conformal` (torch). The proof: `coverage`, `scores`, `ranking`, `intervals` (NumPy).
"""
