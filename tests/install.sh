#!/bin/sh
# Tries tests/packagedir on what several systems have in tclConfig.sh.
set -eu
cd "$(dirname "$0")/.."
config=$(mktemp)
trap 'rm -f "$config"' EXIT
bad=0

# try path wanted: the folder for a TCL_PACKAGE_PATH; "" where there is none.
try() {
    printf "TCL_PACKAGE_PATH='%s'\nTCL_EXEC_PREFIX='%s'\n" "$1" "$3" >"$config"
    got=$(TCL_CONFIG=$config sh tests/packagedir 2>/dev/null) || got=
    [ "$got" = "$2" ] || { echo "TCL_PACKAGE_PATH='$1': $got, not $2"; bad=1; }
}
try '/usr/local/lib/tcltk /usr/lib/tcltk' /usr/local/lib/tcltk /usr
try '/usr/local/lib/tcltk:/usr/share/tcltk' /usr/local/lib/tcltk /usr
try '{/opt/my tcl/lib} ' '/opt/my tcl/lib' /opt
try '~/Library/Tcl /Library/Tcl ~/Library/Frameworks' /Library/Tcl /usr
try '' /opt/tcl/lib /opt/tcl
try '{unbalanced /usr/lib' /usr/lib /usr
try 'relative/path' /usr/lib /usr
try '' '' ''
try '/' '' ''
exit $bad
