#!/bin/bash
# Runs what the lab asks for. A request is one line: ID BASE64(lines of bash). So is its answer: ID STATUS BASE64(standard
# output) BASE64(standard error), with `-` for nothing. Requests run side by side.
exec 3<>/dev/virtio-ports/virt-aid-lab </dev/null
while read -r id lines <&3; do
  (
    errors=$(mktemp /run/lab/XXXXXX)
    output=$(bash -c "$(base64 -d <<<"$lines")" 2>"$errors" 3>&- 9>&- | base64 -w 0; exit "${PIPESTATUS[0]}")
    status=$?
    said=$(base64 -w 0 "$errors")
    rm -f "$errors"
    flock 9
    printf '%s\n' "$id $status ${output:--} ${said:--}" >&3
  ) 9>/run/lab/lock &
done
