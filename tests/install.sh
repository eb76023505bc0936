#!/bin/sh
# Tries tests/packagedir on what several systems have in tclConfig.sh, and make install and uninstall
# with what is built: without Go, into a path with a blank, and without a tclConfig.sh.
set -eu
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
config=$dir/tclConfig.sh
trap 'rm -rf "$dir"' EXIT
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

# fails what text command...: the command has to fail, with the text in what it writes.
fails() {
    what=$1 text=$2
    shift 2
    ! out=$("$@" 2>&1) && echo "$out" | grep -q "$text" || { echo "$what: $out"; bad=1; }
}
unset TCL_CONFIG MAKEFLAGS
to=$(printf 'prefix=%s/a b' "$dir")
make -s install GO=none "$to" >"$dir/log" 2>&1 || { cat "$dir/log"; bad=1; }
[ -n "$(find "$dir/a b/lib" -name 'lib*nats*')" ] || { echo "make install without Go has installed nothing"; bad=1; }
make -s uninstall GO=none "$to"
[ -z "$(find "$dir/a b" -type f)" ] || { echo "make uninstall leaves something"; bad=1; }
fails "install without tclConfig.sh" "no folder to install to" make install GO=none TCL_CONFIG="$dir/none"
fails "uninstall without tclConfig.sh" "no folder to remove from" make uninstall GO=none TCL_CONFIG="$dir/none"
exit $bad
