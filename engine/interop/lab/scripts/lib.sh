# lib.sh: what the scripts of the test bed share. To be sourced.
#
# A bed is a directory, $BED, and what runs on its behalf: processes, each with
# a file in pids/, and network namespaces, each held by one such process and so
# gone with it. Nothing has a name outside the bed, so that any number of beds
# live side by side; nothing is mounted, so that a chroot will do.
set -euo pipefail
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
: "${BED:?set BED to the directory of the bed}"
PATH=$PATH:/usr/sbin:/sbin

die() { echo "${0##*/}: $*" >&2; exit 1; }

# born PID: when that process started. With it a process id means one process.
born() {
	local stat
	{ stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
	set -- ${stat##*) } # from field 3 on
	[ "$1" != Z ] || return 1 # dead, and not yet taken note of
	echo "${20}"
}

# spawn NAME COMMAND...: starts a process of the bed, its output in log/NAME.
spawn() {
	local name=$1
	shift
	mkdir -p "$BED/pids" "$BED/log"
	setsid "$@" >>"$BED/log/$name" 2>&1 </dev/null &
	echo "$! $(born $!)" >"$BED/pids/$name"
}

# pid NAME: the id of that process, if it still runs.
pid() {
	local p at
	read -r p at 2>/dev/null <"$BED/pids/$1" || return 1
	[ "$(born "$p")" = "$at" ] && echo "$p"
}

# end NAME: ends that process, kindly first.
end() {
	local p i
	if p=$(pid "$1"); then
		kill "$p" 2>/dev/null || true
		for i in $(seq 100); do
			pid "$1" >/dev/null || break
			sleep 0.05
		done
		if p=$(pid "$1"); then
			kill -KILL "$p" || true
			while pid "$1" >/dev/null; do sleep 0.02; done
		fi
	fi
	# A guest that ends early leaves processes of its group behind, stopped.
	read -r p _ 2>/dev/null <"$BED/pids/$1" && kill -KILL -- "-$p" 2>/dev/null || true
	rm -f "$BED/pids/$1"
}

# namespace NAME: a new network namespace, with lo up.
namespace() {
	local p
	spawn "net-$1" unshare --net sleep infinity
	p=$(pid "net-$1")
	while [ "$(readlink "/proc/$p/ns/net")" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
	# No address is tentative for a second: what a test compares has settled.
	in_ns "$1" sh -c 'for f in /proc/sys/net/ipv6/conf/*/accept_dad; do [ ! -e "$f" ] || echo 0 >"$f"; done'
	in_ns "$1" ip link set lo up
}

# in_ns NAME COMMAND...: runs a command in a namespace of the bed.
in_ns() {
	local p
	p=$(pid "net-$1") || die "no namespace $1"
	shift
	nsenter --target "$p" --net -- "$@"
}

# cable A IFA B IFB: a veth pair between two namespaces.
cable() {
	in_ns "$1" ip link add "$2" type veth peer name "$4" netns "$(pid "net-$3")"
	in_ns "$1" ip link set "$2" up
	in_ns "$3" ip link set "$4" up
}

# bridge NAME DEVICE ADDRESS: a switch with an address of its own.
bridge() {
	in_ns "$1" ip link add "$2" type bridge forward_delay 0
	in_ns "$1" ip addr add "$3" dev "$2"
	in_ns "$1" ip link set "$2" up
}

# tap NAME DEVICE BRIDGE: where a guest plugs in.
tap() {
	in_ns "$1" ip tuntap add dev "$2" mode tap
	in_ns "$1" ip link set "$2" master "$3" up txqueuelen 2000
}
