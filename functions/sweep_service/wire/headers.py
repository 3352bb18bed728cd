"""HTTP headers by which client and backend know each other."""

from __future__ import annotations

#: Every answer of the backend carries its version under this name: a client sees by it that no
#: proxy, ingress or sign-in page has answered in the backend's place.
BACKEND_HEADER = "Sweep-Backend"
