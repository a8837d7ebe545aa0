#!/bin/sh
# Submit a run over HTTP with curl. The same id with the same inputs is the same run, however often it is sent.
#
#     AGENTFLOW_API_KEY=... examples/events/submit_with_curl.sh document_analysis '{"document_key": "gettysburg.txt"}' order-7
set -eu
url=${AGENTFLOW_URL:-http://127.0.0.1:8080}
key=${AGENTFLOW_API_KEY:?set it to an API key}
workflow=${1:?the name of a workflow} inputs=${2:?its inputs as a JSON object} id=${3:?an id of this submission}

# The key goes over standard input, since other users of this machine can read command lines.
printf 'header = "Authorization: Bearer %s"\n' "$key" | curl --config - --silent --show-error --fail-with-body \
    --retry 5 --retry-connrefused --header 'Content-Type: application/json' --header "Idempotency-Key: $id" \
    --data "{\"workflow_name\": \"$workflow\", \"inputs\": $inputs}" "$url/api/v1/workflows/runs"
echo
