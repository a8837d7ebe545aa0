import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Submits a run from Java: one CloudEvent in structured mode, with Kafka's client and nothing of AgentFlow.
 *
 * <pre>java -cp "kafka/libs/*" SubmitEvent.java 127.0.0.1:9092 default greet '{"name": "Ada"}' order-7</pre>
 */
public final class SubmitEvent {
    public static void main(String[] args) throws Exception {
        if (args.length != 5) {
            System.err.println("usage: SubmitEvent BOOTSTRAP ORGANISATION WORKFLOW INPUTS ID");
            System.exit(2);
        }
        String id = args[4];
        String event = String.format(
                "{\"specversion\": \"1.0\", \"id\": %s, \"source\": \"java\", \"type\": \"agentflow.workflow.submit\","
                        + " \"data\": {\"workflow_name\": %s, \"inputs\": %s}}",
                quoted(id), quoted(args[2]), args[3]);
        ProducerRecord<String, String> record = new ProducerRecord<>("workflow-submissions." + args[1], id, event);
        record.headers().add(
                "content-type", "application/cloudevents+json; charset=UTF-8".getBytes(StandardCharsets.UTF_8));
        Map<String, Object> settings = Map.of("bootstrap.servers", args[0], "acks", "all", "delivery.timeout.ms",
                30_000, "request.timeout.ms", 10_000, "max.block.ms", 10_000);
        try (KafkaProducer<String, String> producer =
                new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            RecordMetadata sent = producer.send(record).get();
            System.out.println(
                    sent.topic() + ", partition " + sent.partition() + ", offset " + sent.offset());
        }
    }

    private static String quoted(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char letter : text.toCharArray()) {
            out.append(letter == '"' || letter == '\\' || letter < ' ' ? String.format("\\u%04x", (int) letter) : letter);
        }
        return out.append('"').toString();
    }
}
