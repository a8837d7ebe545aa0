// Submit a run from Node: one CloudEvent in binary mode, with kafkajs and nothing of AgentFlow.
//
//     npm install kafkajs
//     node examples/events/submit.mjs 127.0.0.1:9092 default document_analysis '{"document_key": "gettysburg.txt"}' order-7
import { Kafka, Partitioners, logLevel } from "kafkajs";

const [bootstrap, org, workflow, inputs, id] = process.argv.slice(2);
if (!id) {
  console.error("usage: submit.mjs BOOTSTRAP ORGANISATION WORKFLOW INPUTS ID");
  process.exit(2);
}

const kafka = new Kafka({ clientId: "my-system", brokers: bootstrap.split(","), logLevel: logLevel.ERROR });
// The default one is that of Java's client, so events of one key are in one partition for every sender.
const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent: true });
await producer.connect();
try {
  const [sent] = await producer.send({
    topic: `workflow-submissions.${org}`,
    acks: -1,
    messages: [
      {
        key: id,
        value: JSON.stringify({ workflow_name: workflow, inputs: JSON.parse(inputs) }),
        headers: {
          ce_specversion: "1.0",
          ce_id: id,
          ce_source: "node",
          ce_type: "agentflow.workflow.submit",
          "content-type": "application/json",
        },
      },
    ],
  });
  console.log(`${sent.topicName}, partition ${sent.partition}, offset ${sent.baseOffset}`);
} finally {
  await producer.disconnect();
}
