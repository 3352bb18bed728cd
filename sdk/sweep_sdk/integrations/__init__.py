"""Callbacks that report what training libraries compute, and end a training that is stopped.

Each module needs its library, which this package does not install: ``huggingface``, ``lightning``,
``keras``, ``xgboost``, ``lightgbm``. Outside a sweep the callbacks report nothing, as ``log()``.
"""
