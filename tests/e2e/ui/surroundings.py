"""What the tests of the dashboard share."""

#: Every view of a sweep, as in its address.
TABS = ("overview", "curves", "parameters", "model", "timeline", "config")
