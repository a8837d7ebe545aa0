import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * A worker of a queue in Java, over Kafka alone. The protocol is in docs/reference/queues.md.
 *
 * <p>Answers are acknowledged before offsets are committed, so a worker that dies is followed by the next member of its
 * group, which makes the unfinished steps again. Of two answers to one attempt the first one counts.
 */
public final class CountWords {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String WORKER = "java-" + UUID.randomUUID();
    private static volatile boolean running = true;
    private static long answers = 0;

    public static void main(String[] args) throws Exception {
        String bootstrap = args[0];
        String queue = args[1];
        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            running = false;
            try {
                main.join(10_000);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }));
        try (KafkaConsumer<String, String> consumer = consumer(bootstrap, queue);
                KafkaProducer<String, String> producer = producer(bootstrap)) {
            consumer.subscribe(List.of("step-requests." + queue));
            System.out.println("{\"ready\": true}");
            while (running) {
                List<Future<RecordMetadata>> sent = new ArrayList<>();
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
                    ObjectNode answer = answer(record.value());
                    if (answer != null) {
                        sent.add(producer.send(new ProducerRecord<>(
                                "run-events", answer.get("run_id").asText(), JSON.writeValueAsString(answer))));
                    }
                }
                for (Future<RecordMetadata> one : sent) {
                    one.get();
                }
                if (!sent.isEmpty()) {
                    consumer.commitSync();
                }
            }
        }
    }

    /** Returns the event that says what became of an attempt; null for bytes that are no request. */
    private static ObjectNode answer(String value) throws Exception {
        JsonNode request = JSON.readTree(value);
        if (!request.path("v").asText().startsWith("1.") || !request.has("run_id")) {
            return null;
        }
        ObjectNode event = JSON.createObjectNode();
        event.put("v", "1.0");
        for (String name : List.of("run_id", "org_id", "step_id", "attempt")) {
            event.set(name, request.get(name));
        }
        event.put("worker_id", WORKER);
        event.put("started_at_ms", System.currentTimeMillis());
        JsonNode text = request.path("args").path("text");
        boolean known = request.path("work").path("name").asText().equals("count_words");
        if (known && text.isTextual()) {
            event.put("type", "step.succeeded");
            event.putObject("output").put("kind", "inline").set("value", countWords(text.asText()));
        } else {
            event.put("type", "step.failed");
            ObjectNode error = event.putObject("error");
            error.put("code", known ? "bad_arguments" : "unknown_tool");
            error.put("message", known ? "count_words needs a text" : "this queue has the tool count_words only");
        }
        event.put("finished_at_ms", System.currentTimeMillis());
        return event;
    }

    private static ObjectNode countWords(String text) {
        ObjectNode output = JSON.createObjectNode();
        String[] words = text.isBlank() ? new String[0] : text.strip().split("\\s+");
        String longest = "";
        for (String word : words) {
            longest = word.length() > longest.length() ? word : longest;
        }
        return output.put("words", words.length).put("longest", longest).put("answer", WORKER + "-" + ++answers);
    }

    private static KafkaConsumer<String, String> consumer(String bootstrap, String queue) {
        return new KafkaConsumer<>(
                Map.of(
                        "bootstrap.servers", bootstrap,
                        "group.id", "counting-house." + queue,
                        "enable.auto.commit", "false",
                        "auto.offset.reset", "earliest",
                        "session.timeout.ms", "6000",
                        "max.poll.records", "20",
                        "metadata.max.age.ms", "2000"),
                new StringDeserializer(),
                new StringDeserializer());
    }

    private static KafkaProducer<String, String> producer(String bootstrap) {
        // The default partitioner hashes keys with murmur2, which is what decides the partition of a run.
        return new KafkaProducer<>(
                Map.of("bootstrap.servers", bootstrap, "acks", "all", "enable.idempotence", "true"),
                new StringSerializer(),
                new StringSerializer());
    }
}
