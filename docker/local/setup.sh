#!/bin/sh
# Finds Python 3.11 and hands over to setup.py, which needs nothing but its standard library.
here=$(cd "$(dirname "$0")" && pwd)
for python in "${PYTHON:-python3.11}" python3.11 python3 /usr/bin/python3.11; do
    if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
        exec "$python" "$here/setup.py" "$@"
    fi
done
echo "Python 3.11 with venv is missing: install it (Debian 12: apt-get install python3.11-venv) or run make PYTHON=/its/path" >&2
exit 1
