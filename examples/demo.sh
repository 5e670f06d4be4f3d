#!/usr/bin/env bash
# Protects, changes, deletes and restores real data in a scratch folder, and proves by checksums that what came back is
# what was there. Needs snapplan on the PATH (`make demo` sees to it); touches nothing outside the scratch folder.
set -euo pipefail

scratch=$(mktemp -d "${TMPDIR:-/tmp}/snapplan-demo.XXXXXX")
trap 'chmod -R u+rwX "$scratch"; rm -rf "$scratch"' EXIT
cd "$scratch"
export XDG_STATE_HOME=$scratch/state

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\033[1m' plain=$'\033[0m'; fi
say() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }
type_() { printf '\n$ %s\n' "$*"; }
run() {
  if [ "$1" = sh ]; then type_ "$3"; else type_ "$@"; fi
  "$@"
}

# Paths, types, modes and contents of a folder as one list, the folder's own name left out.
sums() (
  cd "$1"
  find . -printf '%y %m %p %l\n' | LC_ALL=C sort
  find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum
)

prove() {
  local what=$1 folder=$2 before=$3
  type_ "diff <(sha256 of $folder) $before"
  if ! diff <(sums "$folder") "$before"; then
    echo "FAILED: $what differs from what was there before" >&2
    exit 1
  fi
  echo "PROVED: $what is what it was, $(grep -c '^[0-9a-f]\{64\}' "$before") files compared by SHA-256"
}

say "A folder with a volume, a VM and a tenant that has both"
mkdir -p data/volumes/home/{photos,empty} data/vms/web-01 data/tenants/acme/{volumes/files,vms/db-01}
echo "Dear diary" > data/volumes/home/diary.txt
ln -s diary.txt data/volumes/home/today
head -c 300000 /dev/urandom > data/volumes/home/photos/cat.jpg
chmod 640 data/volumes/home/diary.txt
head -c 8000000 /dev/urandom > data/vms/web-01/disk.img
truncate -s 64M data/vms/web-01/disk.img
echo '{"name": "web-01", "cpus": 2, "disks": ["disk.img"]}' > data/vms/web-01/definition.json
echo "Contract no. 1" > data/tenants/acme/volumes/files/contract.txt
head -c 4000000 /dev/urandom > data/tenants/acme/vms/db-01/disk.img
echo '{"name": "db-01", "disks": ["disk.img"]}' > data/tenants/acme/vms/db-01/definition.json
for target in volumes/home vms/web-01 tenants/acme; do sums "data/$target" > "before-${target#*/}.txt"; done
run ls data/volumes/home data/vms/web-01 data/tenants/acme

say "What is wanted, as files"
mkdir policies
cat > snapplan.yaml <<'YAML'
version: 1
project: demo
backends:
  lab: {driver: directory, root: data, content_hashes: true}
catalog: sqlite:///catalog.db
YAML
cat > policies/demo.yaml <<'YAML'
profiles:
  gold:
    timezone: Europe/Berlin
    periods:
      hourly: {frequency: hourly, minute: 15, retention: 48h}
      daily: {frequency: daily, hour: 2, retention: 14d, min_snapshots: 3}
  nightly:
    periods:
      night: {frequency: daily, hour: 1, retention: 14d}
assignments:
  volumes: {profile: gold, targets: [{backend: lab, scope: volume}]}
  others:
    profile: nightly
    targets: [{backend: lab, scope: vm}, {backend: lab, scope: tenant}, {backend: lab, scope: cloud}]
YAML
run cat snapplan.yaml policies/demo.yaml
run snapplan validate

say "What would happen, and doing it: snapshots at all four scopes"
run snapplan plan
type_ "snapplan apply --auto-approve | tail -n 3"
snapplan apply --auto-approve | tail -n 3
run snapplan list snapshots

say "A bad day: a file is changed, another deleted, the VM is gone, the tenant is full of rubbish"
run sh -c 'echo "Who wrote this?" > data/volumes/home/diary.txt'
run rm -r data/volumes/home/photos data/volumes/home/empty
run rm -r data/vms/web-01
run sh -c 'head -c 1000 /dev/urandom > data/tenants/acme/vms/db-01/disk.img; rm -r data/tenants/acme/volumes/files'

say "The file tree back in its place, after a safety snapshot of what is there now"
run snapplan restore lab/volume/home --mode in_place --confirm lab/volume/home
prove "the volume home" data/volumes/home before-home.txt

say "The VM, which is gone, out of the snapshot of the whole system, under another name"
run snapplan restore lab/vm/web-01 --via cloud --as web-01-restored --auto-approve
prove "the VM web-01" data/vms/web-01-restored before-web-01.txt

say "The tenant with all it holds, in its place"
run snapplan restore lab/tenant/acme --mode in_place --confirm lab/tenant/acme
prove "the tenant acme" data/tenants/acme before-acme.txt

say "Where everything stands"
run snapplan status
