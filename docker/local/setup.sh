#!/bin/sh
# Finds Python 3.11 and hands over to setup.py, which needs nothing but its standard library.
trap 'exit 130' INT
here=$(cd "$(dirname "$0")" && pwd)
for python in "${PYTHON:-python3.11}" python3.11 python3 /usr/bin/python3.11; do
    if "$python" -c 'import sys, venv; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
        exec "$python" -B "$here/setup.py" "$@"
    fi
done
echo "Python 3.11 is missing: install it (Debian 12: apt-get install python3.11 python3-pip) or run make PYTHON=/its/path" >&2
exit 1
