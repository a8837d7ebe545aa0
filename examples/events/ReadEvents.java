import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Reads an organisation's events by the AsyncAPI document alone: it knows no name of a topic, a type or a field but
 * those that the document has.
 *
 * <pre>
 * curl -s http://127.0.0.1:8080/asyncapi.json -o asyncapi.json
 * java -cp "kafka/libs/*" ReadEvents.java asyncapi.json 127.0.0.1:9092 default my-group 10
 * </pre>
 *
 * It prints a line for each event, and ends after so many: 0 when all of them follow their schemas, else 1.
 */
public final class ReadEvents {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static JsonNode document;

    public static void main(String[] args) throws Exception {
        if (args.length != 5) {
            System.err.println("usage: ReadEvents ASYNCAPI.json BOOTSTRAP ORGANISATION GROUP COUNT");
            System.exit(2);
        }
        document = JSON.readTree(Files.readString(Path.of(args[0])));
        JsonNode channel = sentChannel();
        String topic = channel.get("address").asText();
        for (Map.Entry<String, JsonNode> parameter : channel.path("parameters").properties()) {
            topic = topic.replace("{" + parameter.getKey() + "}", args[2]);
        }
        System.out.println("topic " + topic + ", " + channel.get("messages").size() + " messages");
        System.exit(read(topic, channel, args[1], args[3], Integer.parseInt(args[4])) == 0 ? 0 : 1);
    }

    /** Returns the channel of an operation that this system sends and does not receive: what others may read. */
    private static JsonNode sentChannel() {
        List<String> received = new ArrayList<>();
        List<String> sent = new ArrayList<>();
        for (JsonNode operation : document.get("operations")) {
            String channel = operation.get("channel").get("$ref").asText();
            (operation.get("action").asText().equals("send") ? sent : received).add(channel);
        }
        sent.removeAll(received);
        return found(sent.get(0));
    }

    private static int read(String topic, JsonNode channel, String bootstrap, String group, int count) {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "group.id", group, "auto.offset.reset",
                "earliest", "enable.auto.commit", false);
        int seen = 0;
        int wrong = 0;
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic));
            while (seen < count) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(500))) {
                    String fault = fault(channel, record.value());
                    System.out.println(record.key() + " " + fault);
                    wrong += fault.startsWith("valid") ? 0 : 1;
                    seen++;
                }
                consumer.commitSync();
            }
        }
        System.out.println(seen + " events, " + wrong + " off their schema");
        return wrong;
    }

    /** Returns "valid" and the message's name, or what is wrong. Exactly one message of the channel fits an event. */
    private static String fault(JsonNode channel, String value) {
        String first = "no message of the channel fits";
        try {
            JsonNode event = JSON.readTree(value);
            for (Map.Entry<String, JsonNode> one : channel.get("messages").properties()) {
                JsonNode message = found(one.getValue().get("$ref").asText());
                String problem = check(message.get("payload"), event, "");
                if (problem == null) {
                    return "valid " + one.getKey();
                }
                first = problem.contains("is not the constant") ? first : one.getKey() + " " + problem;
            }
            return first;
        } catch (java.io.IOException e) {
            return "is no JSON";
        }
    }

    /** Returns what is wrong of a value by a schema, by the keywords that these documents have; null if nothing is. */
    private static String check(JsonNode schema, JsonNode value, String path) {
        if (schema.has("$ref")) {
            return check(found(schema.get("$ref").asText()), value, path);
        }
        if (schema.has("anyOf")) {
            for (JsonNode one : schema.get("anyOf")) {
                if (check(one, value, path) == null) {
                    return null;
                }
            }
            return path + " fits none of anyOf";
        }
        if (schema.has("const") && !schema.get("const").equals(value)) {
            return path + " is not the constant " + schema.get("const");
        }
        if (schema.has("enum") && !contains(schema.get("enum"), value)) {
            return path + " is not the constant of " + schema.get("enum");
        }
        if (schema.has("type") && !isOf(schema.get("type").asText(), value)) {
            return path + " is not of type " + schema.get("type").asText();
        }
        return value.isObject() ? fields(schema, value, path) : value.isArray() ? items(schema, value, path) : null;
    }

    private static String fields(JsonNode schema, JsonNode value, String path) {
        for (JsonNode name : schema.path("required")) {
            if (!value.has(name.asText())) {
                return path + "/" + name.asText() + " is missing";
            }
        }
        for (Map.Entry<String, JsonNode> field : value.properties()) {
            JsonNode own = schema.path("properties").path(field.getKey());
            JsonNode rest = schema.path("additionalProperties");
            JsonNode by = own.isObject() ? own : rest;
            String fault = by.isObject() ? check(by, field.getValue(), path + "/" + field.getKey()) : null;
            if (fault != null) {
                return fault;
            }
        }
        return null;
    }

    private static String items(JsonNode schema, JsonNode value, String path) {
        for (int i = 0; schema.has("items") && i < value.size(); i++) {
            String fault = check(schema.get("items"), value.get(i), path + "/" + i);
            if (fault != null) {
                return fault;
            }
        }
        return null;
    }

    private static boolean isOf(String type, JsonNode value) {
        return switch (type) {
            case "object" -> value.isObject();
            case "array" -> value.isArray();
            case "string" -> value.isTextual();
            case "integer" -> value.isIntegralNumber();
            case "number" -> value.isNumber();
            case "boolean" -> value.isBoolean();
            case "null" -> value.isNull();
            default -> throw new IllegalArgumentException("unknown type " + type);
        };
    }

    private static boolean contains(JsonNode values, JsonNode value) {
        for (JsonNode one : values) {
            if (one.equals(value)) {
                return true;
            }
        }
        return false;
    }

    private static JsonNode found(String reference) {
        return document.at(reference.substring(1));
    }
}
