"""`python -m hedge_master.local_stack up|down|status|demo|next-day|clean`: what `make` calls."""

from __future__ import annotations

from hedge_master.local_stack.interruption import end_at_interruption

if __name__ == "__main__":
    end_at_interruption()
    # Only now: these imports take more than a second, and Ctrl-C may come at once.
    from hedge_master.local_stack.commands import main

    main()
