#!/bin/sh
# Submit a run with kcat: one CloudEvent in structured mode.
#
#     examples/events/submit_with_kcat.sh 127.0.0.1:9092 default document_analysis '{"document_key": "gettysburg.txt"}' order-7
#
# kcat's own partitioner is another than that of Kafka's clients: without `partitioner=murmur2_random` events of one key
# are in another partition than those of AgentFlow, Java or kafkajs, so they have no order among each other.
set -eu
bootstrap=${1:?host:port of a broker} org=${2:?an organisation} workflow=${3:?the name of a workflow}
inputs=${4:?its inputs as a JSON object, in one line} id=${5:?an id of this submission}

printf '{"specversion": "1.0", "id": "%s", "source": "kcat", "type": "agentflow.workflow.submit", "data": {"workflow_name": "%s", "inputs": %s}}' \
    "$id" "$workflow" "$inputs" |
    kcat -P -b "$bootstrap" -t "workflow-submissions.$org" -k "$id" -X acks=all -X partitioner=murmur2_random \
        -H 'content-type=application/cloudevents+json'
