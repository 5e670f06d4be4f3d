#!/usr/bin/env bash
# A month of a VergeOS system, against the simulator: import what was set up by hand, change a profile by a reviewed plan,
# let the month pass, restore a VM and a tenant, and prove their bytes by checksums. Needs snapplan and its extras `vergeos`
# and `vergeos-sim` on the PATH (`make vergeos-demo` sees to it); touches nothing outside a scratch folder.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d "${TMPDIR:-/tmp}/snapplan-vergeos-demo.XXXXXX")
simulator=
finish() {
  if [ -n "$simulator" ]; then kill "$simulator" 2>/dev/null || true; wait "$simulator" 2>/dev/null || true; fi
  rm -rf "$scratch"
}
trap finish EXIT
cd "$scratch"
export XDG_STATE_HOME=$scratch/state GIT_CONFIG_GLOBAL=/dev/null DC1_TOKEN=simulated-key

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\033[1m' plain=$'\033[0m'; fi
say() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }
type_() { printf '\n$ %s\n' "$*"; }
fail() { echo "FAILED: $*" >&2; exit 1; }

# The control interface of the simulator: METHOD PATH [JSON]; prints the answer, or of bytes their SHA-256.
control() {
  python3 - "$control_url" "$@" <<'PY'
import hashlib, sys, urllib.request
url, method, path, *body = sys.argv[1:]
data = body[0].encode() if body else None
with urllib.request.urlopen(urllib.request.Request(f"{url}/{path}", data, method=method), timeout=600) as answer:
    held = answer.read()
    print(hashlib.sha256(held).hexdigest() if path.startswith("bytes/") and method == "GET" else held.decode())
PY
}
member() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
sum_of() { control GET "bytes/$1"; }

# snapplan lives in the simulated time.
snapplan_() {
  local now
  now=$(control GET clock | member instant)
  SNAPPLAN_NOW=$now SNAPPLAN_SECOND_CLOCK=$now snapplan "$@"
}
run() {
  type_ "$@"
  if [ "$1" = snapplan ]; then shift; snapplan_ "$@"; else "$@"; fi
}
prove() {
  local what=$1 before=$2 now
  now=$(sum_of "$3")
  type_ "sha256 of $3"
  [ "$now" = "$before" ] || fail "$what is $now, and was $before"
  echo "PROVED: $what is what it was (SHA-256 ${now:0:16}...)"
}

say "A system that was set up by hand: 40 VMs, 5 volumes, 3 tenants (the simulator)"
snapplan-vergeos-sim --seed "$here/simulator/system.yaml" --folder "$scratch/sim" > simulator.log 2>&1 &
simulator=$!
for _ in $(seq 300); do
  [ -s sim/endpoints.json ] && break
  kill -0 "$simulator" 2>/dev/null || fail "the simulator does not start: $(cat simulator.log)"
  sleep 0.1
done
control_url=$(member control < sim/endpoints.json)
host=$(member host < sim/endpoints.json)
echo "https://$host, at $(control GET clock | member instant)"

say "A policy repository, and what the system says about itself"
mkdir repository
sed "s/dc1\.example\.com/$host/" "$here/snapplan.yaml" > repository/snapplan.yaml
cp "$here/.gitignore" repository/
cp sim/ca.pem repository/dc1-ca.pem
cd repository
git -c init.defaultBranch=main init --quiet
commit() { git add -A; git -c user.name=demo -c user.email=demo@example.com commit --quiet --message "$1"; }
run snapplan drivers check dc1

say "What was clicked becomes files; a plan made right after has nothing to do"
run snapplan import --backend dc1 --out policies/dc1.yaml
run cat policies/dc1.yaml
run snapplan validate
run snapplan plan --detailed-exitcode
commit "What dc1 does today"
run snapplan apply --auto-approve

say "A change for review: nights are kept two weeks, months a year, and tenants get a snapshot a night"
run snapplan adopt 'dc1/profile/Production VMs' 'dc1/profile/System Snapshots' dc1/profile/shares
git checkout --quiet -b keep-longer
sed -i '/Nightly:/s/retention: 7d/retention: 14d/' policies/dc1.yaml
sed -i '/ Sunday:/a\      Month: {frequency: monthly, day_of_month: 1, hour: 5, retention: 1y, quiesce: prefer, max_tier: 4}' policies/dc1.yaml
cp "$here/policies/tenants.yaml" policies/
commit "Keep nights longer, and months; nights of tenants"
run git diff --stat main
run git diff main -- policies/dc1.yaml
run snapplan plan
type_ "snapplan apply --auto-approve | tail -n 2"
snapplan_ apply --auto-approve | tail -n 2
run snapplan plan --detailed-exitcode

say "A month passes: the platform takes and expires its own snapshots, apply runs each morning for the tenants"
before_vm=$(sum_of vms/web-01/disk0) before_tenant=$(sum_of tenants/acme)
for day in $(seq 31); do
  control POST clock/step '{"days": 1}' > /dev/null
  snapplan_ apply --auto-approve > apply.log 2>&1 || { cat apply.log; fail "the apply of day $day"; }
  if [ $((day % 5)) = 0 ]; then
    printf '%s  ' "$(control GET clock | member instant)"
    snapplan_ list snapshots --format json | python3 -c '
import collections, json, sys
count = collections.Counter(row["target"].split("/")[1] for row in json.load(sys.stdin))
print(", ".join(f"{number} of {scope}" for scope, number in sorted(count.items())))'
  fi
done

say "What there is of one VM, one tenant and the system"
snapplan_ list snapshots > snapshots.txt
type_ "snapplan list snapshots | grep -E 'vm/web-01|tenant/acme|/cloud'"
head -n 1 snapshots.txt
grep -E 'dc1/(vm/web-01|tenant/acme|cloud)' snapshots.txt | sed 's/ *$//' | awk '/tenant/ && ++seen > 5 { next } { print }'
grep -q 'dc1/vm/web-01.*Month' snapshots.txt || fail "the new period took nothing"

say "A bad day: the disk of web-01 is overwritten, and acme's data"
run control PUT bytes/vms/web-01/disk0 '"all gone"'
run control PUT bytes/tenants/acme '"all gone"'

say "The VM, out of the snapshot of the whole system, under another name"
run snapplan restore dc1/vm/web-01 --via cloud --as web-01-restored --auto-approve
prove "the disk of web-01" "$before_vm" vms/web-01-restored/disk0

say "The tenant, out of the same snapshot, as a new one"
run snapplan restore dc1/tenant/acme --via cloud --as acme-restored --auto-approve
prove "the data of acme" "$before_tenant" tenants/acme-restored

say "The tenant itself, in its place, out of its own snapshot; it takes effect when it is switched on"
run snapplan restore dc1/tenant/acme --mode in_place --power-off --power-on --confirm dc1/tenant/acme
prove "the data of acme in its place" "$before_tenant" tenants/acme

say "Where everything stands, and who did what"
run snapplan status
type_ "snapplan list runs | head -n 6"
snapplan_ list runs > runs.txt
head -n 6 runs.txt
