"""setup.py and its modules, which lie outside the packages: importable as they are when setup.sh calls them."""

from __future__ import annotations

import sys

from hedge_master.settings import REPO_ROOT

sys.path.append(str(REPO_ROOT / "docker" / "local"))
