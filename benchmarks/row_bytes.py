"""What a row of the two large tables may take with its index: what was measured when it was set, and 5%."""

from __future__ import annotations

BYTES_A_ROW = {"fct_windows": 215, "fct_cumulative": 224}
