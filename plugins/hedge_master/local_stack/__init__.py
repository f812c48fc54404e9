"""The whole stack as plain processes on one machine: start, watch, show, stop, erase."""
