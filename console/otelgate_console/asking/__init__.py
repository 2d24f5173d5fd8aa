"""Asks the stores what a panel of a rendered dashboard asks, and answers with frames.

dashboards.py reads grafana/rendered, interpolation.py puts variables and macros into a query, one file for each store
asks it, and panels.py runs whole panels. Pages, reports and the tests of dashboards use the same code.
"""
