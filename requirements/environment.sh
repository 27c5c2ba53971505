#!/bin/sh
# Builds or completes .venv from the hashed locks named on the command line. Installs nothing outside the checkout.
#
#   sh requirements/environment.sh run build project   what the service needs, and the checkout itself with `onward`
#   sh requirements/environment.sh run dev             and what its tests and checks need
#   ENV=/tmp/try sh requirements/environment.sh run dist/onward-1.0-py3-none-any.whl   a wheel, in another place
#
# uv is used when it is on PATH; else it is fetched into .venv, since it installs the rest ten times faster than pip;
# when that fails, pip does the work. Everything is compiled at once, so that not each of six processes does it at the
# first start. PYTHON names another interpreter than python3.
set -eu

cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
ENV=${ENV:-.venv}
export UV_PYTHON_DOWNLOADS=never PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
unset VIRTUAL_ENV PYTHONHOME PYTHONPATH

fail() {
    echo "$1" >&2
    exit 2
}

check_python() {
    command -v "$PYTHON" >/dev/null 2>&1 ||
        fail "Onward needs Python 3.11 or newer and found no '$PYTHON'; install it, or name one: make PYTHON=python3.12"
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "Onward needs Python 3.11 or newer, and $PYTHON is $("$PYTHON" -V 2>&1); name another: make PYTHON=python3.12"
}

# An environment whose interpreter has gone (moved checkout, upgraded Python) is built anew.
make_environment() {
    "$ENV/bin/python" -c 'import sys' 2>/dev/null && return
    rm -rf "$ENV"
    check_python
    if command -v uv >/dev/null 2>&1; then
        uv venv -q --python "$(command -v "$PYTHON")" "$ENV"
    elif "$PYTHON" -c 'import venv, ensurepip' 2>/dev/null; then
        "$PYTHON" -m venv "$ENV"
    else
        fail "Neither uv nor Python's venv module is here; install one of them, on Debian and Ubuntu with: apt install python3-venv"
    fi
}

# Sets $installer to the command that installs into the environment.
choose_installer() {
    if command -v uv >/dev/null 2>&1; then
        installer="uv pip install -q --compile-bytecode --python $ENV/bin/python"
        return
    fi
    if [ ! -x "$ENV/bin/uv" ] && [ -z "${ONLY_PIP:-}" ]; then
        "$ENV/bin/python" -m pip install -q --require-hashes --only-binary :all: -r requirements/uv.txt 2>/dev/null || true
    fi
    if [ -x "$ENV/bin/uv" ]; then
        installer="$ENV/bin/uv pip install -q --compile-bytecode --python $ENV/bin/python"
    else
        installer="$ENV/bin/python -m pip install -q"
    fi
}

make_environment
choose_installer
echo "Installing into $ENV: $*" >&2
locks=
for name in "$@"; do
    case $name in
    project | *.whl) ;;
    *) locks="$locks -r requirements/$name.txt" ;;
    esac
done
# $installer and $locks stand unquoted on purpose: they are lists of words of our own.
[ -z "$locks" ] || $installer --require-hashes $locks
for name in "$@"; do
    case $name in
    project) $installer --no-deps --no-build-isolation -e . ;;
    *.whl) $installer --no-deps "$name" ;;
    esac
done
