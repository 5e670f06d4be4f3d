#!/usr/bin/env bash
# A step of a pipeline: restore point, change, and the way back if the change fails.
# Usage: pipeline-step.sh COMMAND [ARGUMENT]...     COMMAND makes the change.
set -euo pipefail
cd "$(dirname "$0")"

# No restore point, no change: a failure ends the script here.
snapplan validate
snapplan apply --auto-approve --target lab/vm/app-01 --target lab/volume/app-data

if "$@"; then
  echo "The change is done; the restore point expires by itself."
  exit 0
else
  failure=$?
fi

echo "The change failed with $failure; going back." >&2
cp rollback/CHG-1234.yaml policies/CHG-1234-rollback.yaml
snapplan apply --auto-approve --confirm lab/volume/app-data
exit "$failure"
